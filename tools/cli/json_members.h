// SPDX-License-Identifier: Apache-2.0
// Members of an answer. A plane or node of another version may leave one out, so absence is a value: 0, "", empty.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::cli {

// null if there is none.
const boost::json::value& member_of(const boost::json::object& object, std::string_view key);
std::uint64_t number_member(const boost::json::object& object, std::string_view key);
double decimal_member(const boost::json::object& object, std::string_view key);
bool flag_member(const boost::json::object& object, std::string_view key);
std::string text_member(const boost::json::object& object, std::string_view key);
const boost::json::array& array_member(const boost::json::object& object, std::string_view key);
// What is no object reads as an empty one.
const boost::json::object& object_of(const boost::json::value& value);

}  // namespace sluice::cli
