// SPDX-License-Identifier: Apache-2.0
// One seed of a cluster of whole balancers: production node and model, with planes, leases and clients.
#pragma once

#include "balancer_options.h"
#include "simulation.h"

namespace sluice::sim {

// Every fourth seed.
[[nodiscard]] constexpr bool is_balancer_seed(std::uint64_t seed) {
  return seed % 4 == 0;
}
[[nodiscard]] SimResult simulate_balancers(const BalancerOptions& options, TraceMode mode);

}  // namespace sluice::sim
