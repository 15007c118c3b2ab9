// SPDX-License-Identifier: Apache-2.0
// What everybody in one simulation shares. One random source, asked in the order of events: the seed decides all.
#pragma once

#include "sim_clock.h"
#include "sim_machine.h"
#include "sim_options.h"
#include "sim_oracle.h"
#include "sim_trace.h"
#include "test_random.h"

namespace sluice::sim {

// What a run has met: a simulation that never elects, installs or removes proves little.
struct Counters {
  std::uint64_t messages = 0;
  std::uint64_t dropped = 0;
  std::uint64_t batches = 0;
  std::uint64_t elections = 0;
  std::uint64_t commits = 0;
  std::uint64_t installs = 0;
  std::uint64_t truncations = 0;
  std::uint64_t compactions = 0;
  std::uint64_t crashes = 0;
  std::uint64_t batches_lost = 0;
  std::uint64_t disk_failures = 0;
  std::uint64_t rotten_disks = 0;
  std::uint64_t pauses = 0;
  std::uint64_t partitions = 0;
  std::uint64_t membership_changes = 0;
  std::uint64_t transfers = 0;
  std::uint64_t reads = 0;
  std::uint64_t generations = 0;  // of balancers
  std::uint64_t outlived = 0;     // see ChainCover
  std::uint64_t newcomers = 0;    // balancers that were taken in and forwarded
  std::uint64_t unhealable = 0;   // runs in which our own faults left no quorum alive

  Counters& operator+=(const Counters& other);
};
[[nodiscard]] std::string text_of(const Counters& counters);

struct SimWorld {
  SimWorld(const SimOptions& given, TraceMode mode, MachineMaker maker)
      : options(given), trace(mode, clock), oracle(trace), random(given.seed), make_machine(std::move(maker)) {}

  [[nodiscard]] Time up_to(Time most) { return Time(random.below(static_cast<std::uint32_t>(most.count()) + 1)); }
  [[nodiscard]] Time between(Time low, Time high) { return low + up_to(high - low); }

  const SimOptions options;
  SimClock clock;
  Trace trace;
  Oracle oracle;
  Random random;
  MachineMaker make_machine;
  Counters counters;
  bool is_healed = false;  // no more faults, fast disks, true clocks
};

}  // namespace sluice::sim
