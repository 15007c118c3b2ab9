// SPDX-License-Identifier: Apache-2.0
// What happens in a churn scenario: a list of moments, each the whole state of the pool and of the balancers. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::bench {

struct ChurnBackend {
  std::string name;
  std::uint32_t weight = 100;
  bool drained = false;  // takes no new connections; those it has go on
  bool alive = true;     // false: crashed, with its connections; nothing reaches it

  [[nodiscard]] std::uint32_t effective_weight() const { return drained || !alive ? 0 : weight; }
};

// Backends are never removed from the list, so an index means the same backend in every moment.
struct ChurnMoment {
  std::vector<ChurnBackend> backends;
  std::uint32_t balancers = 0;
};

struct ChurnScale {
  std::uint32_t backends = 10;
  std::uint32_t balancers = 3;
};

struct ChurnScenario {
  std::string name;
  std::vector<ChurnMoment> moments;  // the first is where the flows were opened
};

// The rows of the published comparison: one list of names, and the moments of each.
[[nodiscard]] std::vector<std::string> churn_scenario_names();
[[nodiscard]] ChurnScenario churn_scenario(std::string_view name, const ChurnScale& scale);

// Random or endless histories that exceed what a chain of owners promises. `seed` picks the history.
[[nodiscard]] std::vector<std::string> churn_limit_names();
[[nodiscard]] ChurnScenario churn_limit(std::string_view name, const ChurnScale& scale, std::uint64_t seed);

}  // namespace sluice::bench
