// SPDX-License-Identifier: Apache-2.0
// Of the simulator itself: the seed decides everything, and a run meets what it is meant to meet.
#include "simulation.h"

#include "balancer_simulation.h"

#include <gtest/gtest.h>

#include "test_seed.h"

namespace sluice::sim {
namespace {

constexpr std::uint64_t seeds_compared = 12;

TEST(Simulation, SameSeedSameRun) {
  const std::uint64_t first = testing::seed() % 1'000'000'000;
  for (std::uint64_t seed = first; seed < first + seeds_compared; ++seed) {
    const SimOptions options = options_of(seed, 0);
    const SimResult one = simulate(options, TraceMode::hash_only);
    const SimResult two = simulate(options, TraceMode::hash_only);
    const SimResult with_words = simulate(options, TraceMode::last_lines);
    ASSERT_EQ(one.violation.value_or(""), "") << "seed " << seed;
    ASSERT_EQ(one.trace_hash, two.trace_hash) << "seed " << seed;
    ASSERT_EQ(one.events, two.events) << "seed " << seed;
    // Looking changes nothing.
    ASSERT_EQ(one.trace_hash, with_words.trace_hash) << "seed " << seed;
    ASSERT_FALSE(with_words.last_lines.empty());
  }
}

TEST(Simulation, SameSeedSameRunOfBalancers) {
  const std::uint64_t first = testing::seed() % 1'000'000'000;
  for (std::uint64_t seed = first; seed < first + seeds_compared; ++seed) {
    const BalancerOptions options = balancer_options_of(seed, 0);
    const SimResult one = simulate_balancers(options, TraceMode::hash_only);
    const SimResult with_words = simulate_balancers(options, TraceMode::last_lines);
    ASSERT_EQ(one.violation.value_or(""), "") << "seed " << seed;
    ASSERT_EQ(one.trace_hash, with_words.trace_hash) << "seed " << seed;
    ASSERT_EQ(one.events, with_words.events) << "seed " << seed;
    ASSERT_EQ(one.chain_checks, with_words.chain_checks) << "seed " << seed;
  }
}

TEST(Simulation, AnotherSeedAnotherRun) {
  const std::uint64_t first = testing::seed() % 1'000'000'000;
  EXPECT_NE(simulate(options_of(first, 3), TraceMode::hash_only).trace_hash,
            simulate(options_of(first + 1, 3), TraceMode::hash_only).trace_hash);
}

// Seeds without end prove nothing if what they meet is too tame.
TEST(Simulation, MeetsEverything) {
  Counters all;
  std::uint64_t operations = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const SimResult result = simulate(options_of(seed, 0), TraceMode::hash_only);
    all += result.counters;
    operations += result.operations;
  }
  EXPECT_GT(operations, 60u * 50);
  for (const std::uint64_t count : {all.dropped, all.batches_lost, all.elections, all.installs, all.truncations,
                                    all.compactions, all.crashes, all.disk_failures, all.rotten_disks, all.pauses,
                                    all.partitions, all.membership_changes, all.transfers, all.reads})
    EXPECT_GT(count, 5u) << text_of(all);
}

// An owner that is looked for in no list, and a generation that nobody makes, find nothing.
TEST(Simulation, BalancersMeetEverything) {
  Counters all;
  std::uint64_t operations = 0;
  std::uint64_t checks = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const SimResult result = simulate_balancers(balancer_options_of(seed, 0), TraceMode::hash_only);
    all += result.counters;
    operations += result.operations;
    checks += result.chain_checks;
  }
  EXPECT_GT(operations, 60u * 15);
  EXPECT_GT(checks, 60u * 50'000);
  EXPECT_GT(all.generations, 60u * 8);
  // Some flows are older than their slot's history, and very few checks are about such.
  EXPECT_GT(all.outlived, 60u);
  EXPECT_LT(100 * all.outlived, checks);
  for (const std::uint64_t count : {all.dropped, all.batches_lost, all.installs, all.compactions, all.crashes,
                                    all.pauses, all.partitions, all.membership_changes, all.newcomers})
    EXPECT_GT(count, 5u) << text_of(all);
}

}  // namespace
}  // namespace sluice::sim
