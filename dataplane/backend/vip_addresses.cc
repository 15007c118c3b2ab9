// SPDX-License-Identifier: Apache-2.0
#include "vip_addresses.h"

#include <linux/if_addr.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "errno_error.h"

namespace sluice::backend {
namespace {

std::uint32_t loopback_index() {
  return if_nametoindex("lo");
}

std::optional<IpAddress> address_in(const nlmsghdr& message) {
  const auto* header = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(&message));
  std::optional<IpAddress> found;
  // IFA_LOCAL is the host's own end of a point-to-point line; IPv6 has IFA_ADDRESS only.
  for_each_attribute(message, sizeof *header, [&](std::uint16_t type, const nlattr* attribute) {
    if (type != IFA_LOCAL && !(type == IFA_ADDRESS && !found)) return;
    std::array<std::uint8_t, 16> bytes{};
    const std::size_t length = mnl_attr_get_payload_len(attribute);
    std::memcpy(bytes.data(), mnl_attr_get_payload(attribute), std::min(length, bytes.size()));
    found = header->ifa_family == AF_INET ? IpAddress::from_v4_bytes({bytes[0], bytes[1], bytes[2], bytes[3]})
                                          : IpAddress::from_v6_bytes(bytes);
  });
  return found;
}

std::optional<NetlinkError> change_vip(NetlinkSocket& netlink, const IpAddress& vip, std::uint16_t type,
                                       std::uint16_t flags) {
  NetlinkMessage<ifaddrmsg> message(type, flags);
  message->ifa_family = vip.is_v4() ? AF_INET : AF_INET6;
  message->ifa_prefixlen = vip.is_v4() ? 32 : 128;
  // Host scope (IPv4) and deprecated (IPv6, below): the kernel never picks a VIP as the source of the host's own
  // connections, while answers from the VIP and explicit binds go on as usual.
  message->ifa_scope = vip.is_v4() ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
  message->ifa_index = loopback_index();
  const std::size_t length = vip.is_v4() ? 4 : 16;
  mnl_attr_put(&message.header(), IFA_LOCAL, length, vip.bytes().data());
  mnl_attr_put(&message.header(), IFA_ADDRESS, length, vip.bytes().data());
  if (!vip.is_v4()) {
    mnl_attr_put_u32(&message.header(), IFA_FLAGS, IFA_F_NODAD | IFA_F_NOPREFIXROUTE);
    const ifa_cacheinfo lifetimes{0, 0xffffffffU, 0, 0};  // preferred 0, valid for ever
    mnl_attr_put(&message.header(), IFA_CACHEINFO, sizeof lifetimes, &lifetimes);
  }
  return netlink.request(message.header());
}

}  // namespace

Result<std::vector<HostAddress>> list_addresses(NetlinkSocket& netlink) {
  NetlinkMessage<ifaddrmsg> message(RTM_GETADDR, NLM_F_DUMP);
  message->ifa_family = AF_UNSPEC;
  std::vector<HostAddress> addresses;
  const auto failed = netlink.request(message.header(), [&addresses](const nlmsghdr& answer) {
    if (answer.nlmsg_type != RTM_NEWADDR) return;
    const auto* header = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(&answer));
    if (header->ifa_family != AF_INET && header->ifa_family != AF_INET6) return;
    if (const auto address = address_in(answer)) addresses.push_back({*address, header->ifa_index});
  });
  if (failed) return errno_error("cannot list the host's addresses", failed->number);
  std::sort(addresses.begin(), addresses.end());
  return addresses;
}

Status add_vip(NetlinkSocket& netlink, const IpAddress& vip) {
  const auto failed = change_vip(netlink, vip, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
  if (!failed || failed->number == EEXIST) return {};
  return errno_error("cannot put " + vip.to_string() + " on lo", failed->number);
}

Status remove_vip(NetlinkSocket& netlink, const IpAddress& vip) {
  const auto failed = change_vip(netlink, vip, RTM_DELADDR, 0);
  if (!failed || failed->number == EADDRNOTAVAIL) return {};
  return errno_error("cannot take " + vip.to_string() + " off lo", failed->number);
}

}  // namespace sluice::backend
