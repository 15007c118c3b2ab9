/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The flow table: one line per look-up, 8 bytes a flow, no allocation, one writer per table (its worker).
 *
 *   entry = tag << 32 | backend << 12 | time      0 = empty (backend 0 never exists)
 *
 * TCP is entered on SYN only: a guess made in mid-flow would outlive the change that made it wrong (research figure:
 * 4.5 to 25 % of flows broken). UDP is entered on its first packet and forgotten after SLUICE_UDP_IDLE_TICKS.
 *
 * `now` is a tick of about one second (the shell's coarse clock), of which 12 bits are kept. An entry untouched for
 * exactly a multiple of 4,096 ticks looks young again; its backend is then still checked for being alive, so the worst
 * case is a flow that stays where it was.
 */
#ifndef SLUICE_FLOWS_H
#define SLUICE_FLOWS_H

#include "sluice_hash.h"
#include "sluice_tables.h"

#define SLUICE_FLOW_TIME_MASK 0xfffu

SLUICE_INLINE sluice_u64 sluice_flow_entry(sluice_u32 tag, sluice_u32 backend, sluice_u32 now) {
  return (sluice_u64)tag << 32 | (sluice_u64)backend << 12 | (now & SLUICE_FLOW_TIME_MASK);
}
SLUICE_INLINE sluice_u32 sluice_flow_backend(sluice_u64 entry) {
  return (sluice_u32)entry >> 12;
}
SLUICE_INLINE sluice_u32 sluice_flow_age(sluice_u64 entry, sluice_u32 now) {
  return (now - (sluice_u32)entry) & SLUICE_FLOW_TIME_MASK;
}

/* Position of the flow in its line, or SLUICE_FLOWS_PER_LINE. */
SLUICE_INLINE sluice_u32 sluice_flow_find(const struct sluice_flows* line, sluice_u32 tag) {
#pragma GCC unroll 8
  for (sluice_u32 i = 0; i < SLUICE_FLOWS_PER_LINE; ++i)
    if ((SLUICE_SHARED_LOAD(&line->entry[i]) >> 32) == tag && SLUICE_SHARED_LOAD(&line->entry[i]) != 0) return i;
  return SLUICE_FLOWS_PER_LINE;
}

/* Where a new flow goes: an empty place, else the entry that has been idle longest. */
SLUICE_INLINE sluice_u32 sluice_flow_victim(const struct sluice_flows* line, sluice_u32 now) {
  sluice_u32 victim = 0;
  sluice_u32 victim_age = 0;
#pragma GCC unroll 8
  for (sluice_u32 i = 0; i < SLUICE_FLOWS_PER_LINE; ++i) {
    const sluice_u64 entry = SLUICE_SHARED_LOAD(&line->entry[i]);
    const sluice_u32 age = entry == 0 ? SLUICE_FLOW_TIME_MASK + 1 : sluice_flow_age(entry, now) + 1;
    if (age > victim_age) {
      victim_age = age;
      victim = i;
    }
  }
  return victim;
}

/* May this worker enter one more flow in this tick? Bounds what a SYN flood can evict. */
SLUICE_INLINE int sluice_take_budget(sluice_u32* tick, sluice_u32* count, sluice_u32 now, sluice_u32 limit) {
  if (*tick != now) {
    *tick = now;
    *count = 0;
  }
  if (*count >= limit) return 0;
  *count += 1;
  return 1;
}

#endif
