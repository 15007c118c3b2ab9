// SPDX-License-Identifier: Apache-2.0
#include "xdp_refusal.h"

#include <linux/if_link.h>

#include "netlink_socket.h"

namespace sluice {
namespace {

std::uint32_t mode_flag(PlaneMode mode) {
  return mode == PlaneMode::native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
}

std::optional<NetlinkError> set_program(NetlinkSocket& socket, std::uint32_t interface, int fd, int expected_fd,
                                        std::uint32_t flags) {
  NetlinkMessage<ifinfomsg> message(RTM_SETLINK, 0);
  message->ifi_index = static_cast<int>(interface);
  nlattr* nest = mnl_attr_nest_start(&message.header(), IFLA_XDP);
  mnl_attr_put_u32(&message.header(), IFLA_XDP_FD, static_cast<std::uint32_t>(fd));
  mnl_attr_put_u32(&message.header(), IFLA_XDP_FLAGS, flags);
  if (expected_fd >= 0)
    mnl_attr_put_u32(&message.header(), IFLA_XDP_EXPECTED_FD, static_cast<std::uint32_t>(expected_fd));
  mnl_attr_nest_end(&message.header(), nest);
  return socket.request(message.header());
}

}  // namespace

std::string xdp_refusal_text(std::uint32_t interface, int program_fd, PlaneMode mode) {
  Result<NetlinkSocket> socket = NetlinkSocket::open();
  if (!socket) return {};
  const auto refused = set_program(*socket, interface, program_fd, -1, mode_flag(mode) | XDP_FLAGS_UPDATE_IF_NOEXIST);
  if (refused) return refused->text;
  // It can be attached after all, but not by a link: nothing that could outlive us.
  set_program(*socket, interface, -1, program_fd, mode_flag(mode) | XDP_FLAGS_REPLACE);
  return {};
}

}  // namespace sluice
