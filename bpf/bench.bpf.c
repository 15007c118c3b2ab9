// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Honest timing of a program that changes its packet (sluice-bench xdp). The kernel's test-run restores neither length
 * nor bytes between repetitions, so a bare `repeat` times one packet and a million nonsense ones. `sluice_bench_front`
 * runs first in every repetition: it takes the head back, writes the original headers, draws the next flow from a
 * full-period generator and tail-calls the program under test. The same front before "return XDP_TX" is the floor.
 */
#include "frame.h"

#include "sluice_encap.h"

struct sluice_bench_case {
  sluice_u64 header[8];     /* the frame's first 64 bytes */
  sluice_u32 length;        /* of the frame */
  sluice_u32 flows_mask;    /* flows - 1; flows is a power of two up to 2^20 */
  sluice_u32 services_mask; /* services - 1; they differ in the destination's last byte */
  sluice_u32 l3_offset;
  sluice_u32 is_v6;
  sluice_u32 state; /* generator */
  sluice_u64 barrier;
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, sluice_u32);
  __type(value, struct sluice_bench_case);
} sluice_bench_cases SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 1);
  __uint(key_size, sizeof(sluice_u32));
  __uint(value_size, sizeof(sluice_u32));
} sluice_bench_target SEC(".maps");

/* Flow number -> 16 bits of source port and 4 bits of source address; service number -> last byte of destination. The
 * IPv4 checksum follows by arithmetic: the template carries it for both parts zero. */
SLUICE_INLINE void sluice_bench_vary(sluice_u8* l3, const struct sluice_bench_case* bench, sluice_u32 flow) {
  const sluice_u32 service = (flow * 2654435761u >> 16) & bench->services_mask;
  const sluice_u32 address = (flow >> 16) & 15;
  if (bench->is_v6) {
    l3[23] = (sluice_u8)address;
    l3[39] = (sluice_u8)service;
    sluice_store16(l3 + 40, (sluice_u16)flow);
    return;
  }
  l3[15] = (sluice_u8)address;
  l3[19] = (sluice_u8)service;
  /* Both bytes are the low halves of big-endian words. */
  sluice_u32 sum = (sluice_u16)~sluice_load16(l3 + 10) + ((address + service) << 8);
  sluice_store16(l3 + 10, (sluice_u16)~sluice_fold(sum));
  sluice_store16(l3 + 20, (sluice_u16)flow);
}

SEC("xdp")
int sluice_bench_front(struct xdp_md* context) {
  const sluice_u32 zero = 0;
  struct sluice_bench_case* bench = bpf_map_lookup_elem(&sluice_bench_cases, &zero);
  if (!bench) return XDP_ABORTED;
  struct sluice_frame frame = sluice_frame_of(context);
  const long excess = (frame.end - frame.data) - (long)bench->length;
  if (excess != 0) {
    if (bpf_xdp_adjust_head(context, (int)excess)) return XDP_ABORTED;
    sluice_frame_reload(&frame);
  }
  sluice_u8* data = frame.data;
  if (data + 64 > frame.end) return XDP_ABORTED;
#pragma unroll
  for (int i = 0; i < 8; ++i) sluice_store64(data + 8 * i, bench->header[i]);
  /* Hull and Dobell 1962: full period for a modulus of a power of two. */
  bench->state = bench->state * 1664525u + 1013904223u;
  sluice_u8* l3 = data + (bench->l3_offset & 31);
  if (l3 + 42 > frame.end) return XDP_ABORTED;
  sluice_bench_vary(l3, bench, bench->state & bench->flows_mask);
  /* A packet from a NIC is not in the store buffer. A locked instruction empties it: without, the program under test
   * would wait for words that this front has just written in other widths (failed store forwarding). */
  __sync_fetch_and_add(&bench->barrier, 1);
  bpf_tail_call(context, &sluice_bench_target, 0);
  return XDP_ABORTED;
}

SEC("xdp")
int sluice_bench_floor(struct xdp_md* context) {
  (void)context;
  return XDP_TX;
}

/* What no encapsulating program can go below: make room, write a constant Ethernet and IPv4 header, look at nothing. */
SEC("xdp")
int sluice_bench_blind(struct xdp_md* context) {
  if (bpf_xdp_adjust_head(context, -20)) return XDP_ABORTED;
  const struct sluice_frame frame = sluice_frame_of(context);
  sluice_u8* p = frame.data;
  if (p + 34 > frame.end) return XDP_ABORTED;
  sluice_store64(p, 0x0002060504030201ull);
  sluice_store32(p + 8, 0x01000000u);
  sluice_store16_be(p + 12, SLUICE_ETHERTYPE_IPV4);
  sluice_store32(p + 14, 0x80000045u);
  sluice_store32(p + 18, 0x00400000u);
  sluice_store32(p + 22, 0x12340440u);
  sluice_store32(p + 26, 0x0100000au);
  sluice_store32(p + 30, 0x0200000au);
  return XDP_TX;
}

SLUICE_INLINE struct sluice_ext_walk sluice_walk(const struct sluice_frame* frame, sluice_u32 l3_offset,
                                                 sluice_u8 next) {
  struct sluice_ext_walk nothing = {(sluice_u16)l3_offset, next, 0, 0, 0, 0};
  (void)frame;
  return nothing;
}

/* Our parser alone; one field is used, so that nothing is optimised away. */
SEC("xdp")
int sluice_bench_parse(struct xdp_md* context) {
  const struct sluice_frame frame = sluice_frame_of(context);
  struct sluice_packet packet = SLUICE_ZERO;
  if (sluice_parse_ethernet(&frame, &packet, SLUICE_COMMON) != SLUICE_ETHERTYPE_IPV4) return XDP_PASS;
  if (sluice_parse_ipv4(&frame, &packet, SLUICE_COMMON) != SLUICE_SHAPE_FLOW) return XDP_PASS;
  return (packet.source[0] ^ packet.destination[0] ^ packet.source_port) == 1 || packet.fault ? XDP_PASS : XDP_TX;
}

char sluice_license[] SEC("license") = "GPL";
