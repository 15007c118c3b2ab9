// SPDX-License-Identifier: Apache-2.0
// First stage of a burst, one frame at a time: parse, judge and hash what is common; see packet_burst_level.cc.
//
// The rules are those of sluice_packet.h and sluice_judge(), asked of whole words and without the packet's description
// in between (54 ticks a packet with it, 34 so: `sluice-bench dpdk`, tcp4_stateless_1k). A packet that breaks one is
// not judged here but left whole.
#pragma once

#include "burst_lanes.h"

namespace sluice::SLUICE_LEVEL {
namespace {

// One's complement sum of two words, the carry brought round.
SLUICE_INLINE sluice_u32 add_round(sluice_u32 a, sluice_u32 b) {
  const sluice_u32 sum = a + b;
  return sum + (sum < b);
}

// RFC 1071 over the five words of a header without options.
SLUICE_INLINE bool checksum_is_right(sluice_u64 first, sluice_u64 second, sluice_u32 destination) {
  sluice_u64 sum = first + second;
  sum += sum < second;
  const sluice_u32 half =
      add_round(add_round(static_cast<sluice_u32>(sum), static_cast<sluice_u32>(sum >> 32)), destination);
  // The upper half of a word plus its half-turn is the sum of both halves, carry and all.
  return half + (half << 16 | half >> 16) >= 0xffff0000u;
}

// The transport header is all there. `l4` has 20 bytes, `available` may be negative.
SLUICE_INLINE bool transport_is_whole(const sluice_u8* l4, int available, sluice_u32 protocol, bool* opens) {
  if (SLUICE_LIKELY(protocol == SLUICE_PROTO_TCP)) {
    const sluice_u32 word = sluice_load16(l4 + 12);  // data offset in the upper four bits of the first byte; flags
    *opens = (word & (SLUICE_TCP_SYN | SLUICE_TCP_ACK) << 8) == SLUICE_TCP_SYN << 8;
    return (word & 0xf0) >= 0x50 && static_cast<int>((word & 0xf0) >> 2) <= available;
  }
  const int udp_bytes = sluice_load16_be(l4 + 4);
  *opens = false;
  return protocol == SLUICE_PROTO_UDP && udp_bytes >= static_cast<int>(SLUICE_UDP_BYTES) && udp_bytes <= available;
}

SLUICE_INLINE const sluice_vip* vip_line(const Burst& burst, sluice_u64 destination_hash) {
  const sluice_generation* generation = burst.generation;
  return &burst.tables->vips[generation->vips_line + sluice_vip_first(destination_hash, generation->vips_mask)];
}

// Bytes that every look reads: the smallest packet with a TCP header. Every Ethernet frame is that long.
constexpr sluice_u64 look_bytes_v4 = SLUICE_ETHERNET_BYTES + SLUICE_IPV4_BYTES + SLUICE_TCP_BYTES;
constexpr sluice_u64 look_bytes_v6 = SLUICE_ETHERNET_BYTES + SLUICE_IPV6_BYTES + SLUICE_TCP_BYTES;

// False: left whole.
SLUICE_INLINE bool look_v4(const Burst& burst, Lanes& lanes, sluice_u32 lane) {
  const sluice_u8* l3 = burst.frames->data[lane] + SLUICE_ETHERNET_BYTES;
  const sluice_u64 first = sluice_load64(l3);       // version, IHL, TOS, length, identification, fragment
  const sluice_u64 second = sluice_load64(l3 + 8);  // TTL, protocol, checksum, source
  const sluice_u32 destination = sluice_load32(l3 + 16);
  const sluice_u32 source = static_cast<sluice_u32>(second >> 32);
  // Version 4, five words of header, neither MF nor an offset; TTL above 1.
  if (SLUICE_UNLIKELY((first & 0xff3f0000000000ffu) != 0x45 || (second & 0xfe) == 0)) return false;
  if (SLUICE_UNLIKELY(!checksum_is_right(first, second, destination))) return false;
  if (SLUICE_UNLIKELY((source & 0xff) - 1 >= 223 || (source & 0xff) == 127 || source == destination)) return false;
  const sluice_u32 l3_bytes = sluice_swap32(static_cast<sluice_u32>(first)) & 0xffff;
  if (SLUICE_UNLIKELY(l3_bytes + SLUICE_ETHERNET_BYTES > burst.frames->bytes[lane])) return false;
  const sluice_u32 protocol = static_cast<sluice_u8>(second >> 8);
  const sluice_u8* l4 = l3 + SLUICE_IPV4_BYTES;
  bool opens;
  const int available = static_cast<int>(l3_bytes) - static_cast<int>(SLUICE_IPV4_BYTES);
  if (SLUICE_UNLIKELY(!transport_is_whole(l4, available, protocol, &opens))) return false;
  const sluice_hash_key& key = burst.generation->key;
  const sluice_u32 ports_be = sluice_load32(l4);
  const sluice_u32 ports = sluice_swap32(ports_be);
  const sluice_u32 above_port = protocol << 16 | SLUICE_KEY_SERVICE_V4 << 24;
  const sluice_u64 destination_hash =
      key.offset + key.service * ((ports & 0xffff) | above_port) + key.destination[0] * destination;
  lanes.opens |= static_cast<LaneSet>(opens) << lane;
  lanes.key[lane] = key_of(destination, ports_be >> 16 | above_port);
  lanes.vip[lane] = vip_line(burst, destination_hash);
  lanes.flow_hash[lane] =
      sluice_hash_mix(&key, destination_hash + key.source_port * (ports >> 16) + key.source[0] * source);
  return true;
}

SLUICE_INLINE bool look_v6(const Burst& burst, Lanes& lanes, sluice_u32 lane) {
  if (SLUICE_UNLIKELY(burst.frames->bytes[lane] < look_bytes_v6)) return false;
  const sluice_u8* l3 = burst.frames->data[lane] + SLUICE_ETHERNET_BYTES;
  const sluice_u64 first = sluice_load64(l3);  // version, traffic class, label, length, next header, hop limit
  sluice_packet packet{};
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    packet.source[i] = sluice_load32(l3 + 8 + 4 * i);
    packet.destination[i] = sluice_load32(l3 + 24 + 4 * i);
  }
  const sluice_u32 payload = sluice_swap32(static_cast<sluice_u32>(first >> 32)) >> 16;
  // Longer than 65,535 with the header: parsed as such by sluice_parse_ipv6(), and no frame of ours.
  if (SLUICE_UNLIKELY((first & 0xf0) != 0x60 || (first >> 56) <= 1 || payload > 0xffff - SLUICE_IPV6_BYTES))
    return false;
  if (SLUICE_UNLIKELY(payload + SLUICE_IPV6_BYTES + SLUICE_ETHERNET_BYTES > burst.frames->bytes[lane])) return false;
  if (SLUICE_UNLIKELY(sluice_source_is_bad(&packet, 1))) return false;
  const sluice_u32 protocol = static_cast<sluice_u8>(first >> 48);
  const sluice_u8* l4 = l3 + SLUICE_IPV6_BYTES;
  bool opens;
  if (SLUICE_UNLIKELY(!transport_is_whole(l4, static_cast<int>(payload), protocol, &opens))) return false;
  const sluice_hash_key& key = burst.generation->key;
  const sluice_u32 ports_be = sluice_load32(l4);
  const sluice_u32 ports = sluice_swap32(ports_be);
  const sluice_u32 above_port = protocol << 16 | SLUICE_KEY_SERVICE_V6 << 24;
  const sluice_u64 destination_hash =
      sluice_hash_destination(&key, packet.destination, (ports & 0xffff) | above_port, 1);
  lanes.opens |= static_cast<LaneSet>(opens) << lane;
  lanes.key[lane] = key_of(packet.destination[0], ports_be >> 16 | above_port);
  lanes.vip[lane] = vip_line(burst, destination_hash);
  lanes.flow_hash[lane] = sluice_hash_mix(
      &key, destination_hash + key.source_port * (ports >> 16) + sluice_hash_address(key.source, packet.source, 1));
  return true;
}

SLUICE_INLINE void look(const Burst& burst, Lanes& lanes, sluice_u32 lane) {
  bool looked = false;
  if (SLUICE_LIKELY(burst.frames->bytes[lane] >= look_bytes_v4)) {
    const sluice_u16 ethertype = sluice_load16_be(burst.frames->data[lane] + 12);
    if (SLUICE_LIKELY(ethertype == SLUICE_ETHERTYPE_IPV4))
      looked = look_v4(burst, lanes, lane);
    else if (ethertype == SLUICE_ETHERTYPE_IPV6)
      looked = look_v6(burst, lanes, lane);
  }
  if (SLUICE_LIKELY(looked)) return;
  // `match` compares four neighbours before it asks which of them are left whole: it needs a line to look at.
  lanes.whole |= LaneSet{1} << lane;
  lanes.vip[lane] = burst.tables->vips;
  lanes.key[lane] = 0;
}

}  // namespace
}  // namespace sluice::SLUICE_LEVEL
