// SPDX-License-Identifier: Apache-2.0
// burst_look.h, and the first half of `match`, for several packets of one family at once: the same questions, a packet
// in every element of a vector (burst_wide.h). Of 34 ticks a packet it took away 11 with AVX2, and 3 more with AVX-512
// (`sluice-bench dpdk`, tcp4_stateless_1k).
#pragma once

#include "burst_look.h"
#include "burst_wide.h"

namespace sluice::SLUICE_LEVEL {
namespace {

// sluice_hash_mix()
SLUICE_INLINE Wide mix(const sluice_hash_key& key, Wide x) {
  return multiply(bit_xor(x, shift_right<32>(x)), key.mix[0]);
}

// sluice_hash_memory()
SLUICE_INLINE Wide memory_of(const sluice_hash_key& key, Wide flow_hash) {
  const Wide product = multiply(bit_xor(flow_hash, shift_right<29>(flow_hash)), key.mix[1]);
  return bit_xor(product, shift_right<32>(product));
}

// What both families have, at the same places: the transport header's beginning behind four bytes of destination.
struct Words {
  Wide first;   // IPv4: version, IHL, TOS, length, identification, fragment. IPv6: all before the source
  Wide third;   // the destination's last four bytes, ports
  Wide fourth;  // TCP: sequence numbers. UDP: length, checksum
  Wide fifth;   // TCP: data offset, flags, window, checksum, urgent pointer
};
struct WordsV4 : Words {
  Wide second;  // TTL, protocol, checksum, source
};
struct WordsV6 : Words {
  Wide source_low;  // first eight bytes
  Wide source_high;
  Wide destination_low;
  Wide destination_middle;  // bytes 4 to 11
};

SLUICE_INLINE WordsV4 load_v4(sluice_u8* const* data) {
  Wide columns[4];
  load_columns(data, SLUICE_ETHERNET_BYTES + 8, columns);
  return {{load_column(data, SLUICE_ETHERNET_BYTES), columns[1], columns[2], columns[3]}, columns[0]};
}

// The second half begins four bytes early, or it would end behind the shortest TCP header.
SLUICE_INLINE WordsV6 load_v6(sluice_u8* const* data) {
  Wide head[4];
  Wide tail[4];
  load_columns(data, SLUICE_ETHERNET_BYTES, head);
  load_columns(data, SLUICE_ETHERNET_BYTES + 28, tail);
  return {{head[0], tail[1], tail[2], tail[3]}, head[1], head[2], head[3], tail[0]};
}

// 0xffff where RFC 1071 holds: five words of 32 bits, summed in 64 and folded twice.
SLUICE_INLINE Wide checksum_of(const WordsV4& words) {
  const Wide sum = add(add(add(low32(words.first), shift_right<32>(words.first)),
                           add(low32(words.second), shift_right<32>(words.second))),
                       low32(words.third));
  const Wide low16 = wide_of(0xffff);
  // Below 5 * 2^32: three parts of 16 bits. Their sum is at most 0x1fffe + 4, and once more folded 0xffff for every
  // multiple of it.
  const Wide folded = add(add(bit_and(sum, low16), bit_and(shift_right<16>(sum), low16)), shift_right<32>(sum));
  return add(bit_and(folded, low16), shift_right<16>(folded));
}

// The functions below narrow `good` to those that pass one more question.

// sluice_source_is_bad()
SLUICE_INLINE Mask good_sources_v4(Mask good, Wide source, Wide destination) {
  const Wide first = bit_and(source, wide_of(0xff));
  good = differing_of(good, first, wide_of(0));
  good = differing_of(good, first, wide_of(127));
  good = fitting_of(good, first, wide_of(223));
  return differing_of(good, source, destination);
}

SLUICE_INLINE Mask good_sources_v6(Mask good, const WordsV6& words) {
  good = differing_of(good, bit_and(words.source_low, wide_of(0xff)), wide_of(0xff));
  // :: and ::1 have nothing before their last byte, and there at most a one.
  const Wide last = bit_and(words.source_high, wide_of(~(1ull << 56)));
  good = differing_of(good, bit_or(words.source_low, last), wide_of(0));
  const Wide destination_high = bit_or(shift_right<32>(words.destination_middle), shift_left<32>(words.third));
  const Wide difference =
      bit_or(bit_xor(words.source_low, words.destination_low), bit_xor(words.source_high, destination_high));
  return differing_of(good, difference, wide_of(0));
}

// TCP or UDP, and the whole header there. `available`: bytes behind the IP header.
SLUICE_INLINE Mask good_transports(Mask good, const Words& words, Wide protocol, Mask is_tcp, Wide available) {
  const Mask is_udp = are_equal(protocol, wide_of(SLUICE_PROTO_UDP));
  const Wide tcp_bytes = shift_right<2>(bit_and(words.fifth, wide_of(0xf0)));
  const Wide bytes = choose(is_tcp, tcp_bytes, two_bytes(words.fourth, 0, 1));
  // Neither of the two: more than any header has.
  const Wide least =
      choose(is_tcp, wide_of(SLUICE_TCP_BYTES), choose(is_udp, wide_of(SLUICE_UDP_BYTES), wide_of(0x10000)));
  return fitting_of(fitting_of(good, least, bytes), bytes, available);
}

constexpr LaneSet several = (1u << wide_lanes) - 1;

// Where the hash so far, `sum` with its destination's part complete, sends the lanes: their services' lines, and the
// flow hash with `sum`'s source added by `add_source`.
template <typename AddSource>
SLUICE_INLINE void aim_several(const Burst& burst, const Words& words, Wide above_port, Wide destination_first,
                               Products sum, AddSource add_source, Lanes& lanes, sluice_u32 lane) {
  const sluice_generation* generation = burst.generation;
  add_product(sum, bit_or(two_bytes(words.third, 6, 7), above_port), generation->key.service);
  // sluice_vip_first()
  const Wide line =
      add(bit_and(shift_right<32>(total_of(sum)), wide_of(generation->vips_mask)), wide_of(generation->vips_line));
  add_product(sum, two_bytes(words.third, 4, 5), generation->key.source_port);
  add_source(sum);
  const Wide port_be = shift_right<48>(words.third);
  store_wide(&lanes.flow_hash[lane], mix(generation->key, total_of(sum)));
  store_wide(&lanes.vip[lane], add(shift_left<6>(line), wide_of(reinterpret_cast<sluice_u64>(burst.tables->vips))));
  store_wide(&lanes.key[lane], bit_or(destination_first, shift_left<32>(bit_or(port_be, above_port))));
}
SLUICE_STATIC_ASSERT(sizeof(sluice_vip) == 1 << 6, "line numbers are shifted to addresses");

SLUICE_INLINE void note_several(const Words& words, Mask is_tcp, LaneSet good, Lanes& lanes, sluice_u32 lane) {
  const Wide flags = bit_and(words.fifth, wide_of((SLUICE_TCP_SYN | SLUICE_TCP_ACK) << 8));
  lanes.whole |= (good ^ several) << lane;
  lanes.opens |= set_of(equal_of(is_tcp, flags, wide_of(SLUICE_TCP_SYN << 8))) << lane;
}

// wide_lanes frames from `lane` on, all at least look_bytes_v4 long and IPv4 by their ethertype.
SLUICE_INLINE void look_at_several_v4(const Burst& burst, Lanes& lanes, sluice_u32 lane) {
  const WordsV4 words = load_v4(burst.frames->data + lane);
  const Wide protocol = bit_and(shift_right<8>(words.second), wide_of(0xff));
  const Mask is_tcp = are_equal(protocol, wide_of(SLUICE_PROTO_TCP));
  const Wide l3_bytes = two_bytes(words.first, 2, 3);
  const Wide source = shift_right<32>(words.second);
  const Wide destination = low32(words.third);
  // Version 4, five words of header, neither MF nor an offset; TTL above 1; no longer than the frame; the checksum.
  Mask good = are_equal(bit_and(words.first, wide_of(0xff3f0000000000ffu)), wide_of(0x45));
  good = differing_of(good, bit_and(words.second, wide_of(0xfe)), wide_of(0));
  good = fitting_of(good, add(l3_bytes, wide_of(SLUICE_ETHERNET_BYTES)), load_wide(&burst.frames->bytes[lane]));
  const Mask sound = good_sources_v4(are_equal(checksum_of(words), wide_of(0xffff)), source, destination);
  const Wide available = add(l3_bytes, wide_of(-static_cast<sluice_u64>(SLUICE_IPV4_BYTES)));
  good = good_transports(good, words, protocol, is_tcp, available);
  note_several(words, is_tcp, set_of(good) & set_of(sound), lanes, lane);
  const sluice_hash_key& key = burst.generation->key;
  Products sum = {wide_of(key.offset), wide_of(0)};
  add_product(sum, destination, key.destination[0]);
  const Wide above_port = bit_or(shift_left<16>(protocol), wide_of(SLUICE_KEY_SERVICE_V4 << 24));
  const auto add_source = [&](Products& all) { add_product(all, source, key.source[0]); };
  aim_several(burst, words, above_port, destination, sum, add_source, lanes, lane);
}

// The same for IPv6, all at least look_bytes_v6 long.
SLUICE_INLINE void look_at_several_v6(const Burst& burst, Lanes& lanes, sluice_u32 lane) {
  const WordsV6 words = load_v6(burst.frames->data + lane);
  const Wide protocol = bit_and(shift_right<48>(words.first), wide_of(0xff));
  const Mask is_tcp = are_equal(protocol, wide_of(SLUICE_PROTO_TCP));
  const Wide payload = two_bytes(words.first, 4, 5);
  Mask good = are_equal(bit_and(words.first, wide_of(0xf0)), wide_of(0x60));
  good = fitting_of(good, wide_of(2), shift_right<56>(words.first));  // hop limit
  const Wide end = add(payload, wide_of(SLUICE_ETHERNET_BYTES + SLUICE_IPV6_BYTES));
  good = fitting_of(good, end, load_wide(&burst.frames->bytes[lane]));
  // Longer than 65,535 with the header: see sluice_parse_ipv6().
  good = fitting_of(good, payload, wide_of(0xffff - SLUICE_IPV6_BYTES));
  const Mask sound = good_sources_v6(all_lanes(), words);
  good = good_transports(good, words, protocol, is_tcp, payload);
  note_several(words, is_tcp, set_of(good) & set_of(sound), lanes, lane);
  const sluice_hash_key& key = burst.generation->key;
  const Wide destination_first = low32(words.destination_low);
  Products sum = {wide_of(key.offset), wide_of(0)};
  add_product(sum, destination_first, key.destination[0]);
  add_product(sum, shift_right<32>(words.destination_low), key.destination[1]);
  add_product(sum, shift_right<32>(words.destination_middle), key.destination[2]);
  add_product(sum, low32(words.third), key.destination[3]);
  const Wide above_port = bit_or(shift_left<16>(protocol), wide_of(SLUICE_KEY_SERVICE_V6 << 24));
  const auto add_source = [&](Products& all) {
    add_product(all, low32(words.source_low), key.source[0]);
    add_product(all, shift_right<32>(words.source_low), key.source[1]);
    add_product(all, low32(words.source_high), key.source[2]);
    add_product(all, shift_right<32>(words.source_high), key.source[3]);
  };
  aim_several(burst, words, above_port, destination_first, sum, add_source, lanes, lane);
}

// Have all from `lane` on this ethertype, and `bytes` at least?
SLUICE_INLINE bool are_all(const Burst& burst, sluice_u32 lane, sluice_u16 ethertype, sluice_u64 bytes) {
  const Mask long_enough = fitting_of(all_lanes(), wide_of(bytes), load_wide(&burst.frames->bytes[lane]));
  if (SLUICE_UNLIKELY(set_of(long_enough) != several)) return false;  // there may be no ethertype to read
  sluice_u32 differing = 0;
#pragma GCC unroll 8
  for (sluice_u32 i = lane; i < lane + wide_lanes; ++i)
    differing |= sluice_load16(burst.frames->data[i] + 12) ^ static_cast<sluice_u32>(sluice_swap16(ethertype));
  return differing == 0;
}

// False: not of one family; nothing is done.
SLUICE_INLINE bool look_at_several(const Burst& burst, Lanes& lanes, sluice_u32 lane) {
  if (SLUICE_LIKELY(are_all(burst, lane, SLUICE_ETHERTYPE_IPV4, look_bytes_v4)))
    look_at_several_v4(burst, lanes, lane);
  else if (are_all(burst, lane, SLUICE_ETHERTYPE_IPV6, look_bytes_v6))
    look_at_several_v6(burst, lanes, lane);
  else
    return false;
  return true;
}

// Have all, none of them left whole, `key`, the first one's line's?
SLUICE_INLINE bool are_alike(const Lanes& lanes, sluice_u32 lane, sluice_u64 key) {
  return set_of(are_equal(load_wide(&lanes.key[lane]), wide_of(key))) == several &&
         (lanes.whole >> lane & several) == 0;
}

// sluice_slot_of()
SLUICE_INLINE void point_several_at_slots(Lanes& lanes, sluice_u32 lane, const sluice_u16* slots,
                                          sluice_u32 slots_count) {
  const Wide upper = shift_right<32>(load_wide(&lanes.flow_hash[lane]));
  const Wide slot = shift_right<32>(multiply_low(upper, wide_of(slots_count)));
  store_wide(&lanes.slot[lane], add(shift_left<1>(slot), wide_of(reinterpret_cast<sluice_u64>(slots))));
}

// sluice_flow_line()
SLUICE_INLINE void point_several_at_flows(const Burst& burst, Lanes& lanes, sluice_u32 lane) {
  const sluice_generation* generation = burst.generation;
  const Wide memory = memory_of(generation->key, load_wide(&lanes.flow_hash[lane]));
  const Wide bucket = bit_and(memory, wide_of(generation->flows_mask));
  store_wide(&lanes.memory_hash[lane], memory);
  store_wide(&lanes.flow_line[lane], add(shift_left<6>(bucket), wide_of(reinterpret_cast<sluice_u64>(burst.flows))));
}
SLUICE_STATIC_ASSERT(sizeof(sluice_flows) == 1 << 6, "buckets are shifted to addresses");

}  // namespace
}  // namespace sluice::SLUICE_LEVEL
