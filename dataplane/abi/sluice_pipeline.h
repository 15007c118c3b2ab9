/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The road of one packet, from frame to verdict: parse, find the service, judge, choose a backend, write the outer
 * header. Straight line, no lock, no allocation; every exit is a reason and is counted once. Planes that work on bursts
 * run the same stages side by side. docs/packet-path.md says the same in words.
 */
#ifndef SLUICE_PIPELINE_H
#define SLUICE_PIPELINE_H

#include "sluice_choose.h"
#include "sluice_icmp.h"

/* What the shell has to do with the frame afterwards. */
struct sluice_verdict {
  enum sluice_reason reason;
  sluice_u32 interface; /* for reasons of class TX: 0 = out the way it came */
};

/* RFC 1071 over the header with its options; 0 = right. */
SLUICE_INLINE int sluice_ipv4_checksum_wrong(const struct sluice_frame* frame, const struct sluice_packet* packet) {
  const sluice_u8* l3 = frame->data + packet->l3_offset;
  if (l3 + SLUICE_IPV4_BYTES > frame->end) return 1;
  sluice_u64 sum = (sluice_u64)sluice_load32(l3) + sluice_load32(l3 + 4) + sluice_load32(l3 + 8) +
                   sluice_load32(l3 + 12) + sluice_load32(l3 + 16);
  if (SLUICE_UNLIKELY(packet->l4_offset > SLUICE_IPV4_BYTES))
    sum += sluice_sum(frame, packet->l3_offset + SLUICE_IPV4_BYTES, packet->l4_offset - SLUICE_IPV4_BYTES);
  sum = (sum & 0xffffffffu) + (sum >> 32);
  sum = (sum & 0xffffffffu) + (sum >> 32);
  return sluice_fold((sluice_u32)sum) != 0xffff;
}

/* A source no honest sender has (RFC 1812 section 5.3.7, RFC 4291 section 2.7), or the VIP itself. */
SLUICE_INLINE int sluice_source_is_bad(const struct sluice_packet* packet, int is_v6) {
  const sluice_u32* source = packet->source;
  if (is_v6) {
    const sluice_u32 high = source[0] | source[1] | source[2];
    if ((source[0] & 0xff) == 0xff) return 1;
    if (high == 0 && (source[3] == 0 || source[3] == sluice_swap32(1))) return 1;
    return source[0] == packet->destination[0] && source[1] == packet->destination[1] &&
           source[2] == packet->destination[2] && source[3] == packet->destination[3];
  }
  const sluice_u32 first = source[0] & 0xff;
  return first == 0 || first == 127 || first >= 224 || source[0] == packet->destination[0];
}

/* What is wrong with a packet that is for a VIP, whatever its shape. SLUICE_REASON_forwarded = nothing. */
SLUICE_INLINE enum sluice_reason sluice_judge(const struct sluice_frame* frame, const struct sluice_packet* packet,
                                              int is_v6) {
  if (SLUICE_UNLIKELY(packet->fault != SLUICE_REASON_forwarded)) return (enum sluice_reason)packet->fault;
  if (!is_v6 && SLUICE_UNLIKELY(sluice_ipv4_checksum_wrong(frame, packet))) return SLUICE_REASON_bad_checksum;
  if (SLUICE_UNLIKELY(sluice_source_is_bad(packet, is_v6))) return SLUICE_REASON_bad_source;
  return SLUICE_REASON_forwarded;
}

/* L2: new addresses, TTL down, nothing else. */
SLUICE_INLINE enum sluice_reason sluice_send_l2(struct sluice_frame* frame, struct sluice_road* road, int is_v6) {
  sluice_u8* data = frame->data;
  sluice_u8* l3 = data + road->packet.l3_offset;
  if (l3 + SLUICE_IPV4_BYTES > frame->end) return SLUICE_REASON_internal;
  sluice_decrement_ttl(l3, is_v6);
  sluice_write_macs(data, road->backend);
  return SLUICE_REASON_forwarded;
}

