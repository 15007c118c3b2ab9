// SPDX-License-Identifier: Apache-2.0
#include "kernel_tick.h"

#include <cerrno>
#include <ctime>

#include "errno_error.h"

namespace sluice {

Result<std::uint32_t> kernel_hz() {
  constexpr std::int64_t second_ns = 1000000000;
  timespec tick{};
  if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) != 0)
    return errno_error("cannot learn the kernel's tick (clock_getres)", errno);
  const std::int64_t tick_ns = tick.tv_sec * second_ns + tick.tv_nsec;
  if (tick_ns < second_ns / 100000 || tick_ns > second_ns)
    return make_error(ErrorCode::unsupported,
                      "the kernel says its tick is " + std::to_string(tick_ns) + " ns long, which cannot be");
  return static_cast<std::uint32_t>((second_ns + tick_ns / 2) / tick_ns);
}

std::uint32_t tick_shift_for(std::uint32_t hz) {
  std::uint32_t shift = 0;
  // Next power while it is nearer in ratio: 2^(shift + 1/2) <= hz, squared to stay in integers.
  while (shift < 31 && (std::uint64_t{2} << (2 * shift)) <= std::uint64_t{hz} * hz) ++shift;
  return shift;
}

}  // namespace sluice
