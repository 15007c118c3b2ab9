// SPDX-License-Identifier: Apache-2.0
// One question to the plane on this host, one answer: a line of JSON each way over a unix socket
// (docs/control-socket.md).
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "command_context.h"

namespace sluice::cli {

// Waits no longer than context.timeout in all. An answer with "ok": false becomes a failure with the plane's exit code.
[[nodiscard]] Outcome<boost::json::object> ask_plane(const Context& context, const boost::json::object& request);

// Members of an answer. A plane of another version may leave one out, so absence is a value: 0, "", empty.
std::uint64_t number_member(const boost::json::object& object, std::string_view key);
std::string text_member(const boost::json::object& object, std::string_view key);
const boost::json::array& array_member(const boost::json::object& object, std::string_view key);
// Elements that are no objects read as empty ones.
const boost::json::object& object_of(const boost::json::value& value);

}  // namespace sluice::cli
