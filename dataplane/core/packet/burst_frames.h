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
  // Out. Not 0: every frame was forwarded, leaves the way it came and begins so many bytes earlier. data, bytes and
  // verdicts then still say what they said before; settle() makes them say it. (2 ticks of 23 a packet: `sluice-bench
  // dpdk`, tcp4_stateless_1k.)
  sluice_u32 outer_bytes;
};

static inline void settle(PacketBurst* burst) {
  if (burst->outer_bytes == 0) return;
  for (sluice_u32 i = 0; i < burst->count; ++i) {
    burst->data[i] -= burst->outer_bytes;
    burst->bytes[i] += burst->outer_bytes;
    burst->verdicts[i] = {SLUICE_REASON_forwarded, 0};
  }
  burst->outer_bytes = 0;
}

}  // namespace sluice
