// SPDX-License-Identifier: Apache-2.0
// The churn simulator in its short form: what each scheme must and must not survive. Fixed seed: the numbers are facts.
#include "churn_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace sluice::bench {
namespace {

constexpr ChurnOptions small = {.flows = 20000, .slots = 16381, .seed = 1};

std::uint64_t broken(const std::string& scenario, const ChurnSchemeName& scheme, const ChurnScale& scale = {}) {
  return broken_flows(churn_scenario(scenario, scale), scheme, small);
}

TEST(Churn, NobodyBreaksWithThreeOwners) {
  for (const std::string& name : churn_scenario_names())
    for (const std::uint32_t k : {3u, 4u}) EXPECT_EQ(broken(name, {"sluice", k}), 0u) << name << " k " << k;
}

TEST(Churn, NobodyBreaksWithThreeOwnersInAnotherScale) {
  for (const ChurnScale& scale : {ChurnScale{5, 2}, ChurnScale{40, 5}})
    for (const std::string& name : churn_scenario_names())
      EXPECT_EQ(broken(name, {"sluice", 3}, scale), 0u) << name << " with " << scale.backends << " backends";
}

TEST(Churn, TwoOwnersAreNotEnough) {
  EXPECT_GT(broken("add_5_one_by_one_balancer_lost", {"sluice", 2}), 0u);
}

TEST(Churn, MaglevBreaksWheneverBackendsChange) {
  for (const std::string& name : churn_scenario_names()) {
    const std::uint64_t count = broken(name, {"maglev", 0});
    if (name == "balancer_lost") {
      EXPECT_EQ(count, 0u);
    } else {
      EXPECT_GT(count, 0u) << name;
    }
  }
  // A tenth of the flows and what the refill disturbs; everybody, once each backend had its turn.
  EXPECT_NEAR(static_cast<double>(broken("drain_1", {"maglev", 0})), 2050, 150);
  EXPECT_EQ(broken("drain_undrain_all", {"maglev", 0}), small.flows);
}

TEST(Churn, FlowTablesSaveFlowsOnlyWhileBalancersStay) {
  const ChurnSchemeName scheme = {"maglev_ft", 0};
  for (const char* name : {"drain_1", "crash_1", "add_1", "weight_double", "weight_half", "balancer_lost"})
    EXPECT_EQ(broken(name, scheme), 0u) << name;
  EXPECT_EQ(broken("drain_undrain_all", scheme), 0u);
  // One of three balancers takes a third of the flows with it and shifts another sixth: half of them look up anew.
  const double without = static_cast<double>(broken("add_and_balancer_lost", {"maglev", 0}));
  EXPECT_NEAR(static_cast<double>(broken("add_and_balancer_lost", scheme)), without / 2, without / 10);
}

TEST(Churn, OneSecondChanceSurvivesOneChange) {
  for (const char* scheme : {"rendezvous2", "one_previous"}) {
    for (const char* name : {"drain_1", "crash_1", "add_1", "add_drain_balancer_lost", "balancer_lost"})
      EXPECT_EQ(broken(name, {scheme, 0}), 0u) << scheme << " " << name;
    EXPECT_GT(broken("add_5_one_by_one_balancer_lost", {scheme, 0}), 0u) << scheme;
  }
  EXPECT_GT(broken("drain_undrain_all", {"one_previous", 0}), small.flows / 4);
  EXPECT_GT(broken("drain_then_crash_another", {"one_previous", 0}), 0u);
}

TEST(Churn, LimitsAreLimits) {
  const ChurnScenario turnover = churn_limit("limit_turnover_20", {}, 1);
  EXPECT_EQ(turnover.moments.size(), 21u);
  const std::uint64_t two = broken_flows(turnover, {"sluice", 2}, small);
  const std::uint64_t three = broken_flows(turnover, {"sluice", 3}, small);
  const std::uint64_t four = broken_flows(turnover, {"sluice", 4}, small);
  EXPECT_GT(two, three);
  EXPECT_GT(three, four);
  EXPECT_GT(four, 0u);
}

TEST(Churn, SameSeedSameNumbers) {
  const ChurnScenario scenario = churn_limit("limit_turnover_20", {}, 7);
  EXPECT_EQ(broken_flows(scenario, {"sluice", 2}, small), broken_flows(scenario, {"sluice", 2}, small));
  ChurnOptions other = small;
  other.seed = 2;
  EXPECT_NE(broken_flows(scenario, {"sluice", 2}, small), broken_flows(scenario, {"sluice", 2}, other));
}

TEST(Churn, RoutersMoveASixthBesideTheLostThird) {
  const std::vector<ChurnFlow> flows = random_flows(small);
  std::map<std::pair<std::uint32_t, std::uint32_t>, double> moved;
  for (const ChurnFlow& flow : flows) moved[{balancer_of(flow, 3), balancer_of(flow, 2)}] += 1.0 / small.flows;
  EXPECT_NEAR((moved[{0, 0}]), 1.0 / 3, 0.02);
  EXPECT_NEAR((moved[{1, 0}]), 1.0 / 6, 0.02);
  EXPECT_NEAR((moved[{1, 1}]), 1.0 / 6, 0.02);
  EXPECT_NEAR((moved[{2, 1}]), 1.0 / 3, 0.02);
}

// Nothing of a scheme, only of the story: what each scenario does to the pool.
TEST(Churn, ScenariosDoWhatTheirNamesSay) {
  const auto last = [](const char* name) { return churn_scenario(name, {}).moments.back(); };
  const auto serving = [](const ChurnMoment& moment) {
    return std::count_if(moment.backends.begin(), moment.backends.end(),
                         [](const ChurnBackend& backend) { return backend.effective_weight() > 0; });
  };
  EXPECT_EQ(serving(last("drain_1")), 9);
  EXPECT_EQ(serving(last("crash_1")), 9);
  EXPECT_EQ(serving(last("add_5_one_by_one_balancer_lost")), 15);
  EXPECT_EQ(serving(last("drain_undrain_all")), 10);
  EXPECT_EQ(churn_scenario("drain_undrain_all", {}).moments.size(), 21u);
  EXPECT_EQ(churn_scenario("rolling_crash_restart_5_balancer_lost", {}).moments.size(), 12u);
  EXPECT_EQ(last("ramp_new_10_steps_balancer_lost").backends.back().weight, 100u);
  EXPECT_EQ(churn_scenario("ramp_new_10_steps_balancer_lost", {}).moments.size(), 12u);
  for (const std::string& name : churn_scenario_names()) {
    const ChurnScenario scenario = churn_scenario(name, {});
    EXPECT_EQ(scenario.moments.front().balancers, 3u);
    const bool loses = name.ends_with("balancer_lost");
    EXPECT_EQ(scenario.moments.back().balancers, loses ? 2u : 3u) << name;
  }
}

}  // namespace
}  // namespace sluice::bench
