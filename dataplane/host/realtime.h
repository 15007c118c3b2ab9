// SPDX-License-Identifier: Apache-2.0
// The wall clock, for what people read: when an image was published. Nothing is decided by it.
#pragma once

#include <chrono>
#include <cstdint>

namespace sluice {

// Since the epoch of CLOCK_REALTIME.
inline std::uint64_t now_realtime_ns() {
  return static_cast<std::uint64_t>(
      std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count());
}

}  // namespace sluice
