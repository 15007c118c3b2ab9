// SPDX-License-Identifier: Apache-2.0
#include "network_view.h"

#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/neighbour.h>

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace sluice {
namespace {

int address_family(const IpAddress& address) {
  return address.is_v4() ? AF_INET : AF_INET6;
}
std::uint16_t address_bytes(const IpAddress& address) {
  return address.is_v4() ? 4 : 16;
}

std::optional<IpAddress> address_of(int family, const void* bytes, std::size_t count) {
  if (family == AF_INET && count == 4) {
    std::array<std::uint8_t, 4> raw{};
    std::memcpy(raw.data(), bytes, raw.size());
    return IpAddress::from_v4_bytes(raw);
  }
  if (family == AF_INET6 && count == 16) {
    std::array<std::uint8_t, 16> raw{};
    std::memcpy(raw.data(), bytes, raw.size());
    return IpAddress::from_v6_bytes(raw);
  }
  return std::nullopt;
}

std::optional<IpAddress> address_of(int family, const nlattr* attribute) {
  return address_of(family, mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute));
}

std::optional<MacAddress> mac_of(const nlattr* attribute) {
  MacAddress mac{};
  if (mnl_attr_get_payload_len(attribute) != mac.size()) return std::nullopt;
  std::memcpy(mac.data(), mnl_attr_get_payload(attribute), mac.size());
  return mac;
}

std::optional<std::uint32_t> number_of(const nlattr* attribute) {
  if (mnl_attr_get_payload_len(attribute) != sizeof(std::uint32_t)) return std::nullopt;
  return mnl_attr_get_u32(attribute);
}

bool carries(const nlmsghdr& message, std::size_t family_bytes) {
  return message.nlmsg_len >= MNL_NLMSG_HDRLEN + family_bytes;
}

// RTA_VIA: an IPv4 route through an IPv6 neighbour, or the other way round (RFC 5549 style).
std::optional<IpAddress> via_of(const nlattr* attribute) {
  const std::size_t count = mnl_attr_get_payload_len(attribute);
  rtvia via{};
  if (count < sizeof via) return std::nullopt;
  std::memcpy(&via, mnl_attr_get_payload(attribute), sizeof via);
  const auto* bytes = static_cast<const char*>(mnl_attr_get_payload(attribute)) + sizeof via;
  return address_of(via.rtvia_family, bytes, count - sizeof via);
}

std::optional<Route> parse_route(const nlmsghdr& message) {
  if (message.nlmsg_type != RTM_NEWROUTE || !carries(message, sizeof(rtmsg))) return std::nullopt;
  const auto* header = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(&message));
  Route route;
  route.type = header->rtm_type;
  for_each_attribute(message, sizeof(rtmsg), [&](std::uint16_t type, const nlattr* attribute) {
    switch (type) {
      case RTA_OIF:
        route.interface = number_of(attribute).value_or(0);
        break;
      case RTA_GATEWAY:
        route.gateway = address_of(header->rtm_family, attribute);
        break;
      case RTA_VIA:
        route.gateway = via_of(attribute);
        break;
      default:
        break;
    }
  });
  return route;
}

RouteAnswer ask_route(NetlinkSocket& socket, const IpAddress& destination, const std::optional<IpAddress>& source) {
  NetlinkMessage<rtmsg> message(RTM_GETROUTE, 0);
  message->rtm_family = static_cast<unsigned char>(address_family(destination));
  message->rtm_dst_len = static_cast<unsigned char>(8 * address_bytes(destination));
  mnl_attr_put(&message.header(), RTA_DST, address_bytes(destination), destination.bytes().data());
  if (source) {
    message->rtm_src_len = static_cast<unsigned char>(8 * address_bytes(*source));
    mnl_attr_put(&message.header(), RTA_SRC, address_bytes(*source), source->bytes().data());
  }
  RouteAnswer answer;
  const auto error = socket.request(message.header(), [&answer](const nlmsghdr& reply) {
    if (auto route = parse_route(reply)) answer.route = route;
  });
  if (error) return {std::nullopt, error->number};
  if (!answer.route) answer.number = ENETUNREACH;
  return answer;
}

}  // namespace

