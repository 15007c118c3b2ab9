// SPDX-License-Identifier: Apache-2.0
// Routes to and from netlink messages. Internal to dataplane/backend.
#pragma once

#include <optional>
#include <vector>

#include "netlink_socket.h"
#include "vip_routes.h"

namespace sluice::backend {

// A message of a route dump. Nothing if it is of another table or protocol (0: any), or not to be copied.
std::optional<RouteCopy> read_route(const nlmsghdr& message, std::uint32_t table, std::uint8_t protocol);

// RTM_NEWROUTE or RTM_DELROUTE for the VIPs' table. Empty if the route does not fit a message.
std::vector<char> write_route(const RouteCopy& route, std::uint16_t type);

}  // namespace sluice::backend