SLUICE_INLINE void sluice_write_chain(const struct sluice_frame* frame, sluice_u8* p,
                                      const struct sluice_chain* chain) {
  if (p + 8 > frame->end) return;
  sluice_write_chain_head(p, chain);
  if (p + 12 > frame->end) return;
  sluice_store32(p + 8, sluice_swap32(chain->first));
  if (chain->count < 2 || p + 16 > frame->end) return;
  sluice_store32(p + 12, sluice_swap32(chain->second));
  if (chain->count < 3 || p + 20 > frame->end) return;
  sluice_store32(p + 16, sluice_swap32(chain->third));
}

/* Outer header at `l3`; `base` = bytes without the chain. */
SLUICE_INLINE enum sluice_reason sluice_write_outer(struct sluice_frame* frame, sluice_u8* l3,
                                                    const struct sluice_outer* outer, sluice_u32 chain_bytes) {
  const sluice_u32 udp_bytes = outer->is_gue ? SLUICE_UDP_BYTES + 4 + chain_bytes : 0;
  if (SLUICE_UNLIKELY(outer->is_v6)) {
    if (l3 + SLUICE_IPV6_BYTES + SLUICE_UDP_BYTES + 4 > frame->end) return SLUICE_REASON_internal;
    sluice_write_outer_ipv6(l3, outer, udp_bytes);
    l3 += SLUICE_IPV6_BYTES;
  } else {
    if (l3 + SLUICE_IPV4_BYTES + SLUICE_UDP_BYTES + 4 > frame->end) return SLUICE_REASON_internal;
    sluice_write_outer_ipv4(l3, outer, udp_bytes);
    l3 += SLUICE_IPV4_BYTES;
  }
  if (outer->is_gue) {
    sluice_write_gue(l3, outer, chain_bytes);
    if (SLUICE_UNLIKELY(chain_bytes)) sluice_write_chain(frame, l3 + SLUICE_UDP_BYTES + 4, outer->chain);
  }
  return SLUICE_REASON_forwarded;
}

/* The most common form on its own: IPv4 in a plain IPv4 header, every length and bound a
 * constant: 4 ns of 85 (sluice-bench xdp, tcp4_stateless_1). tests/packets holds it equal to the general form. */
SLUICE_INLINE enum sluice_reason sluice_encapsulate_ipip_v4(struct sluice_frame* frame, struct sluice_road* road,
                                                            int is_v6) {
  const struct sluice_backend* backend = road->backend;
  const sluice_u32 l3_offset = road->packet.l3_offset;
  struct sluice_outer outer = SLUICE_ZERO;
  outer.backend = backend;
  outer.payload_bytes = road->packet.l3_bytes;
  outer.traffic_class = road->packet.traffic_class;
  outer.inner_protocol = is_v6 ? SLUICE_PROTO_IPV6 : SLUICE_PROTO_IPIP;
  sluice_u8* data = frame->data;
  if (data + l3_offset + SLUICE_IPV4_BYTES > frame->end) return SLUICE_REASON_internal;
  sluice_decrement_ttl(data + l3_offset, is_v6);
  if (SLUICE_UNLIKELY(sluice_grow_head(frame, SLUICE_IPV4_BYTES))) return SLUICE_REASON_no_headroom;
  data = frame->data;
  if (data + SLUICE_ETHERNET_BYTES + SLUICE_IPV4_BYTES > frame->end) return SLUICE_REASON_internal;
  sluice_write_macs(data, backend);
  sluice_store16_be(data + 12, SLUICE_ETHERTYPE_IPV4);
  sluice_write_outer_ipv4(data + SLUICE_ETHERNET_BYTES, &outer, 0);
  return SLUICE_REASON_forwarded;
}

