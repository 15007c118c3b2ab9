// SPDX-License-Identifier: Apache-2.0
// What comes back on a plane's control socket (docs/control-socket.md), as its clients read it. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "error.h"

namespace sluice {

// One line without its end; what it says is not looked at.
[[nodiscard]] Result<boost::json::object> parse_plane_answer(std::string_view line);
// A member that is a string; empty if there is none.
[[nodiscard]] std::string text_of(const boost::json::object& answer, std::string_view key);

}  // namespace sluice
