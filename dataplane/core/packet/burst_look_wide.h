// SPDX-License-Identifier: Apache-2.0
// burst_look.h, and the first half of `match`, for several IPv4 packets at once: the same questions, a packet in every
// element of a vector (burst_wide.h). Of 34 ticks a packet it took away 11 with AVX2, and 3 more with AVX-512
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

struct Words {
  Wide first;   // version, IHL, TOS, length, identification, fragment
  Wide second;  // TTL, protocol, checksum, source
  Wide third;   // destination, ports
  Wide fourth;  // TCP: sequence numbers. UDP: length, checksum
  Wide fifth;   // TCP: data offset, flags, window, checksum, urgent pointer
};

SLUICE_INLINE Words load_words(sluice_u8* const* data) {
  Wide columns[4];
  load_columns(data, SLUICE_ETHERNET_BYTES + 8, columns);
  return {load_column(data, SLUICE_ETHERNET_BYTES), columns[0], columns[1], columns[2], columns[3]};
}

// 0xffff where RFC 1071 holds: five words of 32 bits, summed in 64 and folded twice.
SLUICE_INLINE Wide checksum_of(const Words& words) {
  const Wide sum = add(add(add(low32(words.first), shift_right<32>(words.first)),
                           add(low32(words.second), shift_right<32>(words.second))),
                       low32(words.third));
  const Wide low16 = wide_of(0xffff);
  // Below 5 * 2^32: three parts of 16 bits. Their sum is at most 0x1fffe + 4, and once more folded 0xffff for every
  // multiple of it.
  const Wide folded = add(add(bit_and(sum, low16), bit_and(shift_right<16>(sum), low16)), shift_right<32>(sum));
  return add(bit_and(folded, low16), shift_right<16>(folded));
}

// Those whose source no honest sender has: sluice_source_is_bad().
SLUICE_INLINE Mask bad_sources(Wide source, Wide destination) {
  const Wide first = bit_and(source, wide_of(0xff));
  const Mask outside = either(are_equal(first, wide_of(0)), are_greater(first, wide_of(223)));
  return either(either(outside, are_equal(first, wide_of(127))), are_equal(source, destination));
}

// Those whose transport header is neither TCP's nor UDP's, or not all there.
SLUICE_INLINE Mask bad_transports(const Words& words, Wide protocol, Mask is_tcp, Wide l3_bytes) {
  const Mask is_udp = are_equal(protocol, wide_of(SLUICE_PROTO_UDP));
  const Wide tcp_bytes = shift_right<2>(bit_and(words.fifth, wide_of(0xf0)));
  const Wide bytes = choose(is_tcp, tcp_bytes, two_bytes(words.fourth, 0, 1));
  // Neither of the two: more than any header has.
  const Wide least =
      choose(is_tcp, wide_of(SLUICE_TCP_BYTES), choose(is_udp, wide_of(SLUICE_UDP_BYTES), wide_of(0x10000)));
  return either(are_greater(least, bytes), are_greater(add(bytes, wide_of(SLUICE_IPV4_BYTES)), l3_bytes));
}

SLUICE_INLINE void hash_several(const Burst& burst, const Words& words, Wide protocol, Lanes& lanes, sluice_u32 lane) {
  const sluice_generation* generation = burst.generation;
  const sluice_hash_key& key = generation->key;
  const Wide destination = low32(words.third);
  const Wide above_port = bit_or(shift_left<16>(protocol), wide_of(SLUICE_KEY_SERVICE_V4 << 24));
  Products sum = {wide_of(key.offset), wide_of(0)};
  add_product(sum, bit_or(two_bytes(words.third, 6, 7), above_port), key.service);
  add_product(sum, destination, key.destination[0]);
  const Wide destination_hash = total_of(sum);
  add_product(sum, two_bytes(words.third, 4, 5), key.source_port);
  add_product(sum, shift_right<32>(words.second), key.source[0]);
  // sluice_vip_first()
  const Wide line =
      add(bit_and(shift_right<32>(destination_hash), wide_of(generation->vips_mask)), wide_of(generation->vips_line));
  const Wide vip = add(shift_left<6>(line), wide_of(reinterpret_cast<sluice_u64>(burst.tables->vips)));
  const Wide port_be = shift_right<48>(words.third);
  store_wide(&lanes.flow_hash[lane], mix(key, total_of(sum)));
  store_wide(&lanes.vip[lane], vip);
  store_wide(&lanes.key[lane], bit_or(destination, shift_left<32>(bit_or(port_be, above_port))));
}
SLUICE_STATIC_ASSERT(sizeof(sluice_vip) == 1 << 6, "line numbers are shifted to addresses");

// wide_lanes frames from `lane` on, all at least look_bytes_v4 long and IPv4 by their ethertype.
SLUICE_INLINE void look_at_several(const Burst& burst, Lanes& lanes, sluice_u32 lane) {
  const Words words = load_words(burst.frames->data + lane);
  const Wide protocol = bit_and(shift_right<8>(words.second), wide_of(0xff));
  const Mask is_tcp = are_equal(protocol, wide_of(SLUICE_PROTO_TCP));
  const Wide l3_bytes = two_bytes(words.first, 2, 3);
  // Version 4, five words of header, neither MF nor an offset; and the checksum.
  const Mask shape = are_equal(bit_and(words.first, wide_of(0xff3f0000000000ffu)), wide_of(0x45));
  const Mask good = both(shape, are_equal(checksum_of(words), wide_of(0xffff)));
  const Mask expired = are_equal(bit_and(words.second, wide_of(0xfe)), wide_of(0));
  const Mask too_long =
      are_greater(add(l3_bytes, wide_of(SLUICE_ETHERNET_BYTES)), load_wide(&burst.frames->bytes[lane]));
  const Mask bad =
      either(either(expired, too_long), either(bad_sources(shift_right<32>(words.second), low32(words.third)),
                                               bad_transports(words, protocol, is_tcp, l3_bytes)));
  const Wide flags = bit_and(words.fifth, wide_of((SLUICE_TCP_SYN | SLUICE_TCP_ACK) << 8));
  constexpr LaneSet all = (1u << wide_lanes) - 1;
  lanes.whole |= (set_of(bad) | (set_of(good) ^ all)) << lane;
  lanes.opens |= set_of(both(is_tcp, are_equal(flags, wide_of(SLUICE_TCP_SYN << 8)))) << lane;
  hash_several(burst, words, protocol, lanes, lane);
}

SLUICE_INLINE bool are_common_v4(const Burst& burst, sluice_u32 lane) {
  const Mask too_short = are_greater(wide_of(look_bytes_v4), load_wide(&burst.frames->bytes[lane]));
  bool are_v4 = set_of(too_short) == 0;
  if (SLUICE_UNLIKELY(!are_v4)) return false;  // there may be no ethertype to read
#pragma GCC unroll 8
  for (sluice_u32 i = lane; i < lane + wide_lanes; ++i)
    are_v4 &= sluice_load16(burst.frames->data[i] + 12) == sluice_swap16(SLUICE_ETHERTYPE_IPV4);
  return are_v4;
}

// Have all, none of them left whole, `key`, the first one's line's? (IPv4: the key is all there is to compare.)
SLUICE_INLINE bool are_alike(const Lanes& lanes, sluice_u32 lane, sluice_u64 key) {
  constexpr LaneSet all = (1u << wide_lanes) - 1;
  return set_of(are_equal(load_wide(&lanes.key[lane]), wide_of(key))) == all && (lanes.whole >> lane & all) == 0 &&
         key >> 56 == SLUICE_KEY_SERVICE_V4;
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
