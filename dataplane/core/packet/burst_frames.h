// SPDX-License-Identifier: Apache-2.0
// The frames of a burst, in and out. By columns: four neighbours are read at once.
#pragma once

#include "sluice_pipeline.h"

namespace sluice {

// What rte_eth_rx_burst() is asked for by every DPDK example, and enough for the misses of one burst to overlap.
inline constexpr sluice_u32 burst_frames_max = 32;

struct PacketBurst {
  // In: the frame's first byte and length. Out: the same of the frame that leaves, which may begin earlier; of a
  // dropped frame nothing is said. The writable room before every frame is headroom_bytes at least.
  alignas(64) sluice_u8* data[burst_frames_max];
  alignas(64) sluice_u64 bytes[burst_frames_max];
  // Out.
  alignas(64) sluice_verdict verdicts[burst_frames_max];
  // In.
  sluice_u32 count;           // 0 .. burst_frames_max
  sluice_u32 headroom_bytes;  // SLUICE_OUTER_BYTES_MAX, and no packet is refused for want of it
};

}  // namespace sluice
