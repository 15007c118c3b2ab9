// SPDX-License-Identifier: Apache-2.0
// Plays a scenario against a scheme and counts the connections it breaks. Pure and deterministic.
//
// Flows are opened in the first moment. In every later moment each flow sends one packet: routers choose the balancer,
// the balancer the candidates, and the packet tries these in turn until it meets the backend that has the connection. A
// dead backend swallows it. A flow whose backend lives but is not met is broken; it, like a flow whose backend
// crashed, opens anew at once. Routers choose as Linux does (hash-threshold, fib_select_multipath): equal ranges of a
// hash, so that with one of n balancers gone, flows of the others move as well (1/6 of all with three).
#pragma once

#include <cstdint>
#include <vector>

#include "churn_schemes.h"

namespace sluice::bench {

struct ChurnOptions {
  std::uint32_t flows = 200000;
  std::uint32_t slots = 65537;
  std::uint64_t seed = 1;
};

struct ChurnFlow {
  std::uint32_t slot = 0;
  std::uint32_t route = 0;  // the routers' hash
  std::uint16_t backend = no_backend;
  bool broken = false;  // at least once
};

// Flows with random hashes, sorted by slot (their order means nothing, and tables are read in sequence).
[[nodiscard]] std::vector<ChurnFlow> random_flows(const ChurnOptions& options);

// Which of `balancers` a flow reaches.
[[nodiscard]] std::uint32_t balancer_of(const ChurnFlow& flow, std::uint32_t balancers);

// The number of flows, of all, that broke at least once.
[[nodiscard]] std::uint64_t broken_flows(const ChurnScenario& scenario, const ChurnSchemeName& scheme,
                                         const ChurnOptions& options);

}  // namespace sluice::bench
