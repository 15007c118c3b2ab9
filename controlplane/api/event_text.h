// SPDX-License-Identifier: Apache-2.0
// Events as JSON and as server-sent events (WHATWG HTML, section 9.2). Pure.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <string>

#include "cluster_port.h"

namespace sluice::api {

// 2026-03-01T12:00:00.250Z
[[nodiscard]] std::string time_text(std::chrono::system_clock::time_point time);
[[nodiscard]] boost::json::object event_json(const node::Event& event);
// "id: 7\nevent: write\ndata: {...}\n\n"
[[nodiscard]] std::string event_text(const node::Event& event);
// An event named "now": what came before was remembered, what follows happens.
[[nodiscard]] std::string now_text();
// An event named "gap": those from `asked` up to `oldest` are not remembered any more.
[[nodiscard]] std::string gap_text(std::uint64_t asked, std::uint64_t oldest);

}  // namespace sluice::api
