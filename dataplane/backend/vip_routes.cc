// SPDX-License-Identifier: Apache-2.0
#include "vip_routes.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "errno_error.h"
#include "route_copy.h"
#include "sluice_limits.h"

namespace sluice::backend {
namespace {

constexpr std::uint32_t tcp_header_bytes = 20;
// Linux's TCP_MIN_MSS: it uses no less, whatever is advertised.
constexpr std::uint32_t mss_least = 88;
constexpr std::uint32_t outer_v4_bytes_max = 20 + 8 + 4 + SLUICE_GUE_CHAIN_BYTES_MAX;

std::vector<std::uint8_t> bytes_of(std::uint32_t word) {
  std::vector<std::uint8_t> bytes(sizeof word);
  std::memcpy(bytes.data(), &word, sizeof word);
  return bytes;
}

Result<std::set<RouteCopy>> list_routes(NetlinkSocket& netlink, std::uint8_t family, std::uint32_t table,
                                        std::uint8_t protocol) {
  NetlinkMessage<rtmsg> message(RTM_GETROUTE, NLM_F_DUMP);
  message->rtm_family = family;
  std::set<RouteCopy> routes;
  const auto failed = netlink.request(message.header(), [&](const nlmsghdr& answer) {
    if (routes.size() > copied_routes_max) return;
    if (auto route = read_route(answer, table, protocol)) routes.insert(std::move(*route));
  });
  // A kernel without IPv6 has no routes of it.
  if (failed && failed->number != EAFNOSUPPORT && failed->number != EOPNOTSUPP)
    return errno_error("cannot list the routes", failed->number);
  return routes;
}

int change_route(NetlinkSocket& netlink, const RouteCopy& route, std::uint16_t type) {
  std::vector<char> message = write_route(route, type);
  if (message.empty()) return EMSGSIZE;
  const auto failed = netlink.request(*reinterpret_cast<nlmsghdr*>(message.data()));
  return failed ? failed->number : 0;
}

// Routes that need no gateway first: a gateway must be reachable by the time it is named.
std::vector<const RouteCopy*> in_order(const std::set<RouteCopy>& routes) {
  std::vector<const RouteCopy*> order;
  for (const RouteCopy& route : routes) order.push_back(&route);
  const auto is_direct = [](const RouteCopy* route) {
    return !route->attributes.contains(RTA_GATEWAY) && !route->attributes.contains(RTA_VIA) &&
           !route->attributes.contains(RTA_MULTIPATH);
  };
  std::stable_partition(order.begin(), order.end(), is_direct);
  return order;
}

Status sync_routes(NetlinkSocket& netlink, std::uint8_t family, std::uint16_t mss, VipRoutesResult& result) {
  Result<std::set<RouteCopy>> main = std::set<RouteCopy>{};
  if (mss != 0) main = list_routes(netlink, family, RT_TABLE_MAIN, 0);
  if (!main) return main.error();
  if (main->size() > copied_routes_max)
    return make_error(ErrorCode::out_of_capacity, "the main table has more than " + std::to_string(copied_routes_max) +
                                                      " routes; use --mss none and give the routes an advmss yourself");
  std::set<RouteCopy> wanted;
  for (RouteCopy route : *main) {
    route.metrics[RTAX_ADVMSS] = bytes_of(mss);
    wanted.insert(std::move(route));
  }
  const Result<std::set<RouteCopy>> present = list_routes(netlink, family, vip_table, vip_route_protocol);
  if (!present) return present.error();
  for (const RouteCopy& route : *present)
    if (!wanted.contains(route)) change_route(netlink, route, RTM_DELROUTE);
  for (const RouteCopy* route : in_order(wanted)) {
    const int refused = present->contains(*route) ? 0 : change_route(netlink, *route, RTM_NEWROUTE);
    if (refused == EPERM) return errno_error("cannot change routes", refused);
    (refused == 0 || refused == EEXIST ? result.routes : result.skipped) += 1;
  }
  return {};
}

Result<std::set<IpAddress>> list_rules(NetlinkSocket& netlink, std::uint8_t family) {
  NetlinkMessage<fib_rule_hdr> message(RTM_GETRULE, NLM_F_DUMP);
  message->family = family;
  std::set<IpAddress> rules;
  const auto failed = netlink.request(message.header(), [&](const nlmsghdr& answer) {
    if (answer.nlmsg_type != RTM_NEWRULE) return;
    bool ours = false;
    std::array<std::uint8_t, 16> source{};
    for_each_attribute(answer, sizeof(fib_rule_hdr), [&](std::uint16_t type, const nlattr* attribute) {
      const std::size_t length = std::min<std::size_t>(mnl_attr_get_payload_len(attribute), source.size());
      if (type == FRA_PROTOCOL && length >= 1) ours = mnl_attr_get_u8(attribute) == vip_route_protocol;
      if (type == FRA_SRC) std::memcpy(source.data(), mnl_attr_get_payload(attribute), length);
    });
    if (ours)
      rules.insert(family == AF_INET ? IpAddress::from_v4_bytes({source[0], source[1], source[2], source[3]})
                                     : IpAddress::from_v6_bytes(source));
  });
  if (failed && failed->number != EAFNOSUPPORT && failed->number != EOPNOTSUPP)
    return errno_error("cannot list the routing rules", failed->number);
  return rules;
}

Status change_rule(NetlinkSocket& netlink, const IpAddress& vip, std::uint16_t type) {
  NetlinkMessage<fib_rule_hdr> message(type, type == RTM_NEWRULE ? NLM_F_CREATE | NLM_F_EXCL : 0);
  message->family = vip.is_v4() ? AF_INET : AF_INET6;
  message->src_len = vip.is_v4() ? 32 : 128;
  message->table = RT_TABLE_UNSPEC;
  message->action = FR_ACT_TO_TBL;
  mnl_attr_put(&message.header(), FRA_SRC, vip.is_v4() ? 4 : 16, vip.bytes().data());
  mnl_attr_put_u32(&message.header(), FRA_TABLE, vip_table);
  mnl_attr_put_u32(&message.header(), FRA_PRIORITY, vip_rule_priority);
  mnl_attr_put_u8(&message.header(), FRA_PROTOCOL, vip_route_protocol);
  const auto failed = netlink.request(message.header());
  if (!failed || (type == RTM_NEWRULE && failed->number == EEXIST)) return {};
  if (type == RTM_DELRULE && (failed->number == ENOENT || failed->number == EAFNOSUPPORT)) return {};
  return errno_error("cannot change the routing rule of " + vip.to_string(), failed->number);
}

Status sync_rules(NetlinkSocket& netlink, std::uint8_t family, const std::set<IpAddress>& wanted) {
  const Result<std::set<IpAddress>> present = list_rules(netlink, family);
  if (!present) return present.error();
  for (const IpAddress& vip : *present) {
    if (wanted.contains(vip)) continue;
    if (const Status changed = change_rule(netlink, vip, RTM_DELRULE); !changed) return changed;
  }
  for (const IpAddress& vip : wanted) {
    if (present->contains(vip)) continue;
    if (const Status changed = change_rule(netlink, vip, RTM_NEWRULE); !changed) return changed;
  }
  return {};
}

}  // namespace

AdvertisedMss mss_for_path(std::uint32_t mtu, bool outer_v6) {
  const std::uint32_t outer = outer_v6 ? SLUICE_OUTER_BYTES_MAX : outer_v4_bytes_max;
  const auto room = [&](std::uint32_t ip_bytes) {
    const std::uint32_t taken = outer + ip_bytes + tcp_header_bytes;
    return static_cast<std::uint16_t>(std::clamp<std::uint32_t>(mtu > taken ? mtu - taken : 0, mss_least, 65495));
  };
  return {room(20), room(40)};
}

Result<VipRoutesResult> sync_vip_routes(NetlinkSocket& netlink, const std::vector<IpAddress>& vips,
                                        const AdvertisedMss& mss) {
  VipRoutesResult result;
  for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
    std::set<IpAddress> wanted;
    const std::uint16_t family_mss = family == AF_INET ? mss.v4 : mss.v6;
    for (const IpAddress& vip : vips)
      if (family_mss != 0 && vip.is_v4() == (family == AF_INET)) wanted.insert(vip);
    // Routes before the rules that lead there.
    const Status routes = sync_routes(netlink, family, wanted.empty() ? std::uint16_t{0} : family_mss, result);
    if (!routes) return routes.error();
    const Status rules = sync_rules(netlink, family, wanted);
    if (!rules) return rules.error();
  }
  return result;
}

bool default_route_leaves_by(NetlinkSocket& netlink, std::uint32_t interface) {
  const Result<std::set<RouteCopy>> routes = list_routes(netlink, AF_INET, RT_TABLE_MAIN, 0);
  if (!routes) return false;
  return std::any_of(routes->begin(), routes->end(), [interface](const RouteCopy& route) {
    const auto out = route.attributes.find(RTA_OIF);
    return route.destination_length == 0 && out != route.attributes.end() && out->second == bytes_of(interface);
  });
}

Status remove_vip_routes(NetlinkSocket& netlink) {
  const Result<VipRoutesResult> removed = sync_vip_routes(netlink, {}, {});
  if (!removed) return removed.error();
  return {};
}

}  // namespace sluice::backend
