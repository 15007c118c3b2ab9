/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What the backend program looks up, as BPF maps. User space fills addresses and sources before the program is attached
 * and, but for the host's own addresses, never changes them again: a new configuration is a new program with new maps,
 * swapped in whole. Only the counters outlive a program.
 */
#ifndef SLUICE_BPF_BACKEND_TABLES_H
#define SLUICE_BPF_BACKEND_TABLES_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "sluice_decap.h"

/* The loader sets max_entries of both to what it has to put in. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, struct sluice_host_address);
  __type(value, sluice_u32);
} backend_addresses SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 4096);
  __type(key, struct sluice_source_range);
  __type(value, sluice_u32);
} backend_sources SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, sluice_u32);
  __type(value, struct sluice_decap_counters);
} backend_counts SEC(".maps");

/* UDP port of GUE, host order; set by the loader before loading. */
const volatile sluice_u16 backend_gue_port = SLUICE_GUE_PORT;

SLUICE_INLINE sluice_u32 sluice_host_meaning(const struct sluice_decap_tables* tables,
                                             const struct sluice_host_address* address) {
  (void)tables;
  const sluice_u32* meaning = (const sluice_u32*)bpf_map_lookup_elem(&backend_addresses, address);
  return meaning ? *meaning : 0;
}

SLUICE_INLINE int sluice_source_allowed(const struct sluice_decap_tables* tables,
                                        const struct sluice_source_range* source) {
  (void)tables;
  return bpf_map_lookup_elem(&backend_sources, source) != NULL;
}

SLUICE_INLINE sluice_u16 sluice_decap_port(const struct sluice_decap_tables* tables) {
  (void)tables;
  return backend_gue_port;
}

#endif
