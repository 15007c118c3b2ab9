// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* An XDP program that takes its time and says on which CPU it is under way: for grace_period_test.cc. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct run_count {
  __u64 began;
  __u64 ended;
  __u64 unused[6]; /* a cache line each */
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 256);
  __type(key, __u32);
  __type(value, struct run_count);
} run_counts SEC(".maps");

static long nothing(__u32 index, void* context) {
  (void)index;
  (void)context;
  return 0;
}

SEC("xdp")
int sluice_slow(struct xdp_md* packet) {
  __u32 cpu = bpf_get_smp_processor_id();
  struct run_count* run = bpf_map_lookup_elem(&run_counts, &cpu);
  (void)packet;
  if (!run) return XDP_DROP;
  __sync_fetch_and_add(&run->began, 1);
  bpf_loop(20000, nothing, (void*)0, 0);
  __sync_fetch_and_add(&run->ended, 1);
  return XDP_DROP;
}

char sluice_license[] SEC("license") = "GPL";
