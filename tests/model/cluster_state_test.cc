// SPDX-License-Identifier: Apache-2.0
#include "cluster_state.h"

#include <gtest/gtest.h>

#include "model_values.h"

namespace sluice::model {
namespace {

using namespace test;

TEST(ClusterState, ARepeatedRequestGetsTheFirstOutcome) {
  ClusterState state = small_cluster();
  Change first = change({SetWeight{"web", "b1", 50}});
  first.request_id = {1};
  const Outcome outcome = applied(state, first);
  EXPECT_TRUE(outcome.ok());
  const std::uint64_t revision = state.revision();
  applied(state, {SetWeight{"web", "b1", 70}});
  Outcome again = applied(state, first);
  EXPECT_TRUE(again.is_repeated);
  again.is_repeated = false;
  EXPECT_EQ(again, outcome);
  EXPECT_EQ(state.revision(), revision + 1);
  EXPECT_EQ(state.find_backend("web", "b1").value()->weight, 70) << "the second write stands";

  Change refused = change({SetWeight{"web", "nobody", 50}});
  refused.request_id = {2};
  EXPECT_EQ(applied(state, refused).code, OutcomeCode::not_found);
  applied(state, {PutBackend{"web", backend("nobody", "10.0.1.99")}});
  EXPECT_EQ(applied(state, refused).code, OutcomeCode::not_found) << "a refusal is an outcome, too";
}

TEST(ClusterState, RequestsAreForgottenInTheirOrder) {
  ClusterState state = small_cluster();
  const auto send = [&](std::uint16_t number) {
    Change one = change({SetWeight{"web", "b1", static_cast<std::uint16_t>(number % 2 + 1)}});
    one.request_id = {1, static_cast<std::uint8_t>(number), static_cast<std::uint8_t>(number >> 8)};
    return applied(state, one).is_repeated;
  };
  for (std::uint16_t i = 0; i <= limits::sessions_max; ++i) EXPECT_FALSE(send(i));
  EXPECT_TRUE(send(1));
  EXPECT_FALSE(send(0)) << "beyond the bound";
}

TEST(ClusterState, AllOrNothing) {
  ClusterState state = small_cluster();
  const std::uint64_t revision = state.revision();
  const Outcome outcome = applied(
      state, {SetWeight{"web", "b1", 1}, PutService{service("x", "203.0.113.11", 80, "spare")}, DeletePool{"wbe"}});
  EXPECT_EQ(outcome.code, OutcomeCode::not_found);
  EXPECT_EQ(outcome.message, "there is no pool \"wbe\"; did you mean \"web\"?");
  EXPECT_EQ(state.revision(), revision);
  EXPECT_EQ(state.find_backend("web", "b1").value()->weight, 100);
  EXPECT_FALSE(state.find_service("x").has_value());
  EXPECT_FALSE(state.has_pending());
}

// A pool that only changes its weights beside is looked at for what others ask of it.
TEST(ClusterState, RulesSeePoolsThatChangeTheirWeightsAtOnce) {
  ClusterState state = small_cluster();
  ASSERT_TRUE(applied(state, {PutBackend{"spare", backend("b1", "10.0.1.11")}}).ok());
  SetPool other_mtu{"spare"};
  other_mtu.mtu = 1400;
  EXPECT_EQ(applied(state, {other_mtu}).code, OutcomeCode::invalid);
  EXPECT_EQ(applied(state, {other_mtu, SetWeight{"web", "b1", 50}}).code, OutcomeCode::invalid);
  // Once as the neighbour of a pool and once as that of a service, it is still one pool.
  EXPECT_EQ(
      applied(state, {PutService{service("two", "203.0.113.10", 81, "spare")}, SetWeight{"web", "b1", 50}}).message,
      "");
}

// What rules know of addresses goes with the pool, also after a change that leaves its addresses as they are.
TEST(ClusterState, AddressesGoWithTheirPool) {
  ClusterState state = small_cluster();
  ASSERT_TRUE(applied(state, {PutPool{pool("other", {backend("b9", "10.0.9.9")})}}).ok());
  ASSERT_TRUE(applied(state, {SetWeight{"other", "b9", 50}}).ok());
  const auto service_at = [&](const char* address) {
    return applied(state, {PutService{service("s", address, 80, "web")}}).code;
  };
  EXPECT_EQ(service_at("10.0.9.9"), OutcomeCode::invalid);
  ASSERT_TRUE(applied(state, {PutBackend{"other", backend("b9", "10.0.9.10")}}).ok());
  EXPECT_EQ(service_at("10.0.9.10"), OutcomeCode::invalid);
  ASSERT_TRUE(applied(state, {DeletePool{"other"}}).ok());
  EXPECT_EQ(service_at("10.0.9.10"), OutcomeCode::accepted);
}

TEST(ClusterState, RevisionsAreComparedAndNamed) {
  ClusterState state = small_cluster();
  Change late = change({SetWeight{"web", "b1", 1}});
  late.base_revision = state.revision() - 1;
  const Outcome outcome = applied(state, late);
  EXPECT_EQ(outcome.code, OutcomeCode::conflict);
  EXPECT_EQ(outcome.base_revision, late.base_revision);
  EXPECT_EQ(outcome.revision, state.revision());
  late.base_revision = state.revision();
  EXPECT_EQ(applied(state, late).code, OutcomeCode::accepted);
}

TEST(ClusterState, WhatIsEqualIsUntouched) {
  ClusterState state = small_cluster();
  const SharedPoolConfig web = state.pools().at("web");
  ReplaceAll all;
  for (const auto& [name, one] : state.pools()) all.pools.push_back(*one);
  for (const auto& [name, one] : state.services()) all.services.push_back(*one);
  std::reverse(all.pools[1].members.begin(), all.pools[1].members.end());
  const Outcome outcome = applied(state, {all});
  EXPECT_EQ(outcome.code, OutcomeCode::unchanged);
  EXPECT_EQ(outcome.generation, 0u);
  EXPECT_FALSE(state.has_pending());
  all.pools[0].mtu = 1400;
  EXPECT_EQ(applied(state, {all}).code, OutcomeCode::accepted);
  EXPECT_EQ(state.pools().at("web"), web) << "the very object";
}

TEST(ClusterState, GenerationsShareWhatIsEqual) {
  ClusterState state = small_cluster();
  const SharedGeneration before = state.active();
  applied(state, {SetWeight{"web", "b1", 50}});
  next_generation(state);
  EXPECT_EQ(state.active()->pools.at("spare"), before->pools.at("spare"));
  EXPECT_NE(state.active()->pools.at("web"), before->pools.at("web"));
  EXPECT_EQ(state.active()->forwarding.services, before->forwarding.services);
  EXPECT_NE(state.active()->table_hash, before->table_hash);
}

TEST(ClusterState, StaleGenerationsAreHarmless) {
  ClusterState state = small_cluster();
  const std::uint64_t active = state.active()->number;
  EXPECT_EQ(applied(state, Prepare{active + 1}).code, OutcomeCode::stale) << "nothing waits";
  applied(state, {SetWeight{"web", "b1", 50}});
  EXPECT_EQ(applied(state, Prepare{active}).code, OutcomeCode::stale);
  EXPECT_EQ(applied(state, Prepare{active + 2}).code, OutcomeCode::stale);
  EXPECT_EQ(applied(state, Activate{active + 1, {}}).code, OutcomeCode::stale);
  EXPECT_EQ(applied(state, Prepare{active + 1}).code, OutcomeCode::accepted);
  EXPECT_EQ(applied(state, Prepare{active + 1}).code, OutcomeCode::stale);
  EXPECT_EQ(applied(state, {SetWeight{"web", "b1", 60}}).generation, active + 2);
  EXPECT_EQ(applied(state, Activate{active + 2, {}}).code, OutcomeCode::stale);
  EXPECT_EQ(applied(state, Activate{active + 1, {12}}).code, OutcomeCode::accepted);
  EXPECT_EQ(state.laggards(), std::vector<std::uint64_t>{12});
  EXPECT_EQ(applied(state, Activate{active + 1, {}}).code, OutcomeCode::stale);
  EXPECT_TRUE(state.has_pending()) << "the change during PREPARE waits for its own";
}

// A backend's name with another address is another backend; its slots remember the first one where it was.
TEST(ClusterState, AnotherAddressIsAnotherBackend) {
  ClusterState state = small_cluster();
  const SharedPool before = state.active()->forwarding.pools.at(1);
  ASSERT_EQ(before->name, "web");
  applied(state, {PutBackend{"web", backend("b1", "10.0.1.99")}});
  next_generation(state);
  const SharedPool after = state.active()->forwarding.pools.at(1);
  ASSERT_EQ(after->members.size(), 5u);
  const auto find = [&](std::string_view address) {
    for (const StateMember& member : after->members)
      if (member.address == ip(address)) return member;
    return StateMember{};
  };
  EXPECT_EQ(find("10.0.1.99").name, "b1");
  EXPECT_TRUE(find("10.0.1.99").present);
  EXPECT_EQ(find("10.0.1.11").name, "b1");
  EXPECT_FALSE(find("10.0.1.11").present);
  EXPECT_EQ(find("10.0.1.11").backend_id, before->members.at(0).backend_id) << "named as before in chains";
  EXPECT_NE(find("10.0.1.99").backend_id, find("10.0.1.11").backend_id);
  EXPECT_FALSE(after->column->past.empty());
}

TEST(ClusterState, WeightsKeepTheSlots) {
  ClusterState state = small_cluster();
  const std::vector<std::uint16_t> before = state.active()->forwarding.pools.at(1)->column->owners;
  applied(state, {SetWeight{"web", "b1", 99}});
  next_generation(state);
  const std::vector<std::uint16_t> after = state.active()->forwarding.pools.at(1)->column->owners;
  std::size_t moved = 0;
  for (std::size_t slot = 0; slot < before.size(); ++slot) moved += before[slot] != after[slot] ? 1 : 0;
  EXPECT_GT(moved, 0u);
  EXPECT_LE(moved, 16381u / 300);
}

TEST(ClusterState, BackendIdsAreNeverGivenTwice) {
  ClusterState state = small_cluster();
  const auto id_of = [&](std::string_view address) -> std::uint32_t {
    for (const SharedPool& one : state.active()->forwarding.pools)
      for (const StateMember& member : one->members)
        if (member.address == ip(address)) return member.backend_id;
    return 0;
  };
  const std::uint32_t spare = id_of("10.0.2.11");
  EXPECT_NE(spare, 0u);
  ASSERT_EQ(applied(state, {PutBackend{"web", backend("s1", "10.0.2.11")}}).message, "");
  next_generation(state);
  EXPECT_EQ(id_of("10.0.2.11"), spare) << "one backend in two pools";
  applied(state, {DeletePool{"spare"}});
  next_generation(state);
  EXPECT_EQ(id_of("10.0.2.11"), spare);
  EXPECT_EQ(id_of("10.0.3.11"), 0u);
  applied(state, {PutPool{pool("spare", {backend("t1", "10.0.3.11")})}});
  next_generation(state);
  const std::uint32_t newest = id_of("10.0.3.11");
  EXPECT_GT(newest, spare);
  applied(state, {DeletePool{"spare"}});
  next_generation(state);
  applied(state, {PutPool{pool("spare", {backend("u1", "10.0.3.12")})}});
  next_generation(state);
  EXPECT_GT(id_of("10.0.3.12"), newest) << "the newest is not given again either";
}

// A remembered backend at an address that is a service's now would send its packets in circles.
TEST(ClusterState, NobodyIsRememberedAtAServicesAddress) {
  ClusterState state = small_cluster();
  applied(state, {DeleteBackend{"web", "b1"}});
  next_generation(state);
  EXPECT_EQ(state.active()->forwarding.pools.at(1)->members.size(), 4u);
  const std::uint64_t digest = state.active()->forwarding.pools.at(1)->digest;
  ASSERT_EQ(applied(state, {PutService{service("new", "10.0.1.11", 80, "spare")}}).message, "");
  next_generation(state);
  EXPECT_EQ(state.active()->forwarding.pools.at(1)->members.size(), 3u);
  EXPECT_TRUE(check_state(state.active()->forwarding).has_value());
  applied(state, {DeleteService{"new"}});
  next_generation(state);
  EXPECT_EQ(state.active()->forwarding.pools.at(1)->digest, digest) << "and is again";
}

// Two pools may not reach one backend with two MTUs; what one only remembers must not stand against that.
TEST(ClusterState, WhatIsRememberedNeverContradicts) {
  ClusterState state = small_cluster();
  applied(state, {DeleteBackend{"web", "b1"}});
  next_generation(state);
  PoolConfig other = pool("other", {backend("x", "10.0.1.11")});
  other.mtu = 1400;
  ASSERT_EQ(applied(state, {PutPool{other}}).message, "");
  next_generation(state);
  EXPECT_TRUE(check_state(state.active()->forwarding).has_value());
}

TEST(ClusterState, FeatureLevelsNeedEveryBalancer) {
  ClusterState state = small_cluster();
  EXPECT_EQ(applied(state, SetFeatureLevel{1}).code, OutcomeCode::stale);
  EXPECT_EQ(applied(state, SetFeatureLevel{2}).code, OutcomeCode::unsupported);
  applied(state, {PutBalancer{{"lb1", 11, "", 2}}, PutBalancer{{"lb2", 12, "", 2}}});
  EXPECT_EQ(state.feature_level_possible(), 1);
  std::string newer = encode_command(Prepare{9});
  newer[0] = 2;
  EXPECT_EQ(state.apply(state.applied_index() + 1, newer).code, OutcomeCode::unsupported) << "never ignored";
  applied(state, {PutBalancer{{"lb3", 13, "", 2}}});
  EXPECT_EQ(applied(state, SetFeatureLevel{2}).code, OutcomeCode::accepted);
  EXPECT_EQ(applied(state, {PutBalancer{{"lb4", 14, "", 1}}}).code, OutcomeCode::unsupported);
}

TEST(ClusterState, HistoryStaysBounded) {
  ClusterState state = small_cluster();
  for (std::uint16_t i = 0; i < 2 * limits::history_max; ++i) applied(state, {SetWeight{"web", "b1", i}});
  EXPECT_EQ(state.history().size(), limits::history_max);
  const std::uint64_t oldest = state.history().front().revision;
  EXPECT_EQ(state.config_at(oldest).value().pools.at(1).members.at(0).weight, oldest - 2);
  EXPECT_FALSE(state.config_at(oldest - 1).has_value());
  EXPECT_EQ(applied(state, {Rollback{oldest - 1}}).code, OutcomeCode::not_found);
  EXPECT_EQ(applied(state, {Rollback{oldest}}).code, OutcomeCode::accepted);
  EXPECT_EQ(state.find_backend("web", "b1").value()->weight, oldest - 2);
}

TEST(ClusterState, TextsThatDoNotFitAreRefused) {
  ClusterState state = small_cluster();
  Change long_one = change({SetWeight{"web", "b1", 1}});
  long_one.comment = std::string(limits::comment_bytes_max + 1, 'x');
  EXPECT_EQ(applied(state, long_one).code, OutcomeCode::invalid);
  EXPECT_EQ(state.audit().back().comment.size(), limits::comment_bytes_max);
  long_one.comment = "two\nlines";
  EXPECT_EQ(applied(state, long_one).code, OutcomeCode::invalid);
  EXPECT_EQ(applied(state, std::vector<Operation>{}).code, OutcomeCode::invalid);
  EXPECT_EQ(applied(state, {SetPolicy{{101, 5, 3000}}}).code, OutcomeCode::invalid);
  EXPECT_EQ(applied(state, {PutBalancer{{"lb9", 11, "", 1}}}).code, OutcomeCode::conflict) << "lb1's node id";
}

TEST(ClusterState, SeedsAreChecked) {
  ClusterSeed seed{"", "x"};
  EXPECT_FALSE(ClusterState::make(seed).has_value());
  seed.cluster_id = "a b";
  EXPECT_FALSE(ClusterState::make(seed).has_value());
  seed = {"ab", "-"};
  EXPECT_FALSE(ClusterState::make(seed).has_value());
  seed.name = "x";
  EXPECT_TRUE(ClusterState::make(seed).has_value());
}

TEST(ClusterState, PlansSayWhatWouldMoveAndMoveNothing) {
  ClusterState state = small_cluster();
  const std::string before = state.snapshot();
  const Plan plan = state.plan(change({DeleteBackend{"web", "b1"}}));
  EXPECT_EQ(state.snapshot(), before);
  EXPECT_EQ(plan.outcome.code, OutcomeCode::accepted);
  EXPECT_EQ(plan.outcome.generation, 2u);
  ASSERT_EQ(plan.pools.size(), 1u);
  EXPECT_EQ(plan.pools[0].moved, plan.pools[0].minimum);
  ASSERT_EQ(plan.pools[0].backends.size(), 4u);
  EXPECT_EQ(plan.pools[0].backends[0].lost, plan.pools[0].moved);
  EXPECT_EQ(plan.pools[0].backends[0].slots_after, 0u);
  EXPECT_EQ(plan.pools[0].backends[1].lost, 0u);
  ASSERT_EQ(plan.changes.size(), 1u);
  EXPECT_EQ(plan.changes[0].name, "web/b1");
  // What it said is what comes.
  applied(state, {DeleteBackend{"web", "b1"}});
  next_generation(state);
  std::uint32_t gained = 0;
  for (const PlannedBackend& one : plan.pools[0].backends) {
    gained += one.gained;
    for (const SlotTable::Member& member : state.active()->pools.at("web")->slots->members()) {
      if (member.identity.starts_with(one.name + '@')) {
        EXPECT_EQ(member.slots, one.slots_after);
      }
    }
  }
  EXPECT_EQ(gained, plan.pools[0].moved);
}

TEST(ClusterState, PlansListTheGuards) {
  const ClusterState state = small_cluster();
  Change all = change({ReplaceAll{{pool("web", {})}, {service("www", "203.0.113.10", 80, "web")}}});
  Plan plan = state.plan(all);
  EXPECT_EQ(plan.outcome.code, OutcomeCode::guard);
  EXPECT_EQ(plan.guards.size(), 2u);
  EXPECT_EQ(plan.pools.size(), 2u) << "and what would move if it was forced";
  all.force = true;
  plan = state.plan(all);
  EXPECT_EQ(plan.outcome.code, OutcomeCode::accepted);
  EXPECT_EQ(plan.guards.size(), 2u);
}

}  // namespace
}  // namespace sluice::model
