// SPDX-License-Identifier: Apache-2.0
// Members of a JSON object, each asked for by name and kind. The first fault is kept; a member that nobody asked for is
// a fault too, with a suggestion. Pure.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api_error.h"
#include "ip_address.h"
#include "strong_types.h"

namespace sluice::api {

// The body as an object; an empty body is an empty object. Depth and size are bounded; the caller has bounded the
// bytes.
[[nodiscard]] node::ApiResult<boost::json::object> parse_body(std::string_view body);

class ObjectReader {
 public:
  // `where`: "backends[2]"; empty for the body itself. `object` must outlive the reader.
  explicit ObjectReader(const boost::json::object& object, std::string where = {})
      : object_(object), where_(std::move(where)) {}

  // Nothing: absent or null, or of the wrong kind, which is a fault.
  std::optional<std::string> text(std::string_view key);
  std::optional<std::uint64_t> number(std::string_view key, std::uint64_t maximum);
  std::optional<bool> flag(std::string_view key);
  std::optional<IpAddress> address(std::string_view key);
  const boost::json::array* array(std::string_view key);
  const boost::json::value* any(std::string_view key);

  std::string required_text(std::string_view key);
  IpAddress required_address(std::string_view key);

  void fail(std::string_view key, std::string_view what);
  // Asks that nothing is left over, and gives the first fault.
  [[nodiscard]] node::ApiStatus finish();

 private:
  [[nodiscard]] std::string path(std::string_view key) const;

  const boost::json::object& object_;
  std::string where_;
  std::vector<std::string_view> known_;
  std::optional<node::ApiError> fault_;
};

}  // namespace sluice::api
