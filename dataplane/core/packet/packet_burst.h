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

#include "burst_frames.h"

namespace sluice {

using BurstFunction = void (*)(sluice_tables* tables, std::uint32_t worker, std::uint32_t now, PacketBurst* burst);

// Others than `staged` are for measuring what it is worth.
enum class BurstForm : std::uint8_t {
  staged,
  unfetched,   // the same without fetching ahead
  one_by_one,  // each frame through all stages before the next
};
// Instruction sets the stages are compiled for.
enum class BurstLevel : std::uint8_t { v2, v3, v4 };

// The function for this machine: of the best level that the processor has, or `level` if that is lower.
[[nodiscard]] BurstFunction burst_function(BurstForm form = BurstForm::staged, BurstLevel level = BurstLevel::v4);
// "x86-64-v3": the level that burst_function() takes.
[[nodiscard]] std::string_view burst_level_text(BurstLevel level = BurstLevel::v4);

}  // namespace sluice