/* Decrements the TTL, makes room, writes Ethernet, tags and the outer header. */
SLUICE_INLINE enum sluice_reason sluice_encapsulate(struct sluice_frame* frame, struct sluice_road* road, int is_v6) {
  const struct sluice_backend* backend = road->backend;
  const sluice_u8 encapsulation = backend->encapsulation;
  const sluice_u32 l3_offset = road->packet.l3_offset;
  if (SLUICE_UNLIKELY(encapsulation == SLUICE_ENCAP_L2)) return sluice_send_l2(frame, road, is_v6);
  /* A chain needs the GUE header whatever the backend's plain form is. */
  const sluice_u32 chain_bytes = sluice_chain_bytes(road->chain.count);
  struct sluice_outer outer;
  outer.backend = backend;
  outer.chain = &road->chain;
  outer.flow_hash = road->flow_hash;
  outer.payload_bytes = road->packet.l3_bytes;
  outer.traffic_class = road->packet.traffic_class;
  outer.inner_protocol = is_v6 ? SLUICE_PROTO_IPV6 : SLUICE_PROTO_IPIP;
  outer.is_v6 = (sluice_u8)sluice_encap_is_outer_v6(encapsulation);
  outer.is_gue = sluice_encap_is_gue(encapsulation) || chain_bytes != 0;
  const sluice_u32 outer_bytes =
      (outer.is_v6 ? SLUICE_IPV6_BYTES : SLUICE_IPV4_BYTES) + (outer.is_gue ? SLUICE_UDP_BYTES + 4 + chain_bytes : 0);
  sluice_u8* data = frame->data;
  if (data + l3_offset + SLUICE_IPV4_BYTES > frame->end) return SLUICE_REASON_internal;
  sluice_decrement_ttl(data + l3_offset, is_v6);
  const sluice_u64 tags = l3_offset > SLUICE_ETHERNET_BYTES ? sluice_load64(data + 12) : 0;
  if (SLUICE_UNLIKELY(sluice_grow_head(frame, outer_bytes))) return SLUICE_REASON_no_headroom;
  data = frame->data;
  if (data + SLUICE_ETHERNET_BYTES + 2 * SLUICE_TAG_BYTES > frame->end) return SLUICE_REASON_internal;
  sluice_write_macs(data, backend);
  if (SLUICE_UNLIKELY(l3_offset > SLUICE_ETHERNET_BYTES)) sluice_store64(data + 12, tags);
  sluice_u8* l3 = data + l3_offset;
  if (l3 + SLUICE_IPV4_BYTES > frame->end) return SLUICE_REASON_internal;
  sluice_store16_be(l3 - 2, outer.is_v6 ? SLUICE_ETHERTYPE_IPV6 : SLUICE_ETHERTYPE_IPV4);
  return sluice_write_outer(frame, l3, &outer, chain_bytes);
}

SLUICE_INLINE int sluice_take_icmp(struct sluice_road* road) {
  return sluice_take_budget(&road->head->icmp_tick, &road->head->icmp_count, road->now,
                            road->generation->icmp_per_tick);
}

/* Larger than the path: tell the sender, if a sender may be told. */
SLUICE_INLINE enum sluice_reason sluice_answer_too_big(struct sluice_frame* frame, struct sluice_road* road,
                                                       int is_v6) {
  if (!road->packet.dont_fragment || road->packet.protocol == SLUICE_PROTO_ICMP ||
      road->packet.protocol == SLUICE_PROTO_ICMPV6)
    return SLUICE_REASON_too_big_unanswered;
  if (!sluice_take_icmp(road)) return SLUICE_REASON_too_big_limited;
  const struct sluice_icmp_error error = {is_v6 ? SLUICE_ICMPV6_TOO_BIG : SLUICE_ICMP_UNREACHABLE,
                                          is_v6 ? 0u : SLUICE_ICMP_CODE_TOO_BIG, road->backend->inner_mtu};
  return sluice_turn_error(frame, &road->packet, &error, is_v6) ? SLUICE_REASON_no_headroom
                                                                : SLUICE_REASON_too_big_replied;
}

