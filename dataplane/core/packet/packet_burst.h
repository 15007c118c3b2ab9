// SPDX-License-Identifier: Apache-2.0
// The packet path over a burst: what sluice_process() does to one frame, done to up to 32 of them stage by stage, so
// that the memory one stage will read is on its way while the others are still being looked at. Same bytes, same
// counters, same flow tables as one sluice_process() after the other (tests/packets holds it to that).
//
// A worker's lines of counters and flows belong to the calling thread alone meanwhile. The image may be published and
// swept by another thread; the caller tells that one when it has returned (ImageWriter::ReadersMovedOn).
#pragma once

#include <cstdint>
#include <string_view>

#include "sluice_pipeline.h"

namespace sluice {

// What rte_eth_rx_burst() is asked for by every DPDK example, and enough for the misses of one burst to overlap: 32
// lines of 64 bytes are well within any core's miss buffers over the time a stage takes.
inline constexpr std::uint32_t burst_frames_max = 32;

// `frames`, `verdicts`: `count` of each, at most burst_frames_max. data, end and head as in sluice_frame; on return
// data and end say where the frame stands now. `worker` as in sluice_process(); `now` in ticks of about a second.
using BurstFunction = void (*)(sluice_tables* tables, std::uint32_t worker, std::uint32_t now, sluice_frame* frames,
                               sluice_verdict* verdicts, std::uint32_t count);

// Variants for measuring what the prefetches are worth.
enum class BurstForm : std::uint8_t {
  prefetched,
  unprefetched,
};

// The function for this machine: compiled for x86-64-v3 where the processor has it, else for x86-64-v2.
[[nodiscard]] BurstFunction burst_function(BurstForm form = BurstForm::prefetched);
// "x86-64-v3"
[[nodiscard]] std::string_view burst_level();

}  // namespace sluice
