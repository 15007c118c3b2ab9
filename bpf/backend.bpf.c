// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * The backend host's program: takes the outer headers off the balancers' packets and hands the inner packet to the
 * host's own stack. What it decides is in dataplane/abi/sluice_decap.h.
 */
/* The balancer's loops (extension headers, long sums) are declared in abi and defined only where they are called. */
#pragma clang diagnostic ignored "-Wundefined-internal"

#include "frame.h"

#include "backend_tables.h"

SLUICE_INLINE int sluice_shrink_head(struct sluice_frame* frame, sluice_u32 bytes) {
  const long refused = bpf_xdp_adjust_head((struct xdp_md*)frame->context, (int)bytes);
  sluice_frame_reload(frame);
  return refused != 0;
}

SEC("xdp")
int sluice_backend(struct xdp_md* context) {
  struct sluice_frame frame = sluice_frame_of(context);
  struct sluice_decap_tables tables;
  const sluice_u32 zero = 0;
  struct sluice_decap_counters* counters = (struct sluice_decap_counters*)bpf_map_lookup_elem(&backend_counts, &zero);
  if (!counters) return XDP_PASS;
  counters->rx_packets += 1;
  counters->rx_bytes += (sluice_u64)(frame.end - frame.data);
  const enum sluice_reason reason = sluice_decapsulate(&frame, &tables);
  counters->reasons[(sluice_u32)reason % SLUICE_DECAP_REASONS_MAX] += 1;
  return sluice_class_of(reason) == SLUICE_CLASS_KERNEL ? XDP_PASS : XDP_DROP;
}

char sluice_license[] SEC("license") = "GPL";