SLUICE_INLINE enum sluice_reason sluice_answer_unreachable(struct sluice_frame* frame, struct sluice_road* road,
                                                           int is_v6) {
  if (!sluice_take_icmp(road)) return SLUICE_REASON_unreachable_limited;
  const struct sluice_icmp_error error = {is_v6 ? SLUICE_ICMPV6_UNREACHABLE : SLUICE_ICMP_UNREACHABLE,
                                          is_v6 ? SLUICE_ICMPV6_CODE_PORT : SLUICE_ICMP_CODE_PORT, 0};
  return sluice_turn_error(frame, &road->packet, &error, is_v6) ? SLUICE_REASON_no_headroom
                                                                : SLUICE_REASON_unreachable_replied;
}

SLUICE_INLINE void sluice_count_traffic(struct sluice_road* road, sluice_u32 line, sluice_u32 index) {
  struct sluice_traffic_counters* counters = (struct sluice_traffic_counters*)SLUICE_AT(
      road->tables, counters,
      road->worker * road->generation->counters_stride + line + index / SLUICE_TRAFFIC_PER_LINE);
  if (!counters) return;
  struct sluice_traffic* traffic = &counters->traffic[index % SLUICE_TRAFFIC_PER_LINE];
  sluice_count(&traffic->packets, 1);
  sluice_count(&traffic->bytes, road->packet.l3_bytes);
  if (SLUICE_UNLIKELY(road->new_flow)) sluice_count(&traffic->new_flows, 1);
}

/* Unless SLUICE_FULL: nothing has been written or counted; start again with SLUICE_FULL. */
#define SLUICE_UNCOMMON SLUICE_REASON_COUNT

/* From a matched service to a frame ready to leave. */
SLUICE_INLINE enum sluice_reason sluice_forward(struct sluice_frame* frame, struct sluice_road* road,
                                                enum sluice_depth depth, int is_v6) {
  if (SLUICE_UNLIKELY(road->packet.ttl <= 1)) return SLUICE_REASON_ttl_expired;
  enum sluice_reason reason = sluice_choose_backend(road);
  if (SLUICE_UNLIKELY(reason != SLUICE_REASON_forwarded)) {
    /* Unreachable is for what has ports to quote, not for later fragments or ICMP (RFC 1122 section 3.2.2). */
    if (reason == SLUICE_REASON_no_backend && (road->vip->flags & SLUICE_VIP_UNREACHABLE) &&
        (road->use == SLUICE_FLOW_USE || road->use == SLUICE_FLOW_NEW))
      return depth != SLUICE_FULL ? SLUICE_UNCOMMON : sluice_answer_unreachable(frame, road, is_v6);
    return reason;
  }
  const struct sluice_backend* backend = road->backend;
  if (SLUICE_UNLIKELY(road->packet.l3_bytes > backend->inner_mtu))
    return depth != SLUICE_FULL ? SLUICE_UNCOMMON : sluice_answer_too_big(frame, road, is_v6);
  if (SLUICE_UNLIKELY(SLUICE_SHARED_LOAD(&backend->mac_low) == 0)) return SLUICE_REASON_no_next_hop;
  if (road->flow_line) sluice_flow_commit(road);
  if (depth == SLUICE_COMMON && backend->encapsulation == SLUICE_ENCAP_IPIP_V4 && road->chain.count == 0)
    reason = sluice_encapsulate_ipip_v4(frame, road, is_v6);
  else
    reason = sluice_encapsulate(frame, road, is_v6);
  if (SLUICE_UNLIKELY(reason != SLUICE_REASON_forwarded)) return reason;
  road->interface = SLUICE_SHARED_LOAD(&backend->interface);
  sluice_count_traffic(road, SLUICE_COUNTERS_SERVICES, road->vip->service);
  sluice_count_traffic(road, road->generation->counters_backends, road->backend_index);
  return road->success;
}

/*
 * The sluice_match_* functions find a packet's service and judge the packet. SLUICE_REASON_forwarded: road->vip,
 * flow_hash and use are set and sluice_forward comes next. Anything else is the verdict.
 */
