// SPDX-License-Identifier: Apache-2.0
// The packet path's clock, as seen by the packet path: a BPF program of a few instructions that user space runs.
#pragma once

#include <cstdint>

#include "error.h"
#include "unique_fd.h"

namespace sluice {

class TickClock {
 public:
  static Result<TickClock> create(std::uint32_t tick_shift);

  // Jiffies >> tick_shift, as bpf/balancer.bpf.c stores it in flow entries.
  [[nodiscard]] Result<std::uint32_t> now() const;

 private:
  explicit TickClock(UniqueFd program) : program_(std::move(program)) {}
  UniqueFd program_;
};

}  // namespace sluice
