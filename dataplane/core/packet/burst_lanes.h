// SPDX-License-Identifier: Apache-2.0
// What the stages of a burst hand on. For packet_burst_level.cc only, which is compiled once per instruction set level:
// SLUICE_LEVEL is the level's namespace.
#pragma once

#include "burst_frames.h"

namespace sluice::SLUICE_LEVEL {
namespace {

constexpr sluice_u32 lanes_max = burst_frames_max;

// One bit a lane. A lane is one frame of the burst.
using LaneSet = sluice_u32;

// By columns, so that four neighbours are written with one store.
struct Lanes {
  alignas(64) sluice_u64 flow_hash[lanes_max];
  // The line that the key's hash names; the packet's service once `match` has compared.
  alignas(64) const sluice_vip* vip[lanes_max];
  // What the line must say: first word of the destination; then port, protocol and kind as in struct sluice_vip.
  alignas(64) sluice_u64 key[lanes_max];
  // Where the slot's entry stands.
  alignas(64) const sluice_u16* slot[lanes_max];
  // Where the packet goes, and that backend's counters.
  const sluice_backend* backend[lanes_max];
  sluice_traffic* traffic[lanes_max];
  // Of tracked lanes: the flow's hash and line, its entry (NULL = none to refresh) and what that is to say.
  alignas(64) sluice_u64 memory_hash[lanes_max];
  alignas(64) sluice_flows* flow_line[lanes_max];
  sluice_u64* entry[lanes_max];
  sluice_u64 wanted[lanes_max];
  LaneSet whole;  // left to sluice_process()
  LaneSet tracked;
  LaneSet opens;  // TCP SYN
  LaneSet plain;  // not whole, and of lane 0's service, which takes no chain
};

struct Burst {
  PacketBurst* frames;
  sluice_tables* tables;
  const sluice_generation* generation;
  sluice_worker_head* head;
  sluice_line* counters;             // the worker's
  sluice_traffic* backends_traffic;  // by backend index
  sluice_flows* flows;               // the worker's
  sluice_u32 worker;
  sluice_u32 now;
};

constexpr sluice_u64 key_of(sluice_u32 address, sluice_u32 key_word) {
  return address | static_cast<sluice_u64>(key_word) << 32;
}

}  // namespace
}  // namespace sluice::SLUICE_LEVEL