SLUICE_INLINE enum sluice_reason sluice_match_flow(const struct sluice_frame* frame, struct sluice_road* road,
                                                   int is_v6) {
  struct sluice_packet* packet = &road->packet;
  if (!sluice_find_service(road, packet->source, packet->source_port, packet->destination, packet->destination_port,
                           packet->protocol, is_v6))
    return SLUICE_REASON_not_vip;
  const enum sluice_reason wrong = sluice_judge(frame, packet, is_v6);
  if (SLUICE_UNLIKELY(wrong != SLUICE_REASON_forwarded)) return wrong;
  if (SLUICE_UNLIKELY(packet->first_fragment) && !(road->vip->flags & SLUICE_VIP_FRAGMENTS))
    return SLUICE_REASON_fragment_refused;
  road->opens =
      packet->protocol == SLUICE_PROTO_TCP && (packet->tcp_flags & (SLUICE_TCP_SYN | SLUICE_TCP_ACK)) == SLUICE_TCP_SYN;
  road->new_flow = road->opens;
  road->use = road->opens ? SLUICE_FLOW_NEW : SLUICE_FLOW_USE;
  return SLUICE_REASON_forwarded;
}

/* A fragment without ports, or a packet cut before them. */
SLUICE_INLINE enum sluice_reason sluice_match_portless(const struct sluice_frame* frame, struct sluice_road* road,
                                                       enum sluice_shape shape, int is_v6) {
  struct sluice_packet* packet = &road->packet;
  if (!sluice_find_address(road, packet->destination, packet->protocol, is_v6)) return SLUICE_REASON_not_vip;
  if (shape == SLUICE_SHAPE_TRUNCATED) {
    if (packet->fault != SLUICE_REASON_forwarded) return (enum sluice_reason)packet->fault;
    return packet->first_fragment ? SLUICE_REASON_fragment_tiny : SLUICE_REASON_bad_length;
  }
  const enum sluice_reason wrong = sluice_judge(frame, packet, is_v6);
  if (wrong != SLUICE_REASON_forwarded) return wrong;
  if (!(road->vip->flags & SLUICE_VIP_FRAGMENTS)) return SLUICE_REASON_fragment_refused;
  /* The same words the service's own packets are hashed by: sluice_find_service with both ports 0. */
  const struct sluice_hash_key* key = &road->generation->key;
  const sluice_u32 word =
      sluice_service_word(0, packet->protocol, is_v6 ? SLUICE_KEY_SERVICE_V6 : SLUICE_KEY_SERVICE_V4);
  road->flow_hash = sluice_hash_mix(key, sluice_hash_destination(key, packet->destination, word, is_v6) +
                                             sluice_hash_address(key->source, packet->source, is_v6));
  road->use = SLUICE_FLOW_IGNORE;
  return SLUICE_REASON_forwarded;
}

SLUICE_INLINE enum sluice_reason sluice_answer_echo(struct sluice_frame* frame, struct sluice_road* road, int is_v6) {
  struct sluice_packet* packet = &road->packet;
  const sluice_u32 ip_bytes = is_v6 ? SLUICE_IPV6_BYTES : SLUICE_IPV4_BYTES;
  if (!sluice_find_address(road, packet->destination, packet->protocol, is_v6)) return SLUICE_REASON_not_vip;
  if (packet->l4_offset != ip_bytes) return SLUICE_REASON_not_vip; /* options: the kernel knows what to do with them */
  const enum sluice_reason wrong = sluice_judge(frame, packet, is_v6);
  if (wrong != SLUICE_REASON_forwarded) return wrong;
  if (!sluice_take_icmp(road)) return SLUICE_REASON_echo_limited;
  sluice_u8* l3 = frame->data + packet->l3_offset;
  if (l3 + ip_bytes + SLUICE_ICMP_BYTES > frame->end) return SLUICE_REASON_internal;
  sluice_turn_echo(frame->data, l3, l3 + ip_bytes, packet, is_v6);
  return SLUICE_REASON_echo_replied;
}

