// SPDX-License-Identifier: Apache-2.0
// The burst at one instruction set level: SLUICE_LEVEL is its namespace, and -march is the target's. Nothing of the
// standard library's templates in here: an inline function that two levels share would be one of theirs in the program,
// and maybe the one that this processor cannot run.
//
// Stages, each a loop over the burst:
//   look    parse, judge, hash                    -> the service's line is fetched
//   match   is it the service's                   -> the line of the flow or the slot is fetched
//   point   stateless services: slot -> backend   -> the backend's line and its counters' are fetched
//   finish  in the order of arrival: flow table, outer header, counters
//
// The stages know one kind of packet well: untagged, whole, without options, TCP or UDP, for a service of its exact
// port, and nothing wrong with it. The moment a packet turns out to be something else it is left to `finish`, which has
// sluice_process() do all of it. Before `finish` nothing is written, so nothing has to be taken back, and a flow that
// one packet enters is found by the next.
//
// The judging and parsing below is sluice_packet.h's and sluice_pipeline.h's over whole words, without the packet's
// description in between: 54 ticks a packet with it, on the machine and in the case of docs/benchmarks.md's figures.
// tests/packets/burst_differential holds the two equal.
#include "burst_look.h"
#if defined(__AVX2__)
#include "burst_look_wide.h"
#endif

