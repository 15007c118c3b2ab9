// SPDX-License-Identifier: Apache-2.0
// The path and the query of a request's target. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api_error.h"

namespace sluice::api {

// "/v1/pools/web%20a?wait=generation" -> {"v1", "pools", "web a"}, {{"wait", "generation"}}
struct RequestTarget {
  std::vector<std::string> segments;
  std::vector<std::pair<std::string, std::string>> query;

  [[nodiscard]] const std::string* find(std::string_view key) const;
};

// invalid: not an absolute path, a broken percent code, a NUL, more than 16 segments or 32 parameters.
[[nodiscard]] node::ApiResult<RequestTarget> parse_target(std::string_view target);

// A parameter that is none of these is refused, with a suggestion.
[[nodiscard]] node::ApiStatus only_known(const RequestTarget& target, std::initializer_list<std::string_view> known);
// "true", "1" and a key without a value are true; "false" and "0" and absence are not.
[[nodiscard]] node::ApiResult<bool> flag_of(const RequestTarget& target, std::string_view key);
[[nodiscard]] node::ApiResult<std::optional<std::uint64_t>> number_of(const RequestTarget& target,
                                                                      std::string_view key);
// "1500ms", "10s", "2m"; a bare number is seconds. At most an hour.
[[nodiscard]] node::ApiResult<std::chrono::milliseconds> parse_duration(std::string_view text);

[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view text);
// Everything but letters, digits and -._~ as %XX.
[[nodiscard]] std::string percent_encoded(std::string_view text);

}  // namespace sluice::api