/* An error about a packet a backend sent as the VIP: to that flow's backend, by the quoted addresses turned round. */
SLUICE_INLINE enum sluice_reason sluice_match_icmp_error(const struct sluice_frame* frame, struct sluice_road* road,
                                                         int is_v6) {
  struct sluice_packet* packet = &road->packet;
  struct sluice_packet quote = SLUICE_ZERO;
  quote.quoted = 1;
  quote.l3_offset = (sluice_u16)(packet->l3_offset + packet->l4_offset + SLUICE_ICMP_BYTES);
  const enum sluice_shape shape =
      is_v6 ? sluice_parse_ipv6(frame, &quote, SLUICE_FULL) : sluice_parse_ipv4(frame, &quote, SLUICE_FULL);
  if (shape != SLUICE_SHAPE_FLOW) return SLUICE_REASON_not_vip;
  if (!sluice_find_service(road, quote.destination, quote.destination_port, quote.source, quote.source_port,
                           quote.protocol, is_v6))
    return SLUICE_REASON_not_vip;
  const enum sluice_reason wrong = sluice_judge(frame, packet, is_v6);
  if (wrong != SLUICE_REASON_forwarded) return wrong;
  if (quote.source[0] != packet->destination[0]) return SLUICE_REASON_icmp_malformed;
  if (is_v6 && (quote.source[1] != packet->destination[1] || quote.source[2] != packet->destination[2] ||
                quote.source[3] != packet->destination[3]))
    return SLUICE_REASON_icmp_malformed;
  road->use = SLUICE_FLOW_PEEK;
  road->success = SLUICE_REASON_forwarded_icmp_error;
  return SLUICE_REASON_forwarded;
}

SLUICE_INLINE enum sluice_reason sluice_match_icmp(struct sluice_frame* frame, struct sluice_road* road, int is_v6) {
  const sluice_u8* l4 = frame->data + road->packet.l3_offset + road->packet.l4_offset;
  if (l4 + SLUICE_ICMP_BYTES > frame->end) return SLUICE_REASON_unparsed;
  if (l4[0] == (is_v6 ? SLUICE_ICMPV6_ECHO : SLUICE_ICMP_ECHO) && l4[1] == 0)
    return sluice_answer_echo(frame, road, is_v6);
  if (sluice_icmp_is_error(l4[0], is_v6)) return sluice_match_icmp_error(frame, road, is_v6);
  return SLUICE_REASON_not_vip;
}

SLUICE_INLINE enum sluice_reason sluice_process_ip(struct sluice_frame* frame, struct sluice_road* road,
                                                   enum sluice_depth depth, int is_v6) {
  const enum sluice_shape shape =
      is_v6 ? sluice_parse_ipv6(frame, &road->packet, depth) : sluice_parse_ipv4(frame, &road->packet, depth);
  enum sluice_reason reason;
  if (SLUICE_LIKELY(shape == SLUICE_SHAPE_FLOW))
    reason = sluice_match_flow(frame, road, is_v6);
  else if (shape == SLUICE_SHAPE_KERNEL)
    reason = (enum sluice_reason)road->packet.fault;
  else if (depth != SLUICE_FULL)
    reason = SLUICE_UNCOMMON;
  else if (shape == SLUICE_SHAPE_ICMP)
    reason = sluice_match_icmp(frame, road, is_v6);
  else
    reason = sluice_match_portless(frame, road, shape, is_v6);
  return reason == SLUICE_REASON_forwarded ? sluice_forward(frame, road, depth, is_v6) : reason;
}

SLUICE_INLINE void sluice_account(struct sluice_road* road, enum sluice_reason reason) {
  const sluice_u32 base = road->worker * road->generation->counters_stride;
  struct sluice_reason_counters* line = (struct sluice_reason_counters*)SLUICE_AT(
      road->tables, counters, base + SLUICE_COUNTERS_REASONS + (sluice_u32)reason / SLUICE_REASONS_PER_LINE);
  if (line) sluice_count(&line->packets[(sluice_u32)reason % SLUICE_REASONS_PER_LINE], 1);
  if (road->vip && SLUICE_UNLIKELY(sluice_class_of(reason) == SLUICE_CLASS_DROP)) {
    struct sluice_traffic_counters* traffic = (struct sluice_traffic_counters*)SLUICE_AT(
        road->tables, counters, base + SLUICE_COUNTERS_SERVICES + road->vip->service / SLUICE_TRAFFIC_PER_LINE);
    if (traffic) sluice_count(&traffic->traffic[road->vip->service % SLUICE_TRAFFIC_PER_LINE].drops, 1);
  }
}

