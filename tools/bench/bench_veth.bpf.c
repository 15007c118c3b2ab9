// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * The far end of sluice-bench veth: counts what arrives, notes the time of every 1,024th frame, drops. The clock of the
 * sender's system call would be wrong by 20 ms and more: that is how long the kernel takes to tear a test-run down.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "sluice_types.h"

/* The layout of bench_veth_sink.h. One queue feeds this program: nobody else writes. */
#define SLUICE_SINK_INTERVAL_SHIFT 10
#define SLUICE_SINK_TIMES 4096
struct {
  sluice_u64 packets;
  sluice_u64 bytes;
  sluice_u64 times[SLUICE_SINK_TIMES]; /* of frame n * 1,024 at n modulo 4,096 */
} volatile sluice_sink_state;

SEC("xdp")
int sluice_sink(struct xdp_md* context) {
  const sluice_u64 packets = sluice_sink_state.packets + 1;
  sluice_sink_state.packets = packets;
  sluice_sink_state.bytes += context->data_end - context->data;
  if ((packets & ((1u << SLUICE_SINK_INTERVAL_SHIFT) - 1)) == 0)
    sluice_sink_state.times[(packets >> SLUICE_SINK_INTERVAL_SHIFT) & (SLUICE_SINK_TIMES - 1)] = bpf_ktime_get_ns();
  return XDP_DROP;
}

char sluice_license[] SEC("license") = "Dual BSD/GPL";
