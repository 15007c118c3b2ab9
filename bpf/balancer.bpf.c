// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * The XDP plane: abi's pipeline over BPF maps. Everything that decides anything is in dataplane/abi; this file says how
 * the common road and the full road are cut into functions that the verifier can take one at a time.
 */
#include "frame.h"
#include "tables.h"

#include "sluice_pipeline.h"

SLUICE_INLINE sluice_u32 sluice_now(void) {
  return (sluice_u32)(bpf_jiffies64() >> sluice_config.tick_shift);
}

SLUICE_INLINE int sluice_action(struct sluice_verdict verdict, const struct xdp_md* context) {
  switch (sluice_class_of(verdict.reason)) {
    case SLUICE_CLASS_TX:
      if (verdict.interface == 0 || verdict.interface == context->ingress_ifindex) return XDP_TX;
      return (int)bpf_redirect(verdict.interface, 0);
    case SLUICE_CLASS_KERNEL:
      return XDP_PASS;
    case SLUICE_CLASS_DROP:
      break;
  }
  return XDP_DROP;
}

/* Global functions are verified once, on their own (kernel 5.6). They take the context and plain numbers. */
__attribute__((noinline)) sluice_u64 sluice_walk_global(struct xdp_md* context, sluice_u32 l3_offset, sluice_u32 next) {
  union {
    struct sluice_ext_walk walk;
    sluice_u64 bits;
  } result;
  const struct sluice_frame frame = sluice_frame_of(context);
  result.walk = sluice_walk_inline(&frame, l3_offset & 0x1ff, (sluice_u8)next);
  return result.bits;
}

SLUICE_INLINE struct sluice_ext_walk sluice_walk(const struct sluice_frame* frame, sluice_u32 l3_offset,
                                                 sluice_u8 next) {
  union {
    struct sluice_ext_walk walk;
    sluice_u64 bits;
  } result;
  result.bits = sluice_walk_global((struct xdp_md*)frame->context, l3_offset, next);
  return result.walk;
}

__attribute__((noinline)) sluice_u32 sluice_sum_global(struct xdp_md* context, sluice_u32 offset, sluice_u32 bytes) {
  const struct sluice_frame frame = sluice_frame_of(context);
  return sluice_sum_inline(&frame, offset & 0x1ff, bytes);
}

SLUICE_INLINE sluice_u32 sluice_sum(const struct sluice_frame* frame, sluice_u32 offset, sluice_u32 bytes) {
  return sluice_sum_global((struct xdp_md*)frame->context, offset, bytes);
}

__attribute__((noinline)) int sluice_chain_global(struct sluice_chain_query* query) {
  struct sluice_tables tables;
  if (!query) return 0;
  sluice_fill_chain_inline(&tables, query);
  return 0;
}

SLUICE_INLINE void sluice_fill_chain(struct sluice_tables* tables, struct sluice_chain_query* query) {
  (void)tables;
  sluice_chain_global(query);
}

SLUICE_INLINE int sluice_full(struct xdp_md* context, int is_v6) {
  struct sluice_frame frame = sluice_frame_of(context);
  struct sluice_tables tables;
  struct sluice_road road = SLUICE_ZERO;
  if (!sluice_road_begin(&road, &tables, bpf_get_smp_processor_id(), sluice_now())) return XDP_PASS;
  enum sluice_reason reason = SLUICE_REASON_internal;
  if (sluice_parse_ethernet(&frame, &road.packet, SLUICE_FULL) != 0)
    reason = sluice_process_ip(&frame, &road, SLUICE_FULL, is_v6);
  return sluice_action(sluice_road_end(&road, reason), context);
}

SEC("xdp")
int sluice_full_ipv4(struct xdp_md* context) {
  return sluice_full(context, 0);
}

SEC("xdp")
int sluice_full_ipv6(struct xdp_md* context) {
  return sluice_full(context, 1);
}

int sluice_tagged(struct xdp_md* context);

/* Tail calls, because the roads together would exceed BPF's 512 bytes of stack. The loader pins this map with the
 * others: the kernel empties a program array when the last process lets go of it. */
enum { SLUICE_ROAD_FULL_IPV4, SLUICE_ROAD_FULL_IPV6, SLUICE_ROAD_TAGGED, SLUICE_ROADS };
struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, SLUICE_ROADS);
  __uint(key_size, sizeof(sluice_u32));
  __array(values, int(void*));
} sluice_roads SEC(".maps") = {.values = {[SLUICE_ROAD_FULL_IPV4] = (void*)&sluice_full_ipv4,
                                          [SLUICE_ROAD_FULL_IPV6] = (void*)&sluice_full_ipv6,
                                          [SLUICE_ROAD_TAGGED] = (void*)&sluice_tagged}};

SLUICE_INLINE int sluice_finish(struct xdp_md* context, struct sluice_road* road, enum sluice_reason reason) {
  if (SLUICE_UNLIKELY(reason == SLUICE_UNCOMMON)) {
    bpf_tail_call(context, &sluice_roads, road->packet.tagged ? SLUICE_ROAD_TAGGED : road->packet.is_v6);
    reason = SLUICE_REASON_internal;
  }
  return sluice_action(sluice_road_end(road, reason), context);
}

SEC("xdp")
int sluice_tagged(struct xdp_md* context) {
  struct sluice_frame frame = sluice_frame_of(context);
  struct sluice_tables tables;
  struct sluice_road road = SLUICE_ZERO;
  if (!sluice_road_begin(&road, &tables, bpf_get_smp_processor_id(), sluice_now())) return XDP_PASS;
  return sluice_finish(context, &road, sluice_process_frame(&frame, &road, SLUICE_TAGGED));
}

SEC("xdp")
int sluice_balancer(struct xdp_md* context) {
  struct sluice_frame frame = sluice_frame_of(context);
  struct sluice_tables tables;
  struct sluice_road road = SLUICE_ZERO;
  if (!sluice_road_begin(&road, &tables, bpf_get_smp_processor_id(), sluice_now())) return XDP_PASS;
  sluice_count(&road.head->rx_packets, 1);
  sluice_count(&road.head->rx_bytes, (sluice_u64)(frame.end - frame.data));
  return sluice_finish(context, &road, sluice_process_frame(&frame, &road, SLUICE_COMMON));
}

char sluice_license[] SEC("license") = "GPL";
