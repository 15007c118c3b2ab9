// SPDX-License-Identifier: Apache-2.0
#include "balancer_options.h"

#include <fmt/format.h>

#include "test_random.h"

namespace sluice::sim {
namespace {

Time between(Random& random, Time low, Time high) {
  return low + Time(random.below(static_cast<std::uint32_t>((high - low).count() + 1)));
}

// As in sim_options.cc: one kind alone finds what the noise of all others hides.
Time rate(Random& random, Time low, Time high) {
  return random.percent(50) ? between(random, low, high) : Time{};
}

}  // namespace

BalancerOptions balancer_options_of(std::uint64_t seed, std::uint32_t nodes) {
  BalancerOptions options;
  options.base = options_of(seed, nodes);
  Random random(seed ^ 0x62616c616e636572);
  SimOptions& base = options.base;
  base.faults_for = between(random, seconds(8), seconds(30));
  // A state is some thousand bytes, and a change a hundred.
  base.snapshot_chunk_bytes = random.one_of({512u, 4096u, 1u << 18});
  base.uncommitted_bytes_max = 64 << 20;
  base.skew_max = 1.0;
  base.clients = 1 + random.below(3);
  base.think_max = milliseconds(random.one_of({100, 400, 2000}));
  base.flip_percent = 0;
  options.lease = milliseconds(random.one_of({500, 1000, 3000, 3000}));
  options.batch = milliseconds(random.one_of({0, 5, 5, 200}));
  options.drift_permille = random.one_of({0u, 0u, 20u, 50u});
  options.snapshot_entries = random.one_of({5u, 20u, 100u});
  options.plane_take_max = milliseconds(random.one_of({2, 20, 20, 400}));
  options.plane_refuses_percent = random.one_of({0u, 0u, 0u, 10u});
  options.plane_forgets_percent = random.one_of({0u, 30u});
  options.pinned_percent = random.one_of({0u, 50u, 100u});
  options.machine_crash = rate(random, seconds(3), seconds(12));
  options.plane_crash = rate(random, seconds(1), seconds(8));
  options.plane_cut = rate(random, seconds(1), seconds(8));
  options.backend_death = rate(random, seconds(1), seconds(8));
  options.backends = 2 + random.below(6);
  options.backends_most = options.backends + 4;
  return options;
}

std::string text_of(const BalancerOptions& o) {
  const auto ms = [](Time time) { return time.count() / 1000; };
  std::string text = "balancers with planes; " + text_of(o.base);
  text +=
      fmt::format("\n  lease {} ms, batch {} ms, clocks differ by up to {} in a thousand, snapshot after {} entries; ",
                  ms(o.lease), ms(o.batch), o.drift_permille, o.snapshot_entries);
  text +=
      fmt::format("planes: {} % pinned, take {} ms, refuse {} %, forget {} %; backends {} to {}\n", o.pinned_percent,
                  ms(o.plane_take_max), o.plane_refuses_percent, o.plane_forgets_percent, o.backends, o.backends_most);
  text += fmt::format("  every so many ms: machine crash {}, plane crash {}, plane cut off {}, death of a backend {}",
                      ms(o.machine_crash), ms(o.plane_crash), ms(o.plane_cut), ms(o.backend_death));
  return text;
}

}  // namespace sluice::sim