namespace sluice::SLUICE_LEVEL {
namespace {

// Counted over the burst, added once. A run of packets for one service counts as one.
struct Sums {
  sluice_u64 frames;
  sluice_u64 frame_bytes;
  sluice_u64 flow_hits;
  const sluice_vip* vip;
  sluice_u64 packets;
  sluice_u64 bytes;
  sluice_u64 new_flows;
};

template <bool fetch>
SLUICE_INLINE void fetch_line(const void* line) {
  if (fetch) __builtin_prefetch(line, 0, 3);
}

SLUICE_INLINE bool has(LaneSet set, sluice_u32 lane) {
  return set >> lane & 1;
}

SLUICE_INLINE sluice_u64 sum_of_bytes(const PacketBurst& frames) {
  sluice_u64 sum = 0;
#pragma GCC unroll 4
  for (sluice_u32 i = 0; i < frames.count; ++i) sum += frames.bytes[i];
  return sum;
}

#if defined(__AVX2__)
constexpr sluice_u32 group_lanes = wide_lanes;
#else
constexpr sluice_u32 group_lanes = 4;
#endif

SLUICE_INLINE void look_at_group(const Burst& burst, Lanes& lanes, sluice_u32 first) {
  const sluice_u32 count = burst.frames->count;
#if defined(__AVX2__)
  if (SLUICE_LIKELY(first + wide_lanes <= count && look_at_several(burst, lanes, first))) return;
#endif
  for (sluice_u32 lane = first; lane < count && lane < first + group_lanes; ++lane) look(burst, lanes, lane);
}

SLUICE_INLINE bool is_rest_of_v6(const sluice_vip* vip, const sluice_u8* data) {
  const sluice_u8* destination = data + SLUICE_ETHERNET_BYTES + 24;
  return vip->address[1] == sluice_load32(destination + 4) && vip->address[2] == sluice_load32(destination + 8) &&
         vip->address[3] == sluice_load32(destination + 12);
}

SLUICE_INLINE sluice_u64 key_of(const sluice_vip* vip) {
  return key_of(vip->address[0], sluice_load32(&vip->port_be));
}

// Entries of a pool stand one after the other over its lines. NULL: the image contradicts itself.
SLUICE_INLINE const sluice_u16* slots_of(const Burst& burst, const sluice_vip* vip) {
  const sluice_u64 lines = (vip->slots_count + SLUICE_SLOTS_PER_LINE - 1) / SLUICE_SLOTS_PER_LINE;
  if (SLUICE_UNLIKELY(vip->slots_line + lines > burst.tables->slots_lines)) return NULL;
  return burst.tables->slots[vip->slots_line].entry;
}

SLUICE_INLINE void point_at_flows(const Burst& burst, Lanes& lanes, sluice_u32 lane) {
  const sluice_generation* generation = burst.generation;
  lanes.memory_hash[lane] = sluice_hash_memory(&generation->key, lanes.flow_hash[lane]);
  lanes.flow_line[lane] = burst.flows + sluice_flow_bucket(lanes.memory_hash[lane], generation->flows_mask);
}

// A key that lives in its second choice, or a service on every port, is left to sluice_process().
template <bool fetch>
SLUICE_INLINE void match(const Burst& burst, Lanes& lanes, sluice_u32 lane) {
  if (SLUICE_UNLIKELY(has(lanes.whole, lane))) return;
  const sluice_vip* vip = lanes.vip[lane];
  const sluice_u64 key = lanes.key[lane];
  const sluice_u16* slots = slots_of(burst, vip);
  if (SLUICE_UNLIKELY(key_of(vip) != key || (vip->flags & (SLUICE_VIP_FRAGMENTS | SLUICE_VIP_EMPTY)) || !slots ||
                      (key >> 56 == SLUICE_KEY_SERVICE_V6 && !is_rest_of_v6(vip, burst.frames->data[lane])))) {
    lanes.whole |= LaneSet{1} << lane;
    return;
  }
  lanes.slot[lane] = slots + sluice_slot_of(lanes.flow_hash[lane], vip->slots_count);
  lanes.plain |= static_cast<LaneSet>(vip == lanes.vip[0] && !(vip->flags & SLUICE_VIP_CHAIN)) << lane;
  if (vip->flags & SLUICE_VIP_TRACK) {
    point_at_flows(burst, lanes, lane);
    lanes.tracked |= LaneSet{1} << lane;
    fetch_line<fetch>(lanes.flow_line[lane]);
  } else {
    fetch_line<fetch>(lanes.slot[lane]);
  }
}

#if defined(__AVX2__)
// Neighbours of one plain service at once. False: not done.
template <bool fetch>
SLUICE_INLINE bool match_several(const Burst& burst, Lanes& lanes, sluice_u32 lane) {
  const sluice_vip* vip = lanes.vip[lane];
  if (SLUICE_UNLIKELY(!are_alike(lanes, lane, key_of(vip)) || (vip->flags & ~SLUICE_VIP_TRACK))) return false;
  const sluice_u16* slots = slots_of(burst, vip);
  if (SLUICE_UNLIKELY(!slots)) return false;
  if (vip->kind == SLUICE_KEY_SERVICE_V6) {
    for (sluice_u32 i = lane; i < lane + wide_lanes; ++i)
      if (SLUICE_UNLIKELY(!is_rest_of_v6(vip, burst.frames->data[i]))) return false;
  }
  if (vip == lanes.vip[0]) lanes.plain |= several << lane;
  point_several_at_slots(lanes, lane, slots, vip->slots_count);
  if (vip->flags & SLUICE_VIP_TRACK) {
    point_several_at_flows(burst, lanes, lane);
    lanes.tracked |= several << lane;
    for (sluice_u32 i = lane; i < lane + wide_lanes; ++i) fetch_line<fetch>(lanes.flow_line[i]);
  } else {
    for (sluice_u32 i = lane; i < lane + wide_lanes; ++i) fetch_line<fetch>(lanes.slot[i]);
  }
  return true;
}
#endif

template <bool fetch>
SLUICE_INLINE void match_group(const Burst& burst, Lanes& lanes, sluice_u32 first) {
  const sluice_u32 count = burst.frames->count;
#if defined(__AVX2__)
  if (SLUICE_LIKELY(first + wide_lanes <= count && match_several<fetch>(burst, lanes, first))) return;
#endif
  for (sluice_u32 lane = first; lane < count && lane < first + group_lanes; ++lane) match<fetch>(burst, lanes, lane);
}

// `match` of one group behind `look` of the next: what it fetches has the rest of the burst to come in time.
template <bool fetch>
SLUICE_INLINE void look_and_match(const Burst& burst, Lanes& lanes) {
  const sluice_u32 count = burst.frames->count;
  look_at_group(burst, lanes, 0);
  for (sluice_u32 first = 0; first < count; first += group_lanes) {
    if (first + group_lanes < count) look_at_group(burst, lanes, first + group_lanes);
    match_group<fetch>(burst, lanes, first);
  }
}

// The slot's owner, if nobody else may own the connection; 0 = left to sluice_process().
SLUICE_INLINE sluice_u32 owner_of(const Burst& burst, const Lanes& lanes, sluice_u32 lane) {
  const sluice_vip* vip = lanes.vip[lane];
  const sluice_u32 entry = *lanes.slot[lane];
  if (SLUICE_UNLIKELY((entry & SLUICE_SLOT_UNSTABLE) && (vip->flags & SLUICE_VIP_CHAIN) && !has(lanes.opens, lane)))
    return 0;
  const sluice_u32 member = vip->members_line * SLUICE_MEMBERS_PER_LINE + (entry & SLUICE_MEMBER_NONE);
  if (SLUICE_UNLIKELY(member >= burst.tables->members_lines * SLUICE_MEMBERS_PER_LINE)) return 0;
  return burst.tables->members->backend[member];
}

// Line 0 of backends is never in use, so "none" fails like a backend that is gone.
SLUICE_INLINE sluice_u32 within_backends(const Burst& burst, sluice_u32 index) {
  return SLUICE_LIKELY(index < burst.tables->backends_lines) ? index : 0;
}

// sluice_flow_find() for a tag that is not 0 (an empty place has tag 0): one bit per place whose tag it is.
SLUICE_INLINE sluice_u32 places_of(const sluice_flows* line, sluice_u32 tag) {
// Four entries at once, each loaded whole; ThreadSanitizer cannot be told that.
#if defined(__AVX2__) && !defined(__SANITIZE_THREAD__)
  const __m256i wanted = _mm256_set1_epi32(static_cast<int>(tag));
  const __m256i low = _mm256_cmpeq_epi32(_mm256_load_si256(reinterpret_cast<const __m256i*>(line)), wanted);
  const __m256i high = _mm256_cmpeq_epi32(_mm256_load_si256(reinterpret_cast<const __m256i*>(line) + 1), wanted);
  // The tag is the upper half of each entry, whose sign bit movemask_pd takes.
  return static_cast<sluice_u32>(_mm256_movemask_pd(_mm256_castsi256_pd(low))) |
         static_cast<sluice_u32>(_mm256_movemask_pd(_mm256_castsi256_pd(high))) << 4;
#else
  sluice_u32 places = 0;
#pragma GCC unroll 8
  for (sluice_u32 i = 0; i < SLUICE_FLOWS_PER_LINE; ++i)
    places |= static_cast<sluice_u32>((SLUICE_SHARED_LOAD(&line->entry[i]) >> 32) == tag) << i;
  return places;
#endif
}

// Where a packet in the middle of a tracked flow goes; 0 = left to sluice_process(), as everything that enters a flow
// is.
SLUICE_INLINE sluice_u32 recall(const Burst& burst, Lanes& lanes, sluice_u32 lane) {
  const bool is_udp = (lanes.key[lane] >> 48 & 0xff) == SLUICE_PROTO_UDP;
  const sluice_u32 tag = sluice_flow_tag(lanes.memory_hash[lane]);
  sluice_flows* line = lanes.flow_line[lane];
  const sluice_u32 places = places_of(line, tag);
  lanes.entry[lane] = NULL;
  if (SLUICE_UNLIKELY(has(lanes.opens, lane) || (lanes.vip[lane]->flags & SLUICE_VIP_CHAIN) || tag == 0)) return 0;
  if (SLUICE_UNLIKELY(places == 0)) return is_udp ? 0 : owner_of(burst, lanes, lane);
  sluice_u64* entry = &line->entry[__builtin_ctz(places)];
  const sluice_u64 found = SLUICE_SHARED_LOAD(entry);
  if (is_udp && SLUICE_UNLIKELY(sluice_flow_age(found, burst.now) > SLUICE_UDP_IDLE_TICKS)) return 0;
  const sluice_u32 index = sluice_flow_backend(found);
  lanes.entry[lane] = entry;
  lanes.wanted[lane] = sluice_flow_entry(tag, index, burst.now);
  return index;
}

SLUICE_INLINE void point(const Burst& burst, Lanes& lanes, sluice_u32 lane) {
  const sluice_u32 index = has(lanes.tracked, lane) ? recall(burst, lanes, lane) : owner_of(burst, lanes, lane);
  const sluice_u32 known = within_backends(burst, index);
  lanes.backend[lane] = &burst.tables->backends[known];
  lanes.traffic[lane] = &burst.backends_traffic[known];
}

// A burst of one stateless service: what its lanes have in common is looked up once.
template <bool fetch>
SLUICE_INLINE void point_plain(const Burst& burst, Lanes& lanes) {
  const sluice_tables* tables = burst.tables;
  const sluice_vip* vip = lanes.vip[0];
  const sluice_u32 first = vip->members_line * SLUICE_MEMBERS_PER_LINE;
  const sluice_u32 all = tables->members_lines * SLUICE_MEMBERS_PER_LINE;
  const sluice_u32 members_count = first < all ? all - first : 0;
  const sluice_u32* members = tables->members->backend + first;
  for (sluice_u32 lane = 0; lane < burst.frames->count; ++lane) {
    const sluice_u32 member = *lanes.slot[lane] & SLUICE_MEMBER_NONE;
    const sluice_u32 index = SLUICE_LIKELY(member < members_count) ? within_backends(burst, members[member]) : 0;
    lanes.backend[lane] = &tables->backends[index];
    lanes.traffic[lane] = &burst.backends_traffic[index];
    fetch_line<fetch>(lanes.backend[lane]);
    fetch_line<fetch>(lanes.traffic[lane]);
  }
}

SLUICE_INLINE LaneSet all_of(const Burst& burst) {
  return static_cast<LaneSet>((1ull << burst.frames->count) - 1);
}

template <bool fetch>
SLUICE_INLINE void point_all(const Burst& burst, Lanes& lanes) {
  if (SLUICE_LIKELY(lanes.plain == all_of(burst) && lanes.tracked == 0)) return point_plain<fetch>(burst, lanes);
  for (sluice_u32 lane = 0; lane < burst.frames->count; ++lane) {
    if (SLUICE_UNLIKELY(has(lanes.whole, lane))) continue;
    point(burst, lanes, lane);
    fetch_line<fetch>(lanes.backend[lane]);
    fetch_line<fetch>(lanes.traffic[lane]);
  }
}

// Two traffic counters fill a line, so they stand one after the other.
SLUICE_INLINE sluice_traffic* traffic_from(const Burst& burst, sluice_u32 first_line) {
  return reinterpret_cast<sluice_traffic*>(burst.counters + first_line);
}

SLUICE_INLINE void count_service(const Burst& burst, Sums& sums) {
  if (sums.packets == 0) return;
  sluice_traffic* traffic = traffic_from(burst, SLUICE_COUNTERS_SERVICES) + sums.vip->service;
  sluice_count(&traffic->packets, sums.packets);
  sluice_count(&traffic->bytes, sums.bytes);
  sluice_count(&traffic->new_flows, sums.new_flows);
  sums.packets = sums.bytes = sums.new_flows = 0;
}

SLUICE_INLINE void count(const Burst& burst, const Lanes& lanes, sluice_u32 lane, sluice_u32 l3_bytes, Sums& sums) {
  sluice_traffic* traffic = lanes.traffic[lane];
  sluice_count(&traffic->packets, 1);
  sluice_count(&traffic->bytes, l3_bytes);
  if (SLUICE_UNLIKELY(sums.vip != lanes.vip[lane])) {
    count_service(burst, sums);
    sums.vip = lanes.vip[lane];
  }
  if (SLUICE_UNLIKELY(has(lanes.opens, lane))) {
    sluice_count(&traffic->new_flows, 1);
    sums.new_flows += 1;
  }
  sums.packets += 1;
  sums.bytes += l3_bytes;
}

// RFC 1624 as in sluice_decrement_ttl(), on TTL, protocol and checksum as one word.
SLUICE_INLINE void decrement_ttl_v4(sluice_u8* l3) {
  sluice_u32 word = sluice_load32(l3 + 8);
  if (SLUICE_UNLIKELY(word >= 0xfffe0000u)) word += 0x10000;  // the carry comes round
  sluice_store32(l3 + 8, word + 0xffff);
}

// sluice_write_outer_ipv4() in whole words. `head`: version and header length, traffic class and total length as the
// number that their four bytes are in network order.
SLUICE_INLINE void write_outer_v4(sluice_u8* p, const sluice_backend* backend, sluice_u32 head, sluice_u32 protocol) {
  const sluice_u32 head_be = sluice_swap32(head);
  // backend->checksum has the first of the header's bytes in it already.
  const sluice_u32 sum = add_round(backend->checksum + (protocol << 8) - 0x45, head_be);
  // The upper half of a word plus its half-turn is the sum of both halves, carry and all.
  const sluice_u32 checksum = ~(sum + (sum << 16 | sum >> 16)) >> 16;
  sluice_store64(p, 0x0040000000000000u | head_be);
  sluice_store64(p + 8,
                 SLUICE_OUTER_TTL | protocol << 8 | checksum << 16 | static_cast<sluice_u64>(backend->source[0]) << 32);
  sluice_store32(p + 16, backend->destination[0]);
}

// The outer header before `data`; the bytes it takes.
template <bool outer_v6, bool is_gue, bool inner_v6>
SLUICE_INLINE sluice_u32 wrap(sluice_u8* data, sluice_u64 flow_hash, const sluice_backend* backend, sluice_u32 first,
                              sluice_u32 l3_bytes) {
  constexpr sluice_u32 extra_bytes = is_gue ? SLUICE_UDP_BYTES + 4 : 0;
  constexpr sluice_u32 ip_bytes = outer_v6 ? SLUICE_IPV6_BYTES : SLUICE_IPV4_BYTES;
  sluice_outer outer{};
  outer.backend = backend;
  outer.flow_hash = flow_hash;
  outer.payload_bytes = l3_bytes;
  outer.traffic_class = static_cast<sluice_u8>(inner_v6 ? sluice_swap32(first) >> 20 : first >> 8);
  outer.inner_protocol = inner_v6 ? SLUICE_PROTO_IPV6 : SLUICE_PROTO_IPIP;
  outer.is_gue = is_gue;
  // An inner IPv4 header begins with what the outer one begins with, but for the length.
  const sluice_u32 head =
      ip_bytes + extra_bytes +
      (inner_v6 ? 0x45000000u | static_cast<sluice_u32>(outer.traffic_class) << 16 | l3_bytes : sluice_swap32(first));
  if (inner_v6)
    sluice_decrement_ttl(data + SLUICE_ETHERNET_BYTES, 1);
  else
    decrement_ttl_v4(data + SLUICE_ETHERNET_BYTES);
  data -= ip_bytes + extra_bytes;
  sluice_write_macs(data, backend);
  sluice_store16_be(data + 12, outer_v6 ? SLUICE_ETHERTYPE_IPV6 : SLUICE_ETHERTYPE_IPV4);
  sluice_u8* l3 = data + SLUICE_ETHERNET_BYTES;
  if (outer_v6)
    sluice_write_outer_ipv6(l3, &outer, extra_bytes);
  else
    write_outer_v4(l3, backend, head, is_gue ? SLUICE_PROTO_UDP : outer.inner_protocol);
  if (is_gue) sluice_write_gue(l3 + ip_bytes, &outer, 0);
  return ip_bytes + extra_bytes;
}

// A backend that may be sent packets and how, as one number.
SLUICE_INLINE sluice_u32 form_of(const sluice_backend* backend) {
#if defined(__SANITIZE_THREAD__)
  return static_cast<sluice_u32>(backend->encapsulation | SLUICE_SHARED_LOAD(&backend->flags) << 8);
#else
  return sluice_load16(&backend->encapsulation);
#endif
}
constexpr sluice_u32 alive_form(sluice_u32 encapsulation) {
  return encapsulation | SLUICE_BACKEND_ALIVE << 8;
}

struct Sent {
  sluice_u32 l3_bytes;  // of the inner packet; 0: nothing has been written, it is sluice_process()'s
  sluice_u32 outer_bytes;
};

// Writes the outer header; PacketBurst does not know of it yet.
template <bool inner_v6>
SLUICE_INLINE Sent send(const PacketBurst& frames, const Lanes& lanes, sluice_u32 lane) {
  sluice_u8* data = frames.data[lane];
  const sluice_backend* backend = lanes.backend[lane];
  const sluice_u64 flow_hash = lanes.flow_hash[lane];
  const sluice_u32 first = sluice_load32(data + SLUICE_ETHERNET_BYTES);
  const sluice_u32 l3_bytes =
      inner_v6 ? sluice_load16_be(data + SLUICE_ETHERNET_BYTES + 4) + SLUICE_IPV6_BYTES : sluice_swap32(first) & 0xffff;
  if (SLUICE_UNLIKELY(l3_bytes > backend->inner_mtu || SLUICE_SHARED_LOAD(&backend->mac_low) == 0)) return {0, 0};
  const sluice_u32 form = form_of(backend);
  if (SLUICE_LIKELY(form == alive_form(SLUICE_ENCAP_IPIP_V4)))
    return {l3_bytes, wrap<false, false, inner_v6>(data, flow_hash, backend, first, l3_bytes)};
  if (form == alive_form(SLUICE_ENCAP_GUE_V4))
    return {l3_bytes, wrap<false, true, inner_v6>(data, flow_hash, backend, first, l3_bytes)};
  if (form == alive_form(SLUICE_ENCAP_IPIP_V6))
    return {l3_bytes, wrap<true, false, inner_v6>(data, flow_hash, backend, first, l3_bytes)};
  if (form == alive_form(SLUICE_ENCAP_GUE_V6))
    return {l3_bytes, wrap<true, true, inner_v6>(data, flow_hash, backend, first, l3_bytes)};
  return {0, 0};
}

SLUICE_INLINE void tell(PacketBurst& frames, const Lanes& lanes, sluice_u32 lane, sluice_u32 outer_bytes) {
  frames.data[lane] -= outer_bytes;
  frames.bytes[lane] += outer_bytes;
  frames.verdicts[lane].reason = SLUICE_REASON_forwarded;
  frames.verdicts[lane].interface = SLUICE_SHARED_LOAD(&lanes.backend[lane]->interface);
}

SLUICE_INLINE void refresh(const Lanes& lanes, sluice_u32 lane, Sums& sums) {
  sluice_u64* entry = lanes.entry[lane];
  if (!entry) return;
  // Written at most once a tick and flow: a hit stays a read.
  if (SLUICE_SHARED_LOAD(entry) != lanes.wanted[lane]) SLUICE_SHARED_STORE(entry, lanes.wanted[lane]);
  sums.flow_hits += 1;
}

// Out of line: the whole road's code would stand between the stages' own.
__attribute__((noinline, cold)) void do_whole(const Burst& burst, sluice_u32 lane) {
  PacketBurst& frames = *burst.frames;
  sluice_u8* data = frames.data[lane];
  sluice_frame frame = {data, data + frames.bytes[lane], data - frames.headroom_bytes};
  frames.verdicts[lane] = sluice_process(&frame, burst.tables, burst.worker, burst.now);
  frames.data[lane] = frame.data;
  frames.bytes[lane] = static_cast<sluice_u64>(frame.end - frame.data);
}

// Any packets, from `lane` on.
SLUICE_INLINE void finish_mixed(const Burst& burst, Lanes& lanes, sluice_u32 lane, Sums& sums) {
  PacketBurst& frames = *burst.frames;
  bool flows_changed = false;
  for (; lane < frames.count; ++lane) {
    const bool is_tracked = has(lanes.tracked, lane);
    Sent sent = {0, 0};
    if (!has(lanes.whole, lane)) {
      // What `point` has read of the flow table may have been overwritten by a packet done whole meanwhile.
      if (flows_changed && is_tracked) point(burst, lanes, lane);
      const bool is_v6 = lanes.key[lane] >> 56 == SLUICE_KEY_SERVICE_V6;
      sent = is_v6 ? send<true>(frames, lanes, lane) : send<false>(frames, lanes, lane);
    }
    if (SLUICE_LIKELY(sent.l3_bytes != 0)) {
      tell(frames, lanes, lane, sent.outer_bytes);
      if (is_tracked) refresh(lanes, lane, sums);
      count(burst, lanes, lane, sent.l3_bytes, sums);
      continue;
    }
    sums.frames -= 1;
    sums.frame_bytes -= frames.bytes[lane];
    do_whole(burst, lane);
    flows_changed = true;
  }
}

// What nearly every burst is: packets of one service in the middle of their connections, to backends that are all
// reached the same way. Returns the lane at which that ended, or the count. What has become of each packet is then told
// for all of them at once.
template <bool is_tracked, bool is_v6>
SLUICE_INLINE sluice_u32 finish_plain(const Burst& burst, Lanes& lanes, Sums& sums) {
  PacketBurst& frames = *burst.frames;
  const sluice_u32 count = frames.count;
  sluice_u64 bytes = 0;
  sluice_u32 lane = 0;
  sluice_u32 outer_all = 0;     // bits that any lane's has
  sluice_u32 outer_each = ~0u;  // bits that every lane's has
  sluice_u32 interfaces = 0;
  for (; lane < count; ++lane) {
    const Sent sent = send<is_v6>(frames, lanes, lane);
    if (SLUICE_UNLIKELY(sent.l3_bytes == 0)) break;
    if (is_tracked) refresh(lanes, lane, sums);
    sluice_traffic* traffic = lanes.traffic[lane];
    sluice_count(&traffic->packets, 1);
    sluice_count(&traffic->bytes, sent.l3_bytes);
    bytes += sent.l3_bytes;
    outer_all |= sent.outer_bytes;
    outer_each &= sent.outer_bytes;
    interfaces |= SLUICE_SHARED_LOAD(&lanes.backend[lane]->interface);
  }
  sums.vip = lanes.vip[0];
  sums.packets = lane;
  sums.bytes = bytes;
  if (SLUICE_LIKELY(lane == count && outer_all == outer_each && interfaces == 0))
    frames.outer_bytes = outer_all;
  else
    for (sluice_u32 i = 0; i < lane; ++i) tell(frames, lanes, i, sluice_outer_bytes(lanes.backend[i]->encapsulation));
  return lane;
}

SLUICE_INLINE void finish_all(const Burst& burst, Lanes& lanes, Sums& sums) {
  sluice_u32 lane = 0;
  // 3 ticks a packet less than finish_mixed() alone (`sluice-bench dpdk`, tcp4_stateless_1k).
  if (SLUICE_LIKELY(lanes.plain == all_of(burst) && lanes.opens == 0 && burst.frames->count != 0)) {
    if (lanes.vip[0]->kind == SLUICE_KEY_SERVICE_V6)
      lane =
          lanes.tracked ? finish_plain<true, true>(burst, lanes, sums) : finish_plain<false, true>(burst, lanes, sums);
    else
      lane = lanes.tracked ? finish_plain<true, false>(burst, lanes, sums)
                           : finish_plain<false, false>(burst, lanes, sums);
  }
  if (SLUICE_UNLIKELY(lane < burst.frames->count)) finish_mixed(burst, lanes, lane, sums);
}

SLUICE_INLINE void count_burst(const Burst& burst, Sums& sums) {
  count_service(burst, sums);
  sluice_count(&burst.head->rx_packets, sums.frames);
  sluice_count(&burst.head->rx_bytes, sums.frame_bytes);
  sluice_count(&burst.head->flow_hits, sums.flow_hits);
  auto* reasons = reinterpret_cast<sluice_reason_counters*>(burst.counters + SLUICE_COUNTERS_REASONS);
  sluice_count(&reasons->packets[SLUICE_REASON_forwarded], sums.frames);
}

template <bool fetch>
SLUICE_INLINE void run(sluice_tables* tables, sluice_u32 worker, sluice_u32 now, PacketBurst* frames) {
  sluice_road begin{};
  frames->outer_bytes = 0;
  if (SLUICE_UNLIKELY(!sluice_road_begin(&begin, tables, worker, now))) {
    for (sluice_u32 i = 0; i < frames->count; ++i) frames->verdicts[i] = {SLUICE_REASON_not_vip, 0};
    return;
  }
  const sluice_generation* generation = begin.generation;
  Burst burst{};
  burst.frames = frames;
  burst.tables = tables;
  burst.generation = generation;
  burst.head = begin.head;
  burst.counters = reinterpret_cast<sluice_line*>(begin.head);
  burst.backends_traffic = traffic_from(burst, generation->counters_backends);
  burst.flows = tables->flows + static_cast<sluice_u64>(worker) * (generation->flows_mask + 1);
  burst.worker = worker;
  burst.now = now;
  Lanes lanes;
  lanes.whole = lanes.tracked = lanes.opens = lanes.plain = 0;
  Sums sums{};
  sums.frames = frames->count;
  sums.frame_bytes = sum_of_bytes(*frames);
  look_and_match<fetch>(burst, lanes);
  point_all<fetch>(burst, lanes);
  finish_all(burst, lanes, sums);
  count_burst(burst, sums);
}

}  // namespace

void process_burst(sluice_tables* tables, sluice_u32 worker, sluice_u32 now, PacketBurst* burst) {
  run<true>(tables, worker, now, burst);
}

void process_unfetched(sluice_tables* tables, sluice_u32 worker, sluice_u32 now, PacketBurst* burst) {
  run<false>(tables, worker, now, burst);
}

void process_one_by_one(sluice_tables* tables, sluice_u32 worker, sluice_u32 now, PacketBurst* burst) {
  PacketBurst one;
  one.count = 1;
  one.headroom_bytes = burst->headroom_bytes;
  burst->outer_bytes = 0;
  for (sluice_u32 i = 0; i < burst->count; ++i) {
    one.data[0] = burst->data[i];
    one.bytes[0] = burst->bytes[i];
    run<false>(tables, worker, now, &one);
    settle(&one);
    burst->data[i] = one.data[0];
    burst->bytes[i] = one.bytes[0];
    burst->verdicts[i] = one.verdicts[0];
  }
}

}  // namespace sluice::SLUICE_LEVEL
