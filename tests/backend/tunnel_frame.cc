// SPDX-License-Identifier: Apache-2.0
#include "tunnel_frame.h"

namespace sluice::backend::testing {
namespace {

void put16(Bytes& bytes, std::size_t at, std::size_t value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8U);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}

void append(Bytes& bytes, const Bytes& more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

Bytes address_bytes(const std::string& text) {
  const IpAddress address = IpAddress::parse(text).value();
  const std::size_t length = address.is_v4() ? 4 : 16;
  return {address.bytes().begin(), address.bytes().begin() + static_cast<std::ptrdiff_t>(length)};
}

std::uint16_t header_sum(const Bytes& bytes, std::size_t l3) {
  std::uint32_t sum = 0;
  const std::size_t length = static_cast<std::size_t>(bytes[l3] & 15U) * 4;
  for (std::size_t i = 0; i + 1 < length && l3 + i + 1 < bytes.size(); i += 2)
    sum += static_cast<std::uint32_t>(bytes[l3 + i] << 8U | bytes[l3 + i + 1]);
  while (sum >> 16U) sum = (sum & 0xffffU) + (sum >> 16U);
  return static_cast<std::uint16_t>(sum);
}

struct IpHeader {
  bool v6;
  unsigned protocol;
  unsigned traffic_class;
  unsigned options_words;
  std::string source;
  std::string destination;
};

// Header and payload, lengths and checksum right.
Bytes ip_packet(const IpHeader& header, const Bytes& payload) {
  Bytes bytes;
  if (header.v6) {
    bytes.assign(8, 0);
    bytes[0] = static_cast<std::uint8_t>(0x60U | header.traffic_class >> 4U);
    bytes[1] = static_cast<std::uint8_t>(header.traffic_class << 4U | 0x0aU);  // part of a flow label
    put16(bytes, 4, payload.size());
    bytes[6] = static_cast<std::uint8_t>(header.protocol);
    bytes[7] = 64;
  } else {
    bytes.assign(12, 0);
    bytes[0] = static_cast<std::uint8_t>(0x45U + header.options_words);
    bytes[1] = static_cast<std::uint8_t>(header.traffic_class);
    put16(bytes, 2, 20 + 4U * header.options_words + payload.size());
    put16(bytes, 4, 0x1234);
    put16(bytes, 6, 0x4000);
    bytes[8] = 63;
    bytes[9] = static_cast<std::uint8_t>(header.protocol);
  }
  append(bytes, address_bytes(header.source));
  append(bytes, address_bytes(header.destination));
  bytes.insert(bytes.end(), 4U * header.options_words, 1);  // no-operation options
  if (!header.v6) fix_checksum(bytes, 0);
  append(bytes, payload);
  return bytes;
}

std::string or_default(const std::string& text, const char* otherwise) {
  return text.empty() ? otherwise : text;
}

Bytes inner_packet(const TunnelSpec& spec) {
  Bytes payload(spec.payload_bytes);
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<std::uint8_t>(0xa0U + i);
  const std::string vip = or_default(spec.inner_destination, spec.inner_v6 ? "2001:db8:203::10" : "203.0.113.10");
  return ip_packet({spec.inner_v6, 6, spec.inner_traffic_class, spec.inner_v6 ? 0 : spec.inner_options_words,
                    spec.inner_v6 ? "2001:db8:c::1" : "198.51.100.7", vip},
                   payload);
}

Bytes ethernet(unsigned tags, bool v6) {
  Bytes bytes = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
  if (tags == 2) append(bytes, {0x88, 0xa8, 0x00, 0x2a});
  if (tags >= 1) append(bytes, {0x81, 0x00, 0x20, 0x07});
  append(bytes, v6 ? Bytes{0x86, 0xdd} : Bytes{0x08, 0x00});
  return bytes;
}

}  // namespace

void fix_checksum(Bytes& bytes, std::size_t l3) {
  put16(bytes, l3 + 10, 0);
  put16(bytes, l3 + 10, static_cast<std::uint16_t>(~header_sum(bytes, l3)));
}

bool checksum_right(const Bytes& bytes, std::size_t l3) {
  return header_sum(bytes, l3) == 0xffff;
}

TunnelFrame build(const TunnelSpec& spec) {
  TunnelFrame frame;
  const unsigned inner_protocol = spec.inner_v6 ? 41 : 4;
  const Bytes inner = inner_packet(spec);
  Bytes tunnelled;
  if (spec.gue) {
    const std::size_t udp_bytes = 8 + 4 + 4U * spec.private_words + inner.size() + spec.inner_slack;
    tunnelled.assign(12, 0);
    put16(tunnelled, 0, 0xc123);
    put16(tunnelled, 2, spec.gue_port);
    put16(tunnelled, 4, udp_bytes);
    tunnelled[8] = static_cast<std::uint8_t>(spec.private_words);
    tunnelled[9] = static_cast<std::uint8_t>(inner_protocol);
    for (unsigned i = 0; i < 4 * spec.private_words; ++i) tunnelled.push_back(static_cast<std::uint8_t>(0x40U + i));
  }
  const std::size_t before_inner = tunnelled.size();
  append(tunnelled, inner);
  tunnelled.insert(tunnelled.end(), spec.inner_slack, 0xee);
  frame.bytes = ethernet(spec.tags, spec.outer_v6);
  frame.l3 = frame.bytes.size();
  append(frame.bytes, ip_packet({spec.outer_v6, spec.gue ? 17 : inner_protocol, spec.outer_traffic_class, 0,
                                 or_default(spec.outer_source, spec.outer_v6 ? "fd00:2:1::2" : "10.2.1.2"),
                                 or_default(spec.outer_destination, spec.outer_v6 ? "fd00:3::2" : "10.3.0.2")},
                                tunnelled));
  const std::size_t outer_bytes = spec.outer_v6 ? 40 : 20;
  if (spec.gue) frame.udp = frame.l3 + outer_bytes;
  if (spec.gue) frame.gue = frame.udp + 8;
  frame.inner = frame.l3 + outer_bytes + before_inner;
  frame.bytes.insert(frame.bytes.end(), spec.trailer_bytes, 0xdd);
  frame.delivered = ethernet(spec.tags, spec.inner_v6);
  frame.delivered.insert(frame.delivered.end(), frame.bytes.begin() + static_cast<std::ptrdiff_t>(frame.inner),
                         frame.bytes.end());
  return frame;
}

DecapTables test_tables() {
  const auto address = [](const char* text) { return IpAddress::parse(text).value(); };
  const auto prefix = [](const char* text) { return Prefix::parse(text).value(); };
  const std::vector<IpAddress> own = {address("10.3.0.2"), address("fd00:3::2")};
  const std::vector<IpAddress> vips = {address("203.0.113.10"), address("2001:db8:203::10")};
  const std::vector<Prefix> allowed = {prefix("10.2.0.0/16"), prefix("192.0.2.7/32"), prefix("fd00:2::/32"),
                                       prefix("2001:db8:7::7/128")};
  return {host_entries(own, vips), source_ranges(allowed), 6080};
}

}  // namespace sluice::backend::testing
