// SPDX-License-Identifier: Apache-2.0
// One seed, from the founding of a cluster through its faults to the time when all is well again and it must have
// recovered.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "sim_options.h"
#include "sim_trace.h"
#include "sim_workload.h"
#include "sim_world.h"

namespace sluice::sim {

struct SimResult {
  std::optional<std::string> violation;
  Time simulated{};
  std::uint64_t operations = 0;
  std::uint64_t chain_checks = 0;  // of balancers (chain_cover.h)
  std::uint64_t trace_hash = 0;
  std::uint64_t events = 0;
  Counters counters;
  std::deque<std::string> last_lines;  // TraceMode::last_lines
  // After the healing.
  Time leader_after{};
  Time caught_up_after{};
};

[[nodiscard]] SimResult simulate(const SimOptions& options, TraceMode mode, const Scenario& scenario);
// Of registers (register_machine.h, register_clients.h).
[[nodiscard]] SimResult simulate(const SimOptions& options, TraceMode mode);

}  // namespace sluice::sim
