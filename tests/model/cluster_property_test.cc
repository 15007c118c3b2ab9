// SPDX-License-Identifier: Apache-2.0
// Random histories of a cluster, and what must hold after every command.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "config_rules.h"
#include "random_changes.h"
#include "test_seed.h"

namespace sluice::model {
namespace {

using namespace test;

constexpr int histories = 6;
constexpr int commands = 120;

// Pool and slot -> whom a packet finds, the one that new flows go to first.
struct SlotView {
  IpAddress owner;
  std::set<IpAddress> all;
};
std::map<std::string, std::vector<SlotView>> views_of(const ForwardingState& state) {
  std::map<std::string, std::vector<SlotView>> views;
  for (const SharedPool& pool : state.pools) {
    std::vector<SlotView>& slots = views[pool->name];
    auto past = pool->column->past.begin();
    for (std::uint32_t slot = 0; slot < pool->column->owners.size(); ++slot) {
      SlotView& view = slots.emplace_back();
      view.owner = pool->members.at(pool->column->owners[slot]).address;
      view.all = {view.owner};
      if (past == pool->column->past.end() || past->slot != SlotIndex(slot)) continue;
      for (const std::uint16_t one : past->members)
        if (one != SLUICE_MEMBER_NONE) view.all.insert(pool->members.at(one).address);
      ++past;
    }
  }
  return views;
}

std::vector<IpAddress> owner_addresses(const StatePool& pool) {
  std::vector<IpAddress> addresses;
  for (const std::uint16_t owner : pool.column->owners) addresses.push_back(pool.members.at(owner).address);
  return addresses;
}

// What a plane would check.
Status check_whole(const ForwardingState& state) {
  for (const SharedPool& pool : state.pools)
    if (Status checked = check_pool(*pool); !checked) return checked;
  return check_state(state);
}

// Whoever gets a new flow in one form is found in the other, as far as both have a table of the pool.
void expect_cover(const ForwardingState& a, const ForwardingState& b) {
  const auto from = views_of(a);
  const auto to = views_of(b);
  for (const auto& [name, slots] : from) {
    const auto other = to.find(name);
    if (other == to.end() || other->second.size() != slots.size()) continue;
    for (std::size_t slot = 0; slot < slots.size(); ++slot)
      ASSERT_EQ(other->second[slot].all.count(slots[slot].owner), 1u)
          << name << " slot " << slot << ": " << slots[slot].owner.to_string();
  }
}

// Then a backend that one pool remembers and another one has may be left out of the lists (forget_contradictions).
bool has_mixed_mtu(const GenerationTables& tables) {
  std::set<std::uint16_t> mtus;
  for (const auto& [name, table] : tables.pools) mtus.insert(table->config->mtu);
  return mtus.size() > 1;
}

// Settings decide which backends can be sent to, and services which addresses: a change of these together with backends
// is not covered, and says so in docs/model.md.
bool has_same_settings(const GenerationTables& a, const GenerationTables& b) {
  if (*a.services != *b.services && a.facts->vips != b.facts->vips) return false;
  for (const auto& [name, table] : a.pools) {
    const auto other = b.pools.find(name);
    if (other == b.pools.end()) continue;
    const PoolConfig& one = *table->config;
    const PoolConfig& two = *other->second->config;
    if (one.encapsulation != two.encapsulation || one.mtu != two.mtu) return false;
    if (!(a.facts->of(name) == b.facts->of(name))) return false;
  }
  return true;
}

TEST(ClusterProperty, ForwardingStatesAreAlwaysGoodAndCoverEachOther) {
  RandomCommands random(sluice::testing::seed());
  int covered = 0;
  for (int history = 0; history < 3 * histories; ++history) {
    ClusterState state = new_cluster();
    for (int i = 0; i < commands; ++i) {
      applied(state, random.next(state));
      ASSERT_TRUE(state.verify_audit().has_value());
      const ForwardingState active = *state.forwarding_state(StatePhase::active);
      if (active.generation > 0) {
        const Status good = check_whole(active);
        ASSERT_TRUE(good.has_value()) << good.error().context;
      }
      const std::optional<ForwardingState> prepared = state.forwarding_state(StatePhase::prepared);
      if (!prepared) continue;
      const Status good = check_whole(*prepared);
      ASSERT_TRUE(good.has_value()) << good.error().context;
      for (std::size_t at = 0; at < active.pools.size(); ++at)
        ASSERT_EQ(owner_addresses(*active.pools[at]), owner_addresses(*prepared->pools[at])) << "new flows stay";
      expect_cover(active, *prepared);
      expect_cover(*prepared, active);
      if (!has_same_settings(*state.active(), *state.prepared()) || has_mixed_mtu(*state.active()) ||
          has_mixed_mtu(*state.prepared()))
        continue;
      ++covered;
      const ForwardingState& coming = state.prepared()->forwarding;
      expect_cover(*prepared, coming);
      expect_cover(coming, *prepared);
      expect_cover(active, coming);
    }
  }
  EXPECT_GT(covered, 5);
}

TEST(ClusterProperty, EqualCommandsGiveEqualStatesAndSnapshotsTheSameFuture) {
  RandomCommands random(sluice::testing::seed());
  for (int history = 0; history < histories; ++history) {
    ClusterState one = new_cluster();
    ClusterState two = new_cluster();
    for (int i = 0; i < commands; ++i) {
      const Command command = random.next(one);
      const Outcome outcome = applied(one, command);
      ASSERT_EQ(outcome, applied(two, command));
      if (random.below(12) != 0) continue;
      const std::string bytes = one.snapshot();
      ASSERT_EQ(bytes, two.snapshot());
      Result<ClusterState> again = ClusterState::restore(bytes);
      ASSERT_TRUE(again.has_value()) << again.error().context;
      ASSERT_EQ(again->snapshot(), bytes);
      two = std::move(*again);
      for (const StatePhase phase : {StatePhase::active, StatePhase::prepared}) {
        const auto left = one.forwarding_state(phase);
        const auto right = two.forwarding_state(phase);
        ASSERT_EQ(left.has_value(), right.has_value());
        if (!left) continue;
        ASSERT_EQ(left->table_hash, right->table_hash);
        ASSERT_EQ(left->pools.size(), right->pools.size());
        for (std::size_t at = 0; at < left->pools.size(); ++at)
          ASSERT_EQ(left->pools[at]->digest, right->pools[at]->digest) << left->pools[at]->name;
        ASSERT_EQ(left->services->list, right->services->list);
      }
    }
    ASSERT_EQ(one.snapshot(), two.snapshot());
  }
}

// Only the changed objects and their neighbours are looked at. Whoever looks at everything must come to the same end.
TEST(ClusterProperty, RulesHoldForTheWholeAfterEveryChange) {
  RandomCommands random(sluice::testing::seed());
  int accepted = 0;
  int invalid = 0;
  for (int history = 0; history < 4 * histories; ++history) {
    ClusterState state = new_cluster();
    for (int i = 0; i < commands; ++i) {
      const Outcome outcome = applied(state, random.next_change(state));
      accepted += outcome.code == OutcomeCode::accepted ? 1 : 0;
      invalid += outcome.code == OutcomeCode::invalid ? 1 : 0;
      std::vector<const PoolConfig*> pools;
      std::size_t backends = 0;
      for (const auto& [name, pool] : state.pools()) {
        pools.push_back(pool.get());
        backends += pool->members.size();
      }
      std::vector<ServiceToCheck> services;
      for (const auto& [name, service] : state.services()) services.push_back({&service->config, service->pool});
      ASSERT_EQ(faults_of(pools, services), std::vector<std::string>{});
      ASSERT_EQ(state.backends_count(), backends);
    }
  }
  EXPECT_GT(accepted, 100);
  EXPECT_GT(invalid, 100);
}

TEST(ClusterProperty, PlansForetellOutcomes) {
  RandomCommands random(sluice::testing::seed());
  ClusterState state = new_cluster();
  for (int i = 0; i < 4 * commands; ++i) {
    Command command = random.next(state);
    auto* change = std::get_if<Change>(&command);
    if (change == nullptr) {
      applied(state, command);
      continue;
    }
    change->request_id = {};
    const Plan plan = state.plan(*change);
    const Outcome outcome = applied(state, command);
    ASSERT_EQ(plan.outcome.code, outcome.code);
    ASSERT_EQ(plan.outcome.message, outcome.message);
    if (outcome.ok()) {
      ASSERT_EQ(plan.outcome.revision, outcome.revision);
    }
    for (const PlannedPool& pool : plan.pools) ASSERT_EQ(pool.moved, pool.minimum);
  }
}

TEST(ClusterProperty, RandomAndDamagedBytesAreOutcomes) {
  RandomCommands random(sluice::testing::seed());
  ClusterState state = small_cluster();
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = encode_command(random.next(state));
    if (random.below(4) == 0) bytes = std::string(random.below(40), static_cast<char>(random.below(256)));
    for (std::uint64_t flips = random.below(3); flips > 0 && !bytes.empty(); --flips)
      bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    const std::uint64_t index = state.applied_index() + 1;
    const Outcome outcome = state.apply(index, bytes);
    ASSERT_EQ(state.applied_index(), index);
    ASSERT_EQ(outcome.message.find('\n'), std::string::npos);
    ASSERT_EQ(outcome.ok(), outcome.message.empty());
  }
}

// History is kept as differences: going back through it must give what was there.
TEST(ClusterProperty, HistoryGivesEveryKeptRevision) {
  RandomCommands random(sluice::testing::seed());
  ClusterState state = new_cluster();
  std::map<std::uint64_t, std::string> texts = {{0, print_config(state.config_at(0).value())}};
  for (int i = 0; i < 3 * commands; ++i) {
    applied(state, random.next_change(state));
    texts[state.revision()] = print_config(config_of(state.pools(), state.services()));
  }
  for (const RevisionInfo& info : state.history())
    ASSERT_EQ(print_config(state.config_at(info.revision).value()), texts.at(info.revision)) << info.revision;
}

}  // namespace
}  // namespace sluice::model
