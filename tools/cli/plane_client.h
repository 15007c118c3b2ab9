// SPDX-License-Identifier: Apache-2.0
// One question to the plane on this host, one answer: a line of JSON each way over a unix socket
// (docs/control-socket.md).
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "command_context.h"
#include "json_members.h"

namespace sluice::cli {

// Waits no longer than context.timeout in all. An answer with "ok": false becomes a failure with the plane's exit code.
[[nodiscard]] Outcome<boost::json::object> ask_plane(const Context& context, const boost::json::object& request);

}  // namespace sluice::cli
