// SPDX-License-Identifier: Apache-2.0
// Who does what, before anything is started: CPUs for workers, queues for workers. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "config.h"
#include "error.h"

namespace sluice {

struct CpuPlan {
  std::vector<std::uint16_t> workers;
  std::vector<std::uint16_t> control;  // of everything else
  bool is_shared = false;              // the control thread has no CPU that is not a worker's
};
// `allowed`: ascending, what the process may run on. By default the last ones: interrupts and other programs tend to
// live on the first.
[[nodiscard]] Result<CpuPlan> plan_cpus(const DpdkConfig& config, std::span<const std::uint16_t> allowed);

struct QueuePlace {
  std::uint16_t port = 0;
  std::uint16_t queue = 0;
  friend bool operator==(const QueuePlace&, const QueuePlace&) = default;
};
// All queues of all ports over the workers in turn. `queues`: number per port. Per worker, what it polls.
[[nodiscard]] std::vector<std::vector<QueuePlace>> spread_queues(std::span<const std::uint16_t> queues,
                                                                 std::uint16_t workers);

}  // namespace sluice