SLUICE_INLINE sluice_u64 sluice_read_active(const struct sluice_control* control) {
#ifdef __bpf__
  /* One volatile load; what depends on it is ordered by the address dependency. */
  return *(const volatile sluice_u64*)&control->active.generation;
#else
  return __atomic_load_n(&control->active.generation, __ATOMIC_ACQUIRE);
#endif
}

/* Who is asking, and what the image says now. False: nothing is published, or the worker has no counters. */
SLUICE_INLINE int sluice_road_begin(struct sluice_road* road, struct sluice_tables* tables, sluice_u32 worker,
                                    sluice_u32 now) {
  const struct sluice_control* control = SLUICE_AT(tables, control, 0);
  if (!control) return 0;
  const sluice_u64 active = sluice_read_active(control);
  if (SLUICE_UNLIKELY(active == 0)) return 0;
  road->generation = &control->generations[active & 1];
  road->tables = tables;
  road->worker = worker;
  road->now = now;
  road->head = (struct sluice_worker_head*)SLUICE_AT(tables, counters, worker * road->generation->counters_stride);
  return road->head != NULL;
}

SLUICE_INLINE struct sluice_verdict sluice_road_end(struct sluice_road* road, enum sluice_reason reason) {
  const struct sluice_verdict verdict = {reason, road->interface};
  sluice_account(road, reason);
  return verdict;
}

/* Ethernet and the family's road at one depth. The verdict may be SLUICE_UNCOMMON unless SLUICE_FULL. */
SLUICE_INLINE enum sluice_reason sluice_process_frame(struct sluice_frame* frame, struct sluice_road* road,
                                                      enum sluice_depth depth) {
  const sluice_u16 ethertype = sluice_parse_ethernet(frame, &road->packet, depth);
  if (SLUICE_LIKELY(ethertype == SLUICE_ETHERTYPE_IPV4)) return sluice_process_ip(frame, road, depth, 0);
  if (ethertype == SLUICE_ETHERTYPE_IPV6) return sluice_process_ip(frame, road, depth, 1);
  if (depth == SLUICE_COMMON && (ethertype == SLUICE_ETHERTYPE_8021Q || ethertype == SLUICE_ETHERTYPE_8021AD)) {
    road->packet.tagged = 1;
    return SLUICE_UNCOMMON;
  }
  /* An ethertype of 0 may also stand in the frame: then there is no fault. */
  if (road->packet.fault != SLUICE_REASON_forwarded) return (enum sluice_reason)road->packet.fault;
  return SLUICE_REASON_not_ip;
}

#ifndef __bpf__
/*
 * One packet, for user-space planes. `worker` is the caller's own counters and flow table; nobody else may use the same
 * number meanwhile. bpf/balancer.bpf.c is the same with its own way of starting again.
 */
SLUICE_INLINE struct sluice_verdict sluice_process(struct sluice_frame* frame, struct sluice_tables* tables,
                                                   sluice_u32 worker, sluice_u32 now) {
  struct sluice_road common = SLUICE_ZERO;
  const struct sluice_verdict nothing = {SLUICE_REASON_not_vip, 0};
  if (!sluice_road_begin(&common, tables, worker, now)) return nothing;
  sluice_count(&common.head->rx_packets, 1);
  sluice_count(&common.head->rx_bytes, (sluice_u64)(frame->end - frame->data));
  const enum sluice_reason reason = sluice_process_frame(frame, &common, SLUICE_COMMON);
  if (SLUICE_LIKELY(reason != SLUICE_UNCOMMON)) return sluice_road_end(&common, reason);
  struct sluice_road full = SLUICE_ZERO;
  if (!sluice_road_begin(&full, tables, worker, now)) return nothing;
  return sluice_road_end(&full, sluice_process_frame(frame, &full, SLUICE_FULL));
}
#endif

#endif
