// SPDX-License-Identifier: Apache-2.0
#include "bench_veth_pair.h"

#include <fcntl.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>

#include <cerrno>
#include <string>

#include "errno_error.h"
#include "netlink_socket.h"
#include "unique_fd.h"

namespace sluice::bench {
namespace {

constexpr const char* generator_name = "generator";
constexpr const char* balancer_name = "balancer";

// Router solicitations and multicast reports would be counted among the packets. Kernels without IPv6 lack the file.
Status turn_ipv6_off() {
  const UniqueFd file(open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC));
  if (file.is_open() && write(file.get(), "1", 1) != 1)
    return errno_error("cannot turn IPv6 off in the namespace", errno);
  return {};
}

Status failed(const char* what, const std::optional<NetlinkError>& error) {
  if (!error) return {};
  return errno_error(error->text.empty() ? what : std::string(what) + " (" + error->text + ")", error->number);
}

Status add_pair(NetlinkSocket& socket) {
  NetlinkMessage<ifinfomsg> message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  nlmsghdr& header = message.header();
  mnl_attr_put_strz(&header, IFLA_IFNAME, generator_name);
  nlattr* info = mnl_attr_nest_start(&header, IFLA_LINKINFO);
  mnl_attr_put_strz(&header, IFLA_INFO_KIND, "veth");
  nlattr* data = mnl_attr_nest_start(&header, IFLA_INFO_DATA);
  nlattr* peer = mnl_attr_nest_start(&header, VETH_INFO_PEER);
  auto* peer_header = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(&header, sizeof(ifinfomsg)));
  *peer_header = {};
  mnl_attr_put_strz(&header, IFLA_IFNAME, balancer_name);
  mnl_attr_nest_end(&header, peer);
  mnl_attr_nest_end(&header, data);
  mnl_attr_nest_end(&header, info);
  return failed("cannot make a veth pair", socket.request(header));
}

Status set_up(NetlinkSocket& socket, const Interface& interface) {
  NetlinkMessage<ifinfomsg> message(RTM_NEWLINK, 0);
  message->ifi_index = static_cast<int>(interface.index);
  message->ifi_flags = message->ifi_change = IFF_UP;
  return failed("cannot set a veth up", socket.request(message.header()));
}

}  // namespace

Result<VethPair> make_veth_pair() {
  if (unshare(CLONE_NEWNET) != 0)
    return errno_error("cannot make a network namespace (run as root, or with CAP_SYS_ADMIN)", errno);
  if (Status off = turn_ipv6_off(); !off) return off.error();
  auto socket = NetlinkSocket::open();
  if (!socket) return socket.error();
  if (Status added = add_pair(*socket); !added) return added.error();
  auto generator = find_interface(generator_name);
  if (!generator) return generator.error();
  auto balancer = find_interface(balancer_name);
  if (!balancer) return balancer.error();
  for (const Interface& interface : {*generator, *balancer})
    if (Status up = set_up(*socket, interface); !up) return up.error();
  return VethPair{*generator, *balancer};
}

}  // namespace sluice::bench
