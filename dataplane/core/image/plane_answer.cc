// SPDX-License-Identifier: Apache-2.0
#include "plane_answer.h"

#include <boost/json.hpp>

namespace sluice {

namespace json = boost::json;

Result<json::object> parse_plane_answer(std::string_view line) {
  json::error_code failed;
  json::parse_options options;
  options.max_depth = 8;  // the deepest answer, stats, has 3
  json::value value = json::parse(json::string_view(line.data(), line.size()), failed, {}, options);
  if (!failed && value.is_object()) return std::move(value.get_object());
  return make_error(ErrorCode::invalid_argument, "the plane's answer is none: not a JSON object");
}

std::string text_of(const json::object& answer, std::string_view key) {
  const json::value* value = answer.if_contains(json::string_view(key.data(), key.size()));
  if (value == nullptr || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

}  // namespace sluice
