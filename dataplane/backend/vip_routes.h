// SPDX-License-Identifier: Apache-2.0
// Routes for what is sent from a VIP: a copy of the main table with an advertised MSS of its own, chosen by a policy
// rule "from VIP". A SYN-ACK's MSS option comes from the route of the answer (tcp_synack), so this is where a client is
// told to leave room for the tunnel's headers. Everything made here carries our protocol number and is known by it
// again.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "error.h"
#include "ip_address.h"
#include "netlink_socket.h"

namespace sluice::backend {

// The routing table and the originator's number (rtm_protocol) of what Sluice makes. 83 is in none of the kernel's and
// FRR's lists; 6080 is GUE's port, easy to recognise in `ip rule`.
inline constexpr std::uint32_t vip_table = 6080;
inline constexpr std::uint8_t vip_route_protocol = 83;
// Just before main (32766): whatever the operator's rules say before that comes first.
inline constexpr std::uint32_t vip_rule_priority = 32750;
// A copy of a table of the whole Internet is no copy anybody wants on a web server.
inline constexpr std::size_t copied_routes_max = 16384;

// A route as it is copied: everything that decides where packets go; comparable.
struct RouteCopy {
  std::uint8_t family = 0;
  std::uint8_t destination_length = 0;
  std::uint8_t source_length = 0;
  std::uint8_t tos = 0;
  std::uint8_t scope = 0;
  std::uint8_t type = 0;
  std::uint32_t flags = 0;
  std::map<std::uint16_t, std::vector<std::uint8_t>> attributes;  // RTA_*
  std::map<std::uint16_t, std::vector<std::uint8_t>> metrics;     // RTAX_*

  friend auto operator<=>(const RouteCopy&, const RouteCopy&) = default;
};

// The MSS for each family; 0: no rules and routes for it.
struct AdvertisedMss {
  std::uint16_t v4 = 0;
  std::uint16_t v6 = 0;
  friend bool operator==(const AdvertisedMss&, const AdvertisedMss&) = default;
};

// The largest MSS whose segments, with the worst outer header of the families balancers may use, fit the path.
AdvertisedMss mss_for_path(std::uint32_t mtu, bool outer_v6);

struct VipRoutesResult {
  std::size_t routes = 0;
  std::size_t skipped = 0;  // the kernel refused the copy; what they carry goes by main, with main's MSS
};

// Makes rules and routes what they have to be for these VIPs, and nothing more; no change if nothing has changed.
Result<VipRoutesResult> sync_vip_routes(NetlinkSocket& netlink, const std::vector<IpAddress>& vips,
                                        const AdvertisedMss& mss);

// Does an IPv4 default route of the main table go out of this interface?
bool default_route_leaves_by(NetlinkSocket& netlink, std::uint32_t interface);

// Removes every rule and route of ours.
Status remove_vip_routes(NetlinkSocket& netlink);

}  // namespace sluice::backend
