// SPDX-License-Identifier: Apache-2.0
#include "object_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "suggest.h"

namespace sluice::api {
namespace {

namespace json = boost::json;

std::string_view view(json::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace

node::ApiResult<json::object> parse_body(std::string_view body) {
  if (body.empty()) return json::object();
  json::parse_options options;
  options.max_depth = 8;
  boost::system::error_code failed;
  json::value value = json::parse(json::string_view(body.data(), body.size()), failed, {}, options);
  if (failed) return node::api_error(node::ApiCode::invalid, "the body is not JSON: " + failed.message());
  if (!value.is_object()) return node::api_error(node::ApiCode::invalid, "the body is not a JSON object");
  return std::move(value.get_object());
}

const json::value* ObjectReader::any(std::string_view key) {
  known_.push_back(key);
  const json::value* value = object_.if_contains(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::optional<std::string> ObjectReader::text(std::string_view key) {
  const json::value* value = any(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return std::string(view(value->get_string()));
  fail(key, "must be a string");
  return std::nullopt;
}

std::optional<std::uint64_t> ObjectReader::number(std::string_view key, std::uint64_t maximum) {
  const json::value* value = any(key);
  if (value == nullptr) return std::nullopt;
  boost::system::error_code error;
  const auto number = value->is_number() && !value->is_double() ? value->to_number<std::uint64_t>(error) : 0;
  if (value->is_number() && !value->is_double() && !error && number <= maximum) return number;
  fail(key, fmt::format("must be a whole number from 0 to {}", maximum));
  return std::nullopt;
}

std::optional<bool> ObjectReader::flag(std::string_view key) {
  const json::value* value = any(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_bool()) return value->get_bool();
  fail(key, "must be true or false");
  return std::nullopt;
}

std::optional<IpAddress> ObjectReader::address(std::string_view key) {
  const std::optional<std::string> written = text(key);
  if (!written) return std::nullopt;
  const Result<IpAddress> parsed = IpAddress::parse(*written);
  if (parsed) return *parsed;
  fail(key, fmt::format("{} is no IPv4 or IPv6 address", in_quotes(*written)));
  return std::nullopt;
}

const json::array* ObjectReader::array(std::string_view key) {
  const json::value* value = any(key);
  if (value == nullptr) return nullptr;
  if (value->is_array()) return &value->get_array();
  fail(key, "must be a list");
  return nullptr;
}

std::string ObjectReader::required_text(std::string_view key) {
  const std::optional<std::string> found = text(key);
  if (!found) fail(key, "is missing");
  return found.value_or("");
}

IpAddress ObjectReader::required_address(std::string_view key) {
  const std::optional<IpAddress> found = address(key);
  if (!found) fail(key, "is missing");
  return found.value_or(IpAddress());
}

void ObjectReader::fail(std::string_view key, std::string_view what) {
  if (!fault_) fault_ = node::api_error(node::ApiCode::invalid, fmt::format("{} {}", path(key), what));
}

node::ApiStatus ObjectReader::finish() {
  for (const json::key_value_pair& member : object_) {
    const std::string_view key = view(member.key());
    if (fault_ || std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    fault_ = node::api_error(node::ApiCode::invalid,
                             fmt::format("unknown member {}{}{}", in_quotes(key),
                                         where_.empty() ? std::string() : " of " + where_, did_you_mean(key, known_)));
  }
  if (fault_) return *fault_;
  return {};
}

std::string ObjectReader::path(std::string_view key) const {
  return where_.empty() ? in_quotes(key) : in_quotes(where_ + '.' + std::string(key));
}

}  // namespace sluice::api
