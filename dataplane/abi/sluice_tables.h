/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The one difference between the planes' view of the image: how an array's line is reached. Everything else in abi is
 * written against SLUICE_AT(tables, array, index), which answers NULL for an index outside the array.
 */
#ifndef SLUICE_TABLES_H
#define SLUICE_TABLES_H

#include "sluice_image.h"

#ifdef __bpf__

/* The maps are the tables; bpf/tables.h defines sluice_at_<array>(). */
struct sluice_tables {
  sluice_u32 unused;
};
#define SLUICE_AT(tables, array, index) ((void)(tables), sluice_at_##array(index))

#else

/* Mapped or allocated by the plane; all pointers 64-byte aligned; counts in lines. */
struct sluice_tables {
  struct sluice_control* control;
  struct sluice_vip* vips;
  struct sluice_slots* slots;
  struct sluice_past* past;
  struct sluice_members* members;
  struct sluice_backend* backends;
  struct sluice_flows* flows;
  struct sluice_line* counters;
  sluice_u32 vips_lines;
  sluice_u32 slots_lines;
  sluice_u32 past_lines;
  sluice_u32 members_lines;
  sluice_u32 backends_lines;
  sluice_u32 flows_lines;
  sluice_u32 counters_lines;
};
#define SLUICE_AT(tables, array, index) sluice_at_##array(tables, index)

#define SLUICE_DEFINE_AT(array, type)                                                                  \
  SLUICE_INLINE struct type* sluice_at_##array(const struct sluice_tables* tables, sluice_u32 index) { \
    return index < tables->array##_lines ? &tables->array[index] : NULL;                               \
  }
SLUICE_DEFINE_AT(vips, sluice_vip)
SLUICE_DEFINE_AT(slots, sluice_slots)
SLUICE_DEFINE_AT(past, sluice_past)
SLUICE_DEFINE_AT(members, sluice_members)
SLUICE_DEFINE_AT(backends, sluice_backend)
SLUICE_DEFINE_AT(flows, sluice_flows)
SLUICE_DEFINE_AT(counters, sluice_line)
#undef SLUICE_DEFINE_AT
SLUICE_INLINE struct sluice_control* sluice_at_control(const struct sluice_tables* tables, sluice_u32 index) {
  return index == 0 ? tables->control : NULL;
}

#endif

/* Counter lines are reached as plain lines and given their meaning here. One writer each. */
SLUICE_INLINE void sluice_count(sluice_u64* counter, sluice_u64 by) {
  SLUICE_SHARED_STORE(counter, SLUICE_SHARED_LOAD(counter) + by);
}

#endif