std::string to_string(const MacAddress& mac) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : mac) {
    if (!text.empty()) text += ':';
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

bool Neighbour::is_valid() const {
  // What the kernel itself would send to (NUD_VALID).
  return mac && (state & (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY)) != 0;
}

std::optional<Link> parse_link(const nlmsghdr& message) {
  if ((message.nlmsg_type != RTM_NEWLINK && message.nlmsg_type != RTM_DELLINK) || !carries(message, sizeof(ifinfomsg)))
    return std::nullopt;
  const auto* header = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&message));
  // A bridge's notes about its ports (AF_BRIDGE) have the same type.
  if (header->ifi_family != AF_UNSPEC || header->ifi_index <= 0) return std::nullopt;
  Link link;
  link.index = static_cast<std::uint32_t>(header->ifi_index);
  link.is_up = (header->ifi_flags & IFF_UP) != 0;
  for_each_attribute(message, sizeof(ifinfomsg), [&](std::uint16_t type, const nlattr* attribute) {
    switch (type) {
      case IFLA_IFNAME:
        if (mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0) link.name = mnl_attr_get_str(attribute);
        break;
      case IFLA_MTU:
        link.mtu = number_of(attribute).value_or(0);
        break;
      case IFLA_ADDRESS:
        if (const auto mac = mac_of(attribute)) {
          link.mac = *mac;
          link.is_ethernet = header->ifi_type == ARPHRD_ETHER;
        }
        break;
      default:
        break;
    }
  });
  return link;
}

std::optional<Neighbour> parse_neighbour(const nlmsghdr& message) {
  if ((message.nlmsg_type != RTM_NEWNEIGH && message.nlmsg_type != RTM_DELNEIGH) || !carries(message, sizeof(ndmsg)))
    return std::nullopt;
  const auto* header = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(&message));
  Neighbour neighbour;
  neighbour.key.interface = static_cast<std::uint32_t>(header->ndm_ifindex);
  neighbour.state = header->ndm_state;
  bool has_address = false;
  for_each_attribute(message, sizeof(ndmsg), [&](std::uint16_t type, const nlattr* attribute) {
    if (type == NDA_DST) {
      if (const auto address = address_of(header->ndm_family, attribute)) {
        neighbour.key.address = *address;
        has_address = true;
      }
    } else if (type == NDA_LLADDR) {
      neighbour.mac = mac_of(attribute);
    }
  });
  if (!has_address) return std::nullopt;
  return neighbour;
}

Result<std::vector<Link>> list_links(NetlinkSocket& socket) {
  NetlinkMessage<ifinfomsg> message(RTM_GETLINK, NLM_F_DUMP);
  std::vector<Link> links;
  const auto error = socket.request(message.header(), [&links](const nlmsghdr& reply) {
    if (auto link = parse_link(reply)) links.push_back(std::move(*link));
  });
  if (error)
    return make_error(ErrorCode::io, std::string("cannot list the interfaces: ") + std::strerror(error->number));
  return links;
}

Result<std::vector<Neighbour>> list_neighbours(NetlinkSocket& socket) {
  NetlinkMessage<ndmsg> message(RTM_GETNEIGH, NLM_F_DUMP);
  std::vector<Neighbour> neighbours;
  const auto error = socket.request(message.header(), [&neighbours](const nlmsghdr& reply) {
    if (auto neighbour = parse_neighbour(reply)) neighbours.push_back(*neighbour);
  });
  if (error)
    return make_error(ErrorCode::io, std::string("cannot list the neighbours: ") + std::strerror(error->number));
  return neighbours;
}

RouteAnswer find_route(NetlinkSocket& socket, const IpAddress& destination, const std::optional<IpAddress>& source) {
  RouteAnswer answer = ask_route(socket, destination, source);
  // The kernel asks for the route of a packet of its own, so it refuses a source that is not an address of this host.
  if (!answer.route && source) answer = ask_route(socket, destination, std::nullopt);
  return answer;
}

std::optional<NetlinkError> use_neighbour(NetlinkSocket& socket, const NeighbourKey& key, NeighbourCare care) {
  NetlinkMessage<ndmsg> message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
  message->ndm_family = static_cast<unsigned char>(address_family(key.address));
  message->ndm_ifindex = static_cast<int>(key.interface);
  message->ndm_flags = NTF_USE;
  mnl_attr_put(&message.header(), NDA_DST, address_bytes(key.address), key.address.bytes().data());
  // Kernels before 5.16 skip the attribute and only start the resolution.
  if (care == NeighbourCare::keep_fresh) mnl_attr_put_u32(&message.header(), NDA_FLAGS_EXT, NTF_EXT_MANAGED);
  return socket.request(message.header());
}

}  // namespace sluice
