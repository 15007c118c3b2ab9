// SPDX-License-Identifier: Apache-2.0
#include "generation_driver.h"

#include <gtest/gtest.h>

namespace sluice::node {
namespace {

using Kind = GenerationStep::Kind;
const raft::NodeId a(1), b(2), c(3);
const std::vector<raft::NodeId> all = {a, b, c};

PlaneProgress at(std::uint64_t active, std::uint64_t prepared) {
  return {true, Generation(active), Generation(prepared)};
}

struct Driver : GenerationDriver {
  Driver() : GenerationDriver(Options{Uptime{1000}, Uptime{100}, Uptime{5}}) { start(Uptime{0}); }
  void all_at(std::uint64_t active, std::uint64_t prepared, Uptime now) {
    for (const raft::NodeId node : all) heard(node, at(active, prepared), now, LeaseGrant::granted);
  }
};

TEST(GenerationDriver, AChangeThatComesAloneGoesAtOnceAndOneBehindAnotherInAMoment) {
  Driver driver;
  GenerationStep step = driver.decide({Generation(3), std::nullopt, false}, all, Uptime{10});
  EXPECT_EQ(step.kind, Kind::none);
  EXPECT_FALSE(step.due);
  step = driver.decide({Generation(3), std::nullopt, true}, all, Uptime{20});
  EXPECT_EQ(step.kind, Kind::prepare);
  EXPECT_EQ(step.generation, Generation(4));
  driver.all_at(3, 4, Uptime{25});
  EXPECT_EQ(driver.decide({Generation(3), Generation(4), true}, all, Uptime{25}).kind, Kind::activate);
  step = driver.decide({Generation(4), std::nullopt, true}, all, Uptime{30});
  EXPECT_EQ(step.kind, Kind::none);
  EXPECT_EQ(step.due, Uptime{35});
  EXPECT_EQ(driver.decide({Generation(4), std::nullopt, true}, all, Uptime{34}).kind, Kind::none);
  EXPECT_EQ(driver.decide({Generation(4), std::nullopt, true}, all, Uptime{35}).kind, Kind::prepare);
}

TEST(GenerationDriver, ActivatesWhenAllKnow) {
  Driver driver;
  driver.all_at(3, 3, Uptime{10});
  const GenerationView view{Generation(3), Generation(4), false};
  EXPECT_EQ(driver.decide(view, all, Uptime{20}).kind, Kind::none);
  driver.heard(a, at(3, 4), Uptime{20}, LeaseGrant::granted);
  driver.heard(b, at(3, 4), Uptime{20}, LeaseGrant::granted);
  EXPECT_EQ(driver.decide(view, all, Uptime{20}).kind, Kind::none);
  driver.heard(c, at(3, 4), Uptime{21}, LeaseGrant::granted);
  const GenerationStep step = driver.decide(view, all, Uptime{21});
  EXPECT_EQ(step.kind, Kind::activate);
  EXPECT_TRUE(step.laggards.empty());
}

TEST(GenerationDriver, WaitsForASilentOneAsLongAsItsLease) {
  Driver driver;
  driver.all_at(3, 3, Uptime{500});
  driver.heard(a, at(3, 4), Uptime{1400}, LeaseGrant::granted);
  driver.heard(b, at(3, 4), Uptime{1400}, LeaseGrant::granted);
  const GenerationView view{Generation(3), Generation(4), false};
  EXPECT_EQ(driver.decide(view, all, Uptime{1599}).kind, Kind::none);
  const GenerationStep step = driver.decide(view, all, Uptime{1600});
  EXPECT_EQ(step.kind, Kind::activate);
  EXPECT_EQ(step.laggards, std::vector<raft::NodeId>{c});
}

TEST(GenerationDriver, ALeaseThatIsWithheldIsNotProlonged) {
  Driver driver;
  driver.all_at(3, 4, Uptime{500});
  driver.heard(c, at(3, 3), Uptime{500}, LeaseGrant::granted);
  for (Uptime now{600}; now < Uptime{1600}; now += Uptime{100}) driver.heard(c, at(3, 3), now, LeaseGrant::withheld);
  EXPECT_EQ(driver.decide({Generation(3), Generation(4), false}, all, Uptime{1600}).kind, Kind::activate);
}

TEST(GenerationDriver, ANewLeaderKnowsNothingOfOlderLeases) {
  Driver driver;
  driver.start(Uptime{5000});
  driver.heard(a, at(3, 4), Uptime{5001}, LeaseGrant::granted);
  driver.heard(b, at(3, 4), Uptime{5001}, LeaseGrant::granted);
  const GenerationView view{Generation(3), Generation(4), false};
  EXPECT_EQ(driver.decide(view, all, Uptime{6099}).kind, Kind::none);
  EXPECT_EQ(driver.decide(view, all, Uptime{6100}).kind, Kind::activate);
}

TEST(GenerationDriver, NobodyWaitsForWhoForwardsNothing) {
  Driver driver;
  driver.all_at(3, 4, Uptime{10});
  driver.heard(c, {false, Generation(0), Generation(0)}, Uptime{10}, LeaseGrant::granted);
  EXPECT_EQ(driver.decide({Generation(3), Generation(4), false}, all, Uptime{11}).kind, Kind::activate);
}

TEST(GenerationDriver, WhoIsRemovedIsWaitedForAsLongAsItMayForward) {
  GenerationDriver driver(GenerationDriver::Options{});
  const Uptime over = GenerationDriver::Options{}.lease + GenerationDriver::Options{}.margin;
  const raft::NodeId stays(1);
  const raft::NodeId leaves(2);
  const GenerationView view{Generation(4), Generation(5), false};
  const PlaneProgress old{true, Generation(4), Generation(4)};
  const PlaneProgress knows{true, Generation(4), Generation(5)};
  driver.start(Uptime{1000});
  driver.heard(stays, knows, Uptime{20000}, LeaseGrant::granted);
  driver.heard(leaves, old, Uptime{20000}, LeaseGrant::granted);
  driver.left(leaves, Uptime{20100});
  driver.keep_only({stays});
  EXPECT_EQ(driver.decide(view, {stays}, Uptime{20200}).kind, GenerationStep::Kind::none);
  const GenerationStep step = driver.decide(view, {stays}, Uptime{20100} + over);
  EXPECT_EQ(step.kind, GenerationStep::Kind::activate);
  EXPECT_TRUE(step.laggards.empty());
  // One who knows already holds nobody up.
  driver.heard(leaves, knows, Uptime{30000}, LeaseGrant::granted);
  driver.left(leaves, Uptime{30000});
  EXPECT_EQ(driver.decide(view, {stays}, Uptime{30100}).kind, GenerationStep::Kind::activate);
  // The next leader has heard nothing of it, and waits.
  driver.left(leaves, Uptime{40000});
  driver.start(Uptime{40100});
  driver.heard(stays, knows, Uptime{40100}, LeaseGrant::granted);
  EXPECT_EQ(driver.decide(view, {stays}, Uptime{40200}).kind, GenerationStep::Kind::none);
}

}  // namespace
}  // namespace sluice::node
