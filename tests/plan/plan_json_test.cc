// SPDX-License-Identifier: Apache-2.0
#include "plan_json.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace sluice {
namespace {

Plan sample() {
  Plan plan;
  plan.rehashed = true;
  PoolPlan pool{"web", 65537, 65537, 65537, 65537, {}, {0.1072, 0.1071, 7028, 7022}};
  pool.backends.push_back({"b1", "10.0.1.11", 100, 50, 40000, 30000});
  pool.backends.push_back({"b2", "10.0.1.12", std::nullopt, 100, 0, 35537});
  plan.pools.push_back(pool);
  plan.pools.push_back({"gone", 16381, std::nullopt, 16381, 0, {{"c1", "10.0.1.13", 1, std::nullopt, 16381, 0}}, {}});
  plan.services.push_back({"http", "203.0.113.10:80/tcp", "web", std::nullopt, true, {0.5, 0.25, std::nullopt, 3}});
  return plan;
}

TEST(PlanJson, comes_back_as_it_went) {
  const boost::json::object sent = plan_json(sample());
  EXPECT_EQ(plan_json(plan_of_json(sent)), sent);
  const Plan back = plan_of_json(sent);
  ASSERT_EQ(back.pools.size(), 2U);
  EXPECT_EQ(back.pools[0].table_after, 65537U);
  EXPECT_EQ(back.pools[1].table_after, 0U);
  EXPECT_EQ(back.pools[1].slots_after, std::nullopt);
}

TEST(PlanJson, changes_come_back_as_they_went) {
  const std::vector<ObjectChange> changes = {{ChangeKind::changed, "backend", "web/b1", {{"weight", "100", "50"}}},
                                             {ChangeKind::added, "pool", "dns", {{"mtu", "", "1500"}}},
                                             {ChangeKind::removed, "service", "http", {}}};
  EXPECT_EQ(changes_of_json(changes_json(changes)), changes);
}

TEST(PlanJson, anything_else_reads_as_nothing) {
  for (const char* text :
       {R"({"pools":3,"services":[1,{"vip":7}]})", R"({"pools":[{"slots_before":-1,"backends":[null]}]})",
        R"({"pools":[{"slots_before":1e300}],"rehashed":"yes"})"}) {
    const Plan plan = plan_of_json(boost::json::parse(text).as_object());
    EXPECT_FALSE(plan.rehashed);
    for (const PoolPlan& pool : plan.pools) EXPECT_EQ(pool.slots_before, std::nullopt);
  }
}

}  // namespace
}  // namespace sluice
