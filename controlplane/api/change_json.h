// SPDX-License-Identifier: Apache-2.0
// Bodies of writing requests -> what the model is asked to do. Pure and total: any bytes give operations or an error.
// Forms only; whether names exist and values fit is the model's to say.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api_error.h"
#include "command.h"

namespace sluice::api {

// A weight as people write it: "50", "+10", "-10", "50%"; a number in JSON is absolute.
struct WeightWish {
  enum class Kind : std::uint8_t { absolute, add, subtract, percent } kind = Kind::absolute;
  std::uint32_t amount = 0;  // at most 65535; of percent 1000
  // Never below 0 or above 65535. A percentage of a weight above 0 is at least 1.
  [[nodiscard]] std::uint16_t applied_to(std::uint16_t weight) const;
};
[[nodiscard]] node::ApiResult<WeightWish> parse_weight(std::string_view text);
// {"weight": 50} or {"weight": "+10"}
[[nodiscard]] node::ApiResult<WeightWish> weight_of_json(const boost::json::object& body);

[[nodiscard]] node::ApiResult<model::PutService> new_service(const boost::json::object& body);
// The record with the members of `body` put in.
[[nodiscard]] node::ApiResult<model::PutService> changed_service(model::ServiceRecord record,
                                                                 const boost::json::object& body);
[[nodiscard]] node::ApiResult<model::PutPool> new_pool(const boost::json::object& body);
[[nodiscard]] node::ApiResult<model::SetPool> changed_pool(std::string name, const boost::json::object& body);
[[nodiscard]] node::ApiResult<model::PutBackend> new_backend(std::string pool, const boost::json::object& body);
[[nodiscard]] node::ApiResult<model::PutBackend> changed_backend(std::string pool, MemberConfig backend,
                                                                 const boost::json::object& body);

struct ApplyWish {
  model::ReplaceAll all;
  std::optional<std::chrono::milliseconds> confirm_within;
};
// {"config": "...", "confirm_within": "120s"}. The text is a configuration file; hash_key and [plane] are each host's
// own business, may be left out and are passed over.
[[nodiscard]] node::ApiResult<ApplyWish> apply_of_json(const boost::json::object& body);

// 32 hexadecimal digits, with or without the dashes of a UUID; not all zero.
[[nodiscard]] node::ApiResult<model::RequestId> parse_request_id(std::string_view text);

}  // namespace sluice::api
