// SPDX-License-Identifier: Apache-2.0
// What a seed decides for a cluster of whole balancers, beside SimOptions: leases, clocks, planes and what happens to
// them.
#pragma once

#include <cstdint>
#include <string>

#include "sim_options.h"

namespace sluice::sim {

// A message that comes once more comes at most so late.
inline constexpr Time late_max = seconds(6);

struct BalancerOptions {
  SimOptions base;
  Time lease = milliseconds(3000);
  Time batch = milliseconds(5);
  // By how much two clocks may differ in what they take for a second, in thousandths: at most what lease_margin
  // (lease.h) is made for.
  std::uint32_t drift_permille = 0;
  std::uint32_t snapshot_entries = 20;  // see ReplicaOptions

  // A plane has taken a generation after so long, if nothing holds it up.
  Time plane_take_max = milliseconds(20);
  std::uint32_t plane_refuses_percent = 0;
  std::uint32_t plane_forgets_percent = 0;  // of starts: what it finds saved is older than what it said it had
  std::uint32_t pinned_percent = 50;        // of planes whose packets go on without their process, as with XDP

  // Mean times between two faults of a kind; zero: never.
  Time machine_crash{};
  Time plane_crash{};
  Time plane_cut{};  // sluiced and plane lose each other
  Time backend_death{};

  std::uint32_t backends = 6;
  std::uint32_t backends_most = 10;
};

// Same seed, same options. `nodes` 0: the seed decides that too.
[[nodiscard]] BalancerOptions balancer_options_of(std::uint64_t seed, std::uint32_t nodes);
[[nodiscard]] std::string text_of(const BalancerOptions& options);

}  // namespace sluice::sim
