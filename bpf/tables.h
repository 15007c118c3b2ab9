/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The image as BPF maps: mmapable ARRAYs whose memory user space maps too, so that no value ever goes through a system
 * call. The loader (dataplane/xdp/map_set, xdp_object) makes the maps and says their sizes in sluice_config.
 *
 * Whole (the default): a map has one element, which is the array. The verifier then lets a program address into it
 * directly, with a bound check, where a look-up would store a key, load it again and check the result: 10 ns less per
 * packet of 60 (sluice-bench xdp, Zen 3). Two conditions: elements above 4 MiB need kernel 6.6, and the verifier takes
 * offsets below 512 MiB (BPF_MAX_VAR_OFF).
 *
 * By lookup (SLUICE_TABLES_BY_LOOKUP): one element a line, for images too large for the above. Same memory, same lines.
 */
#ifndef SLUICE_BPF_TABLES_H
#define SLUICE_BPF_TABLES_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "sluice_tables.h"

/* Known to the verifier as constants, since the loader freezes them. */
struct sluice_config {
  sluice_u32 tick_shift; /* jiffies >> this = ticks of about one second (HZ 250: 8) */
  sluice_u32 vips;       /* lines per array */
  sluice_u32 slots;
  sluice_u32 past;
  sluice_u32 members;
  sluice_u32 backends;
  sluice_u32 flows;
  sluice_u32 counters;
};
const volatile struct sluice_config sluice_config SEC(".rodata.config") = {8, 1, 1, 1, 1, 1, 1, 1};

#define SLUICE_DEFINE_MAP(array, line)       \
  struct {                                   \
    __uint(type, BPF_MAP_TYPE_ARRAY);        \
    __uint(map_flags, BPF_F_MMAPABLE);       \
    __uint(max_entries, 1);                  \
    __uint(key_size, sizeof(sluice_u32));    \
    __uint(value_size, sizeof(struct line)); \
  } sluice_##array SEC(".maps");

#define SLUICE_DEFINE_LOOKUP(array, line)                              \
  SLUICE_DEFINE_MAP(array, line)                                       \
  SLUICE_INLINE struct line* sluice_at_##array(sluice_u32 index) {     \
    return (struct line*)bpf_map_lookup_elem(&sluice_##array, &index); \
  }

#ifdef SLUICE_TABLES_BY_LOOKUP
#define SLUICE_DEFINE_TABLE SLUICE_DEFINE_LOOKUP
#else
/* The loader turns the map's address into that of its element. Hiding the index keeps the compiler from computing with
 * it before the check, where the verifier does not know its bound yet. */
#define SLUICE_DEFINE_TABLE(array, line)                                    \
  SLUICE_DEFINE_MAP(array, line)                                            \
  SLUICE_INLINE struct line* sluice_at_##array(sluice_u32 index) {          \
    sluice_u64 line_index = index;                                          \
    SLUICE_OPAQUE(line_index);                                              \
    if (line_index >= sluice_config.array) return NULL;                     \
    SLUICE_OPAQUE(line_index);                                              \
    return (struct line*)((sluice_u8*)&sluice_##array + (line_index << 6)); \
  }
#endif

SLUICE_DEFINE_MAP(control, sluice_control)
SLUICE_INLINE struct sluice_control* sluice_at_control(sluice_u32 index) {
#ifdef SLUICE_TABLES_BY_LOOKUP
  return (struct sluice_control*)bpf_map_lookup_elem(&sluice_control, &index);
#else
  (void)index;
  return (struct sluice_control*)&sluice_control;
#endif
}

SLUICE_DEFINE_TABLE(vips, sluice_vip)
SLUICE_DEFINE_TABLE(slots, sluice_slots)
SLUICE_DEFINE_TABLE(past, sluice_past)
SLUICE_DEFINE_TABLE(members, sluice_members)
SLUICE_DEFINE_TABLE(backends, sluice_backend)
SLUICE_DEFINE_TABLE(counters, sluice_line)
/* One table per CPU soon exceeds both conditions, and its cost is the cache miss. */
SLUICE_DEFINE_LOOKUP(flows, sluice_flows)

#endif
