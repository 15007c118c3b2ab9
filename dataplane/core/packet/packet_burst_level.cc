// SPDX-License-Identifier: Apache-2.0
// The burst at one instruction set level: SLUICE_LEVEL is its namespace, and -march is the target's. Nothing of the
// standard library's templates in here: an inline function that two levels share would be one of theirs in the program,
// and maybe the one that this processor cannot run.
//
// Stages, each a loop over the burst:
//   look    parse; where the service's line is                         -> its line is fetched
//   match   the service; judge; where the flow or the slot is          -> their lines are fetched
//   point   stateless services: slot -> backend                        -> its lines are fetched
//   finish  in the order of arrival: choose, write, count; whatever is not the common kind is done whole, from its start
//
// Only `finish` writes, so a flow that one frame enters is found by the next. It chooses by the same function as every
// plane; that it reads again what `point` has read costs two loads that hit.
#include "sluice_pipeline.h"

namespace sluice::SLUICE_LEVEL {
namespace {

// What a frame still needs. The order is that of the stages: `done` is never stored.
enum LaneState : sluice_u8 {
  lane_whole,    // an uncommon frame, or one with a verdict worth no stages: sluice_process() does it all
  lane_matched,  // service, flow hash and judgement are there
  lane_parsed,
};

struct Lane {
  sluice_packet packet;
  sluice_u64 destination_hash;
  sluice_u64 flow_hash;
  const sluice_vip* vip;
  LaneState state;
};

struct Burst {
  sluice_tables* tables;
  const sluice_generation* generation;
  sluice_worker_head* head;
  sluice_u32 worker;
  sluice_u32 now;
};

template <bool fetch>
SLUICE_INLINE void fetch_line(const void* line) {
  if (fetch) __builtin_prefetch(line, 0, 3);
}

template <bool fetch, int is_v6>
SLUICE_INLINE void look_at(const Burst& burst, const sluice_frame& frame, Lane& lane) {
  sluice_packet& packet = lane.packet;
  const sluice_shape shape = is_v6 ? sluice_parse_ipv6(&frame, &packet, SLUICE_COMMON)
                                   : sluice_parse_ipv4(&frame, &packet, SLUICE_COMMON);
  if (SLUICE_UNLIKELY(shape != SLUICE_SHAPE_FLOW)) return;
  const sluice_u8 kind = is_v6 ? SLUICE_KEY_SERVICE_V6 : SLUICE_KEY_SERVICE_V4;
  const sluice_u32 word = sluice_service_word(packet.destination_port, packet.protocol, kind);
  lane.destination_hash = sluice_hash_destination(&burst.generation->key, packet.destination, word, is_v6);
  const sluice_u32 first =
      burst.generation->vips_line + sluice_vip_first(lane.destination_hash, burst.generation->vips_mask);
  fetch_line<fetch>(&burst.tables->vips[first]);
  lane.state = lane_parsed;
}

template <bool fetch>
SLUICE_INLINE void look(const Burst& burst, const sluice_frame& frame, Lane& lane) {
  lane.packet = sluice_packet{};
  lane.state = lane_whole;
  const sluice_u16 ethertype = sluice_parse_ethernet(&frame, &lane.packet, SLUICE_COMMON);
  if (SLUICE_LIKELY(ethertype == SLUICE_ETHERTYPE_IPV4))
    look_at<fetch, 0>(burst, frame, lane);
  else if (ethertype == SLUICE_ETHERTYPE_IPV6)
    look_at<fetch, 1>(burst, frame, lane);
}

// A service found by its exact port, without faults and without fragments to care for. Everything else goes back.
template <bool fetch, int is_v6>
SLUICE_INLINE void match_at(const Burst& burst, const sluice_frame& frame, Lane& lane) {
  const sluice_packet& packet = lane.packet;
  const sluice_hash_key* key = &burst.generation->key;
  const sluice_u8 kind = is_v6 ? SLUICE_KEY_SERVICE_V6 : SLUICE_KEY_SERVICE_V4;
  const sluice_u32 key_word = static_cast<sluice_u32>(sluice_swap16(packet.destination_port)) |
                              static_cast<sluice_u32>(packet.protocol) << 16 | static_cast<sluice_u32>(kind) << 24;
  lane.state = lane_whole;
  const sluice_vip* vip = sluice_vip_at(burst.tables, burst.generation, lane.destination_hash, packet.destination,
                                        key_word, is_v6);
  if (SLUICE_UNLIKELY(!vip || (vip->flags & (SLUICE_VIP_FRAGMENTS | SLUICE_VIP_EMPTY)))) return;
  if (SLUICE_UNLIKELY(sluice_judge(&frame, &packet, is_v6) != SLUICE_REASON_forwarded)) return;
  lane.vip = vip;
  lane.flow_hash = sluice_hash_mix(key, lane.destination_hash + key->source_port * packet.source_port +
                                            sluice_hash_address(key->source, packet.source, is_v6));
  if (vip->flags & SLUICE_VIP_TRACK) {
    const sluice_u32 bucket =
        sluice_flow_bucket(sluice_hash_memory(key, lane.flow_hash), burst.generation->flows_mask);
    fetch_line<fetch>(&burst.tables->flows[burst.worker * (burst.generation->flows_mask + 1) + bucket]);
  } else {
    const sluice_u32 slot = sluice_slot_of(lane.flow_hash, vip->slots_count);
    fetch_line<fetch>(&burst.tables->slots[vip->slots_line + slot / SLUICE_SLOTS_PER_LINE]);
  }
  lane.state = lane_matched;
}

template <bool fetch>
SLUICE_INLINE void match(const Burst& burst, const sluice_frame& frame, Lane& lane) {
  if (SLUICE_UNLIKELY(lane.state != lane_parsed)) return;
  if (lane.packet.is_v6)
    match_at<fetch, 1>(burst, frame, lane);
  else
    match_at<fetch, 0>(burst, frame, lane);
}

template <bool fetch>
SLUICE_INLINE void point(const Burst& burst, const Lane& lane) {
  if (!fetch || lane.state != lane_matched || (lane.vip->flags & SLUICE_VIP_TRACK)) return;
  const sluice_u32 slot = sluice_slot_of(lane.flow_hash, lane.vip->slots_count);
  const sluice_u32 member = sluice_slot_entry(burst.tables, lane.vip, slot) & SLUICE_MEMBER_NONE;
  const sluice_u32 index = sluice_member_backend(burst.tables, lane.vip->members_line, member);
  fetch_line<fetch>(&burst.tables->backends[index]);
}

template <int is_v6>
SLUICE_INLINE sluice_verdict finish_at(const Burst& burst, sluice_frame& frame, const Lane& lane) {
  sluice_road road{};
  road.tables = burst.tables;
  road.generation = burst.generation;
  road.worker = burst.worker;
  road.now = burst.now;
  road.head = burst.head;
  road.vip = lane.vip;
  road.packet = lane.packet;
  road.flow_hash = lane.flow_hash;
  road.protocol = lane.packet.protocol;
  road.opens = lane.packet.protocol == SLUICE_PROTO_TCP &&
               (lane.packet.tcp_flags & (SLUICE_TCP_SYN | SLUICE_TCP_ACK)) == SLUICE_TCP_SYN;
  road.new_flow = road.opens;
  road.use = road.opens ? SLUICE_FLOW_NEW : SLUICE_FLOW_USE;
  const sluice_u64 frame_bytes = static_cast<sluice_u64>(frame.end - frame.data);
  const sluice_reason reason = sluice_forward(&frame, &road, SLUICE_COMMON, is_v6);
  if (SLUICE_UNLIKELY(reason == SLUICE_UNCOMMON)) return sluice_process(&frame, burst.tables, burst.worker, burst.now);
  sluice_count(&burst.head->rx_packets, 1);
  sluice_count(&burst.head->rx_bytes, frame_bytes);
  return sluice_road_end(&road, reason);
}

SLUICE_INLINE sluice_verdict finish(const Burst& burst, sluice_frame& frame, const Lane& lane) {
  if (SLUICE_UNLIKELY(lane.state != lane_matched)) return sluice_process(&frame, burst.tables, burst.worker, burst.now);
  return lane.packet.is_v6 ? finish_at<1>(burst, frame, lane) : finish_at<0>(burst, frame, lane);
}

template <bool fetch>
SLUICE_INLINE void run(sluice_tables* tables, sluice_u32 worker, sluice_u32 now, sluice_frame* frames,
                       sluice_verdict* verdicts, sluice_u32 count) {
  Lane lanes[32];
  sluice_road begin{};
  if (SLUICE_UNLIKELY(!sluice_road_begin(&begin, tables, worker, now))) {
    for (sluice_u32 i = 0; i < count; ++i) verdicts[i] = {SLUICE_REASON_not_vip, 0};
    return;
  }
  const Burst burst = {tables, begin.generation, begin.head, worker, now};
  for (sluice_u32 i = 0; i < count; ++i) look<fetch>(burst, frames[i], lanes[i]);
  for (sluice_u32 i = 0; i < count; ++i) match<fetch>(burst, frames[i], lanes[i]);
  for (sluice_u32 i = 0; i < count; ++i) point<fetch>(burst, lanes[i]);
  for (sluice_u32 i = 0; i < count; ++i) verdicts[i] = finish(burst, frames[i], lanes[i]);
}

}  // namespace

void process_burst(sluice_tables* tables, sluice_u32 worker, sluice_u32 now, sluice_frame* frames,
                   sluice_verdict* verdicts, sluice_u32 count) {
  run<true>(tables, worker, now, frames, verdicts, count);
}

void process_burst_unprefetched(sluice_tables* tables, sluice_u32 worker, sluice_u32 now, sluice_frame* frames,
                                sluice_verdict* verdicts, sluice_u32 count) {
  run<false>(tables, worker, now, frames, verdicts, count);
}

}  // namespace sluice::SLUICE_LEVEL
