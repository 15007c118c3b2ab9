// SPDX-License-Identifier: Apache-2.0
#include "route_copy.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace sluice::backend {
namespace {

// A route with some hundred next hops.
constexpr std::size_t message_bytes_max = 32768;

// What decides where packets go. Not RTA_PREFSRC (the source is the VIP already), RTA_TABLE (ours is another),
// RTA_CACHEINFO (ages).
constexpr std::array<std::uint16_t, 12> kept_attributes = {RTA_DST,        RTA_SRC,      RTA_OIF,       RTA_GATEWAY,
                                                           RTA_VIA,        RTA_PRIORITY, RTA_MULTIPATH, RTA_NH_ID,
                                                           RTA_ENCAP_TYPE, RTA_ENCAP,    RTA_PREF,      RTA_FLOW};

using Attributes = std::map<std::uint16_t, std::vector<std::uint8_t>>;

void keep(Attributes& attributes, std::uint16_t type, const nlattr* attribute) {
  const auto* bytes = static_cast<const std::uint8_t*>(mnl_attr_get_payload(attribute));
  attributes[type].assign(bytes, bytes + mnl_attr_get_payload_len(attribute));
}

Attributes attributes_of(const nlmsghdr& message) {
  Attributes found;
  for_each_attribute(message, sizeof(rtmsg),
                     [&found](std::uint16_t type, const nlattr* attribute) { keep(found, type, attribute); });
  return found;
}

Attributes nested_in(const std::vector<std::uint8_t>& bytes) {
  Attributes found;
  const auto* end = bytes.data() + bytes.size();
  const auto* attribute = reinterpret_cast<const nlattr*>(bytes.data());
  while (mnl_attr_ok(attribute, static_cast<int>(end - reinterpret_cast<const std::uint8_t*>(attribute)))) {
    keep(found, mnl_attr_get_type(attribute), attribute);
    attribute = mnl_attr_next(attribute);
  }
  return found;
}

std::uint32_t word_of(const Attributes& attributes, std::uint16_t type, std::uint32_t absent) {
  const auto at = attributes.find(type);
  std::uint32_t value = absent;
  if (at != attributes.end() && at->second.size() == sizeof value) std::memcpy(&value, at->second.data(), sizeof value);
  return value;
}

// The kernel reports next hops' state in the flags and refuses it there in a request.
void clear_hop_states(std::vector<std::uint8_t>& multipath) {
  for (std::size_t at = 0; at + sizeof(rtnexthop) <= multipath.size();) {
    rtnexthop hop{};
    std::memcpy(&hop, &multipath[at], sizeof hop);
    hop.rtnh_flags &= RTNH_F_ONLINK;
    std::memcpy(&multipath[at], &hop, sizeof hop);
    if (hop.rtnh_len < sizeof hop) return;
    at += RTNH_ALIGN(hop.rtnh_len);
  }
}

// Where VIPs never send to: a neighbour's link-local address, groups.
bool is_for_vips(const rtmsg& header, const Attributes& attributes) {
  if (header.rtm_type == RTN_LOCAL || header.rtm_type == RTN_BROADCAST || header.rtm_type == RTN_ANYCAST ||
      header.rtm_type == RTN_MULTICAST || (header.rtm_flags & RTM_F_CLONED))
    return false;
  if (header.rtm_family != AF_INET6) return true;
  const auto destination = attributes.find(RTA_DST);
  if (destination == attributes.end() || destination->second.size() != 16) return true;
  const std::vector<std::uint8_t>& bytes = destination->second;
  return bytes[0] != 0xff && !(bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80);
}

}  // namespace

std::optional<RouteCopy> read_route(const nlmsghdr& message, std::uint32_t table, std::uint8_t protocol) {
  if (message.nlmsg_type != RTM_NEWROUTE) return std::nullopt;
  const auto* header = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(&message));
  Attributes all = attributes_of(message);
  if (word_of(all, RTA_TABLE, header->rtm_table) != table) return std::nullopt;
  if ((protocol != 0 && header->rtm_protocol != protocol) || !is_for_vips(*header, all)) return std::nullopt;
  RouteCopy route{header->rtm_family,
                  header->rtm_dst_len,
                  header->rtm_src_len,
                  header->rtm_tos,
                  header->rtm_scope,
                  header->rtm_type,
                  header->rtm_flags & RTNH_F_ONLINK,
                  {},
                  {}};
  if (const auto metrics = all.find(RTA_METRICS); metrics != all.end()) route.metrics = nested_in(metrics->second);
  for (const std::uint16_t type : kept_attributes)
    if (const auto at = all.find(type); at != all.end()) route.attributes.insert(*at);
  // A next-hop object stands for all of these; they are only reported beside it.
  if (route.attributes.contains(RTA_NH_ID))
    for (const std::uint16_t type : {RTA_OIF, RTA_GATEWAY, RTA_VIA, RTA_MULTIPATH}) route.attributes.erase(type);
  if (const auto hops = route.attributes.find(RTA_MULTIPATH); hops != route.attributes.end())
    clear_hop_states(hops->second);
  return route;
}

std::vector<char> write_route(const RouteCopy& route, std::uint16_t type) {
  std::vector<char> buffer(message_bytes_max);
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = type;
  message->nlmsg_flags = NLM_F_REQUEST;
  // IPv4 keeps several routes of one destination and metric apart only by appending.
  if (type == RTM_NEWROUTE)
    message->nlmsg_flags = static_cast<std::uint16_t>(
        message->nlmsg_flags | (route.family == AF_INET ? NLM_F_CREATE | NLM_F_APPEND : NLM_F_CREATE));
  auto* header = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(rtmsg)));
  header->rtm_family = route.family;
  header->rtm_dst_len = route.destination_length;
  header->rtm_src_len = route.source_length;
  header->rtm_tos = route.tos;
  header->rtm_table = RT_TABLE_UNSPEC;  // in RTA_TABLE: the number needs more than 8 bits
  header->rtm_protocol = vip_route_protocol;
  header->rtm_scope = route.scope;
  header->rtm_type = route.type;
  header->rtm_flags = route.flags;
  bool fits = mnl_attr_put_u32_check(message, buffer.size(), RTA_TABLE, vip_table);
  for (const auto& [attribute, bytes] : route.attributes)
    fits = fits && mnl_attr_put_check(message, buffer.size(), attribute, bytes.size(), bytes.data());
  if (type == RTM_NEWROUTE && !route.metrics.empty()) {
    nlattr* nest = mnl_attr_nest_start_check(message, buffer.size(), RTA_METRICS);
    fits = fits && nest != nullptr;
    for (const auto& [metric, bytes] : route.metrics)
      fits = fits && mnl_attr_put_check(message, buffer.size(), metric, bytes.size(), bytes.data());
    if (fits) mnl_attr_nest_end(message, nest);
  }
  if (!fits) return {};
  buffer.resize(message->nlmsg_len);
  return buffer;
}

}  // namespace sluice::backend
