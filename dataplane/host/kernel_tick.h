// SPDX-License-Identifier: Apache-2.0
// How often the kernel's tick interrupt runs, which is the unit of bpf_jiffies64().
#pragma once

#include <cstdint>

#include "error.h"

namespace sluice {

// CONFIG_HZ of the running kernel. sysconf(_SC_CLK_TCK) is USER_HZ, always 100, and /proc/config.gz may be missing; the
// resolution of the coarse clocks is one tick exactly (clock_getres(2), kernel 2.6.32).
[[nodiscard]] Result<std::uint32_t> kernel_hz();

// `shift` with jiffies >> shift closest to seconds: 100 -> 7, 250 and 300 -> 8, 1000 -> 10.
[[nodiscard]] std::uint32_t tick_shift_for(std::uint32_t hz);

}  // namespace sluice
