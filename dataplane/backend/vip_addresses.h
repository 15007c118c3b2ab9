// SPDX-License-Identifier: Apache-2.0
// Addresses of the host: which it has, and VIPs put on the loopback interface.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "error.h"
#include "ip_address.h"
#include "netlink_socket.h"

namespace sluice::backend {

struct HostAddress {
  IpAddress address;
  std::uint32_t interface = 0;
  friend auto operator<=>(const HostAddress&, const HostAddress&) = default;
};

Result<std::vector<HostAddress>> list_addresses(NetlinkSocket& netlink);

// On `lo` with full length. Not an error if it is there already.
Status add_vip(NetlinkSocket& netlink, const IpAddress& vip);
// Not an error if it is gone already.
Status remove_vip(NetlinkSocket& netlink, const IpAddress& vip);

}  // namespace sluice::backend
