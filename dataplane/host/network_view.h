// SPDX-License-Identifier: Apache-2.0
// What the kernel knows of links, routes and neighbours, as values; and the netlink messages that ask for it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "error.h"
#include "ip_address.h"
#include "netlink_socket.h"

namespace sluice {

using MacAddress = std::array<std::uint8_t, 6>;
[[nodiscard]] std::string to_string(const MacAddress& mac);

struct Link {
  std::uint32_t index = 0;
  std::string name;
  std::uint32_t mtu = 0;
  bool is_ethernet = false;  // has a MAC address of 6 bytes and frames that begin with two of them
  bool is_up = false;
  MacAddress mac{};
};

struct Route {
  std::uint32_t interface = 0;
  std::optional<IpAddress> gateway;  // none: the destination is on the link
  std::uint8_t type = 0;             // RTN_UNICAST, RTN_LOCAL, RTN_BLACKHOLE ...
};

struct NeighbourKey {
  std::uint32_t interface = 0;
  IpAddress address;
  friend auto operator<=>(const NeighbourKey&, const NeighbourKey&) = default;
};

struct Neighbour {
  NeighbourKey key;
  std::uint16_t state = 0;  // NUD_*
  std::optional<MacAddress> mac;

  // A MAC address that may be used now.
  [[nodiscard]] bool is_valid() const;
};

// Notifications and dump entries. Nothing: not of that kind, or not of a family or type that matters here.
[[nodiscard]] std::optional<Link> parse_link(const nlmsghdr& message);
[[nodiscard]] std::optional<Neighbour> parse_neighbour(const nlmsghdr& message);

Result<std::vector<Link>> list_links(NetlinkSocket& socket);
Result<std::vector<Neighbour>> list_neighbours(NetlinkSocket& socket);

// Where a packet of this host from `source` goes. A source the host does not have is tried without.
struct RouteAnswer {
  std::optional<Route> route;
  int number = 0;  // errno if there is none
};
RouteAnswer find_route(NetlinkSocket& socket, const IpAddress& destination, const std::optional<IpAddress>& source);

enum class NeighbourCare {
  keep_fresh,  // resolve now, and let the kernel probe it again and again (NTF_EXT_MANAGED, Linux 5.16)
  let_go,      // as any other entry from now on
};
// Never for an entry that is permanent: the kernel would make it an ordinary one.
std::optional<NetlinkError> use_neighbour(NetlinkSocket& socket, const NeighbourKey& key, NeighbourCare care);

}  // namespace sluice
