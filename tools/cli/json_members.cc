// SPDX-License-Identifier: Apache-2.0
#include "json_members.h"

namespace sluice::cli {

namespace json = boost::json;

const json::value& member_of(const json::object& object, std::string_view key) {
  static const json::value none;
  const json::value* value = object.if_contains(key);
  return value == nullptr ? none : *value;
}

std::uint64_t number_member(const json::object& object, std::string_view key) {
  boost::system::error_code error;
  const auto number = member_of(object, key).to_number<std::uint64_t>(error);
  return error ? 0 : number;
}

double decimal_member(const json::object& object, std::string_view key) {
  boost::system::error_code error;
  const auto number = member_of(object, key).to_number<double>(error);
  return error ? 0 : number;
}

bool flag_member(const json::object& object, std::string_view key) {
  const json::value& value = member_of(object, key);
  return value.is_bool() && value.get_bool();
}

std::string text_member(const json::object& object, std::string_view key) {
  const json::value& value = member_of(object, key);
  return value.is_string() ? std::string(value.get_string()) : std::string();
}

const json::array& array_member(const json::object& object, std::string_view key) {
  static const json::array empty;
  const json::value& value = member_of(object, key);
  return value.is_array() ? value.get_array() : empty;
}

const json::object& object_of(const json::value& value) {
  static const json::object empty;
  return value.is_object() ? value.get_object() : empty;
}

}  // namespace sluice::cli
