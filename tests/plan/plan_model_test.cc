// SPDX-License-Identifier: Apache-2.0
#include "plan_model.h"

#include <gtest/gtest.h>

#include "static_model.h"

namespace sluice {
namespace {

Config config_of(std::string_view text) {
  ConfigOutcome outcome = parse_config(text, "c");
  EXPECT_TRUE(outcome.ok()) << errors_text(outcome);
  return outcome.config.value();
}

Config base() {
  return config_of(R"(hash_key = "000102030405060708090a0b0c0d0e0f"
[plane]
source_ipv4 = "10.0.0.2"
[[pool]]
name = "web"
slots = 16381
backends = [
  { name = "b1", address = "10.0.1.11", weight = 100 },
  { name = "b2", address = "10.0.1.12", weight = 100 },
  { name = "b3", address = "10.0.1.13", weight = 100 },
]
[[pool]]
name = "spare"
slots = 16381
backends = [ { name = "s1", address = "10.0.1.21" } ]
[[service]]
name = "web"
address = "203.0.113.10"
port = 80
protocol = "tcp"
pool = "web"
[[service]]
name = "dns"
address = "203.0.113.10"
port = 53
protocol = "udp"
pool = "spare"
track = false
)");
}

Plan plan(const Config& before, const Config& after) {
  const ForwardingModel model_before = forwarding_model_of(before).value();
  const ForwardingModel model_after = forwarding_model_of(after).value();
  return make_plan({&before, &model_before}, {&after, &model_after});
}

// Counted the slow way: every slot of both tables, by address.
std::uint64_t moved_slots(const Config& before, const Config& after) {
  const ForwardingModel a = forwarding_model_of(before).value();
  const ForwardingModel b = forwarding_model_of(after).value();
  std::uint64_t moved = 0;
  for (std::size_t slot = 0; slot < a.pools[0].slots.size(); ++slot) {
    const IpAddress from = before.pools[0].members[a.pools[0].slots[slot]].address;
    const IpAddress to = after.pools[0].members[b.pools[0].slots[slot]].address;
    moved += from != to ? 1 : 0;
  }
  return moved;
}

TEST(Plan, NoChangeMovesNothing) {
  const Plan made = plan(base(), base());
  ASSERT_EQ(made.pools.size(), 2U);
  EXPECT_EQ(made.pools[0].movement.moved_slots, 0U);
  EXPECT_EQ(made.pools[0].movement.minimum_slots, 0U);
  EXPECT_EQ(made.pools[0].movement.moved, 0.0);
  EXPECT_EQ(made.services[0].movement.moved, 0.0);
  EXPECT_FALSE(made.rehashed);
}

TEST(Plan, AWeightChangeCountsSlotsExactly) {
  Config after = base();
  after.pools[0].members[2].weight = 50;
  const Plan made = plan(base(), after);
  const PoolPlan& pool = made.pools[0];
  EXPECT_EQ(pool.movement.moved_slots, moved_slots(base(), after));
  // 100:100:50 of 16,381 is 6,552 or 6,553 : 6,552 or 6,553 : 3,276 or 3,277; b3 had 5,460 or 5,461.
  EXPECT_NEAR(static_cast<double>(*pool.movement.minimum_slots), 5460.3 - 3276.2, 2.0);
  EXPECT_GE(*pool.movement.moved_slots, *pool.movement.minimum_slots);
  ASSERT_EQ(pool.backends.size(), 3U);
  EXPECT_EQ(pool.backends[2].weight_before, 100U);
  EXPECT_EQ(pool.backends[2].weight_after, 50U);
  std::uint64_t sum = 0;
  for (const BackendPlan& backend : pool.backends) sum += backend.slots_after;
  EXPECT_EQ(sum, 16381U);
  EXPECT_TRUE(made.services[0].tracked);
  EXPECT_FALSE(made.services[1].tracked);
  EXPECT_EQ(made.services[0].movement.moved_slots, pool.movement.moved_slots);
  EXPECT_EQ(made.services[1].movement.moved_slots, 0U);
}

TEST(Plan, HostsCountNotNames) {
  Config after = base();
  // The table follows names, packets follow addresses: exchanging two backends' addresses moves both their slots.
  std::swap(after.pools[0].members[0].address, after.pools[0].members[1].address);
  const Plan made = plan(base(), after);
  EXPECT_EQ(made.pools[0].movement.moved_slots, moved_slots(base(), after));
  EXPECT_NEAR(made.pools[0].movement.moved, 2.0 / 3.0, 0.001);
  EXPECT_LE(*made.pools[0].movement.minimum_slots, 1U);
  EXPECT_EQ(made.pools[0].backends[0].address, "10.0.1.11 -> 10.0.1.12");
}

TEST(Plan, AnotherTableSizeIsComparedOverTheHashSpace) {
  Config after = base();
  after.pools[1].slots_count = 65537;
  const Plan same_host = plan(base(), after);
  EXPECT_EQ(same_host.pools[1].movement.moved, 0.0);  // one backend owns all of either
  EXPECT_FALSE(same_host.pools[1].movement.moved_slots.has_value());

  after = base();
  after.pools[0].slots_count = 65537;
  const Plan made = plan(base(), after);
  // Two unrelated fills of three equal backends agree on a third of the space.
  EXPECT_NEAR(made.pools[0].movement.moved, 2.0 / 3.0, 0.02);
  EXPECT_NEAR(made.pools[0].movement.minimum, 0.0, 0.001);
}

TEST(Plan, AnotherHashKeyMovesAllButChance) {
  Config after = base();
  after.hash_key[0] ^= 1U;
  const Plan made = plan(base(), after);
  EXPECT_TRUE(made.rehashed);
  EXPECT_NEAR(made.pools[0].movement.moved, 2.0 / 3.0, 0.001);
  EXPECT_NEAR(made.pools[1].movement.moved, 0.0, 1e-9);
}

TEST(Plan, EmptyPoolsComeAndGo) {
  Config after = base();
  for (MemberConfig& member : after.pools[0].members) member.weight = 0;
  const Plan to_empty = plan(base(), after);
  EXPECT_EQ(to_empty.pools[0].movement.moved, 1.0);
  EXPECT_EQ(to_empty.pools[0].table_after, 0U);
  EXPECT_EQ(plan(after, base()).pools[0].movement.moved, 1.0);
  EXPECT_EQ(plan(after, after).pools[0].movement.moved, 0.0);
}

TEST(Plan, PoolsAndServicesThatComeGoOrChangePools) {
  Config after = base();
  after.services[0].pool_index = 1;
  after.services[1].port = PortHost(54);
  after.pools.push_back({"new", Encapsulation::ipip, PortHost(6080), 16381, 1500, {}});
  const Plan made = plan(base(), after);
  ASSERT_EQ(made.pools.size(), 3U);
  EXPECT_FALSE(made.pools[2].slots_before.has_value());
  ASSERT_EQ(made.services.size(), 3U);
  EXPECT_EQ(made.services[0].pool_before, "web");
  EXPECT_EQ(made.services[0].pool_after, "spare");
  EXPECT_EQ(made.services[0].movement.moved, 1.0);  // no backend in common
  EXPECT_FALSE(made.services[1].pool_before.has_value());
  EXPECT_EQ(made.services[2].address, "203.0.113.10:53/udp");
  EXPECT_FALSE(made.services[2].pool_after.has_value());

  const Plan back = plan(after, base());
  ASSERT_EQ(back.pools.size(), 3U);
  EXPECT_EQ(back.pools[2].name, "new");
  EXPECT_FALSE(back.pools[2].slots_after.has_value());
}

}  // namespace
}  // namespace sluice
