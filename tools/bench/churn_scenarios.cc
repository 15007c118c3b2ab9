// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <random>
#include <stdexcept>

#include "churn_pool.h"

namespace sluice::bench {
namespace {

// Writes a scenario down: change the pool, then `then()` for "and now every flow sends a packet".
class Story {
 public:
  explicit Story(const ChurnScale& scale) : scale_(scale) {
    now_.balancers = scale.balancers;
    for (std::uint32_t i = 0; i < scale.backends; ++i) add();
    then();
  }

  void add(std::uint32_t weight = 100) {
    now_.backends.push_back({.name = "backend-" + std::to_string(now_.backends.size()), .weight = weight});
  }
  ChurnBackend& backend(std::size_t index) { return now_.backends.at(index); }
  [[nodiscard]] std::size_t backends_count() const { return now_.backends.size(); }
  [[nodiscard]] std::uint32_t initial_count() const { return scale_.backends; }
  void lose_balancer() { --now_.balancers; }
  void then() { moments_.push_back(now_); }
  [[nodiscard]] std::vector<ChurnMoment> moments() const { return moments_; }

 private:
  ChurnScale scale_;
  ChurnMoment now_;
  std::vector<ChurnMoment> moments_;
};

void rolling_crash(Story& story) {
  for (std::uint32_t i = 0; i < std::min(5u, story.initial_count()); ++i) {
    story.backend(i).alive = false;
    story.then();
    story.backend(i).alive = true;
    story.then();
  }
  story.lose_balancer();
}

void drain_undrain_all(Story& story) {
  for (std::uint32_t i = 0; i < story.initial_count(); ++i) {
    story.backend(i).drained = true;
    story.then();
    story.backend(i).drained = false;
    if (i + 1 < story.initial_count()) story.then();
  }
}

void ramp(Story& story) {
  story.add(10);
  for (std::uint32_t weight = 20; weight <= 100; weight += 10) {
    story.then();
    story.backend(story.backends_count() - 1).weight = weight;
  }
  story.then();
  story.lose_balancer();
}

void add_five(Story& story) {
  for (int i = 0; i < 5; ++i) {
    story.add();
    story.then();
  }
  story.lose_balancer();
}

// Each ends before its last then().
struct Named {
  const char* name;
  void (*tell)(Story& story);
};

constexpr std::array<Named, 16> scenarios = {{
    {"drain_1", [](Story& story) { story.backend(3).drained = true; }},
    {"crash_1", [](Story& story) { story.backend(3).alive = false; }},
    {"add_1", [](Story& story) { story.add(); }},
    {"weight_double", [](Story& story) { story.backend(3).weight *= 2; }},
    {"weight_half", [](Story& story) { story.backend(3).weight /= 2; }},
    {"balancer_lost", [](Story& story) { story.lose_balancer(); }},
    {"add_and_balancer_lost",
     [](Story& story) {
       story.add();
       story.lose_balancer();
     }},
    {"add_then_balancer_lost",
     [](Story& story) {
       story.add();
       story.then();
       story.lose_balancer();
     }},
    {"drain_and_balancer_lost",
     [](Story& story) {
       story.backend(3).drained = true;
       story.lose_balancer();
     }},
    {"drain_then_balancer_lost",
     [](Story& story) {
       story.backend(3).drained = true;
       story.then();
       story.lose_balancer();
     }},
    {"add_drain_balancer_lost",
     [](Story& story) {
       story.add();
       story.then();
       story.backend(3).drained = true;
       story.then();
       story.lose_balancer();
     }},
    // Not in the published table: some of the drained one's slots went to the one that crashes.
    {"drain_then_crash_another",
     [](Story& story) {
       story.backend(3).drained = true;
       story.then();
       story.backend(4).alive = false;
     }},
    {"rolling_crash_restart_5_balancer_lost", rolling_crash},
    {"drain_undrain_all", drain_undrain_all},
    {"ramp_new_10_steps_balancer_lost", ramp},
    {"add_5_one_by_one_balancer_lost", add_five},
}};

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  std::size_t below(std::size_t bound) { return random_() % bound; }

 private:
  std::mt19937_64 random_;
};

constexpr std::size_t down_max = 2;

// One drain or undrain per moment, never more than two backends drained.
void random_drains(Story& story, Dice& dice, int events) {
  std::vector<std::size_t> down;
  for (int event = 0; event < events; ++event) {
    const bool full = down.size() == down_max;
    if (full || (!down.empty() && dice.below(2) == 0)) {
      const std::size_t at = dice.below(down.size());
      story.backend(down[at]).drained = false;
      down.erase(down.begin() + static_cast<std::ptrdiff_t>(at));
    } else {
      std::size_t chosen = dice.below(story.backends_count());
      while (story.backend(chosen).drained) chosen = dice.below(story.backends_count());
      story.backend(chosen).drained = true;
      down.push_back(chosen);
    }
    story.then();
  }
}

void random_weights(Story& story, Dice& dice, int events) {
  for (int event = 0; event < events; ++event) {
    story.backend(dice.below(story.backends_count())).weight = static_cast<std::uint32_t>(25 + dice.below(176));
    story.then();
  }
}

// By turns a new backend comes and an old one is drained for good.
void turnover(Story& story, Dice& dice, int events) {
  std::vector<std::size_t> serving(story.backends_count());
  for (std::size_t i = 0; i < serving.size(); ++i) serving[i] = i;
  for (int event = 0; event < events; ++event) {
    if (event % 2 == 0) {
      serving.push_back(story.backends_count());
      story.add();
    } else {
      const std::size_t at = dice.below(serving.size());
      story.backend(serving[at]).drained = true;
      serving.erase(serving.begin() + static_cast<std::ptrdiff_t>(at));
    }
    story.then();
  }
}

struct NamedLimit {
  const char* name;
  void (*tell)(Story& story, Dice& dice, int events);
  int events;
};

constexpr std::array<NamedLimit, 5> limits = {{
    {"limit_drain_undrain_20", random_drains, 20},
    {"limit_weights_20", random_weights, 20},
    {"limit_turnover_5", turnover, 5},
    {"limit_turnover_10", turnover, 10},
    {"limit_turnover_20", turnover, 20},
}};

template <typename List>
std::vector<std::string> names_of(const List& list) {
  std::vector<std::string> names;
  for (const auto& entry : list) names.emplace_back(entry.name);
  return names;
}

template <typename List>
const auto& find_named(const List& list, std::string_view name) {
  const auto found = std::find_if(list.begin(), list.end(), [&](const auto& entry) { return entry.name == name; });
  if (found == list.end()) throw std::out_of_range("no scenario is named " + std::string(name));
  return *found;
}

}  // namespace

std::vector<std::string> churn_scenario_names() {
  return names_of(scenarios);
}
std::vector<std::string> churn_limit_names() {
  return names_of(limits);
}

ChurnScenario churn_scenario(std::string_view name, const ChurnScale& scale) {
  Story story(scale);
  find_named(scenarios, name).tell(story);
  story.then();
  return {std::string(name), story.moments()};
}

ChurnScenario churn_limit(std::string_view name, const ChurnScale& scale, std::uint64_t seed) {
  Story story(scale);
  Dice dice(seed);
  const NamedLimit& limit = find_named(limits, name);
  limit.tell(story, dice, limit.events);
  return {std::string(name), story.moments()};
}

}  // namespace sluice::bench
