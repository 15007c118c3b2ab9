// SPDX-License-Identifier: Apache-2.0
// The packet path's clock on this plane: seconds, from the time stamp counter, so that a worker reads no memory and
// makes no call for it.
#pragma once

#include <chrono>
#include <cstdint>

namespace sluice {

class TscClock {
 public:
  explicit TscClock(std::uint64_t hz) : hz_(hz), reciprocal_(UINT64_MAX / hz) {}

  // Whole seconds; a multiplication, because this is once per loop of a worker and a division takes twenty times as
  // long.
  [[nodiscard]] std::uint32_t tick(std::uint64_t tsc) const {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint32_t>((static_cast<Wide>(tsc) * reciprocal_) >> 64);
  }
  [[nodiscard]] std::uint64_t cycles(std::chrono::microseconds time) const {
    return static_cast<std::uint64_t>(time.count()) * (hz_ / 1000000);
  }

 private:
  std::uint64_t hz_;
  std::uint64_t reciprocal_;  // 2^64 / hz
};

}  // namespace sluice
