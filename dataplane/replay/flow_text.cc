// SPDX-License-Identifier: Apache-2.0
#include "flow_text.h"

#include <fmt/format.h>

#include <array>
#include <cstring>

#include "ip_address.h"
#include "sluice_packet.h"

namespace sluice {
namespace {

std::string address_text(const sluice_u32 words[4], bool is_v6) {
  if (is_v6) {
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), words, bytes.size());
    return IpAddress::from_v6_bytes(bytes).to_string();
  }
  std::array<std::uint8_t, 4> bytes{};
  std::memcpy(bytes.data(), words, bytes.size());
  return IpAddress::from_v4_bytes(bytes).to_string();
}

std::string protocol_text(std::uint8_t protocol) {
  switch (protocol) {
    case SLUICE_PROTO_TCP:
      return "tcp";
    case SLUICE_PROTO_UDP:
      return "udp";
    case SLUICE_PROTO_ICMP:
      return "icmp";
    case SLUICE_PROTO_ICMPV6:
      return "icmpv6";
    default:
      return std::to_string(protocol);
  }
}

std::string ports_text(const sluice_packet& packet, bool is_v6) {
  const std::string_view form = is_v6 ? "[{}]:{} -> [{}]:{}/{}" : "{}:{} -> {}:{}/{}";
  return fmt::format(fmt::runtime(form), address_text(packet.source, is_v6), packet.source_port,
                     address_text(packet.destination, is_v6), packet.destination_port, protocol_text(packet.protocol));
}

std::string ip_text(const sluice_frame& frame, sluice_packet& packet, bool is_v6) {
  const std::uint8_t* l3 = frame.data + packet.l3_offset;
  const sluice_shape shape =
      is_v6 ? sluice_parse_ipv6(&frame, &packet, SLUICE_FULL) : sluice_parse_ipv4(&frame, &packet, SLUICE_FULL);
  if (shape == SLUICE_SHAPE_FLOW) return ports_text(packet, is_v6);
  // Without addresses: version or length are not those of an IP header.
  if (packet.l4_offset == 0) return is_v6 ? "unreadable IPv6" : "unreadable IPv4";
  std::string text = fmt::format("{} -> {}/{}", address_text(packet.source, is_v6),
                                 address_text(packet.destination, is_v6), protocol_text(packet.protocol));
  if (shape == SLUICE_SHAPE_LATER_FRAGMENT) text += " fragment";
  if (shape == SLUICE_SHAPE_TRUNCATED) text += " cut short";
  if (shape == SLUICE_SHAPE_ICMP) text += fmt::format(" type {}", l3[packet.l4_offset]);
  return text;
}

}  // namespace

std::string flow_text(std::span<const std::uint8_t> bytes) {
  sluice_frame frame{};
  // The parser reads only; abi has one type of frame for reading and writing.
  frame.head = frame.data = const_cast<std::uint8_t*>(bytes.data());
  frame.end = frame.data + bytes.size();
  sluice_packet packet{};
  const sluice_u16 ethertype = sluice_parse_ethernet(&frame, &packet, SLUICE_FULL);
  if (ethertype == 0)
    return packet.fault == SLUICE_REASON_vlan_depth ? "more than two VLAN tags" : "unreadable Ethernet";
  if (ethertype == SLUICE_ETHERTYPE_IPV4) return ip_text(frame, packet, false);
  if (ethertype == SLUICE_ETHERTYPE_IPV6) return ip_text(frame, packet, true);
  return fmt::format("ethertype 0x{:04x}", ethertype);
}

}  // namespace sluice
