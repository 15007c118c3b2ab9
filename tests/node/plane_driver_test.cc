// SPDX-License-Identifier: Apache-2.0
#include "plane_driver.h"

#include <gtest/gtest.h>

namespace sluice::node {
namespace {

std::shared_ptr<const ForwardingState> state(std::uint64_t generation, StatePhase phase) {
  auto made = std::make_shared<ForwardingState>();
  made->generation = generation;
  made->phase = phase;
  made->table_hash = generation * 7;
  return made;
}

TEST(PlaneDriver, ToldNothingOlderThanItHasWhileWeAreBehind) {
  PlaneDriver driver;
  driver.connected("xdp", Generation(57), StatePhase::prepared);
  EXPECT_EQ(driver.progress().active, Generation(56));
  for (const auto& old :
       {state(40, StatePhase::active), state(57, StatePhase::active), state(56, StatePhase::active)}) {
    driver.want(old);
    const bool is_older = old->generation < 57;
    EXPECT_EQ(driver.take_next(Uptime(0), Knowledge::behind) == nullptr, is_older) << old->generation;
    if (!is_older) {
      driver.lost();
      driver.connected("xdp", Generation(57), StatePhase::prepared);
    }
  }
}

TEST(PlaneDriver, TheClustersWordCountsOnceItIsKnown) {
  PlaneDriver driver;
  driver.connected("xdp", Generation(57), StatePhase::active);
  driver.want(state(3, StatePhase::active));
  ASSERT_NE(driver.take_next(Uptime(0), Knowledge::current), nullptr);
  // What the plane has is not of this cluster: it is not counted in before it has taken what is.
  EXPECT_EQ(driver.progress().prepared, Generation(0));
  driver.published();
  EXPECT_EQ(driver.progress().active, Generation(3));
  EXPECT_EQ(driver.table_hash(), 21U);
}

TEST(PlaneDriver, OneAtATimeAndTheNewestNext) {
  PlaneDriver driver;
  EXPECT_EQ(driver.take_next(Uptime(0), Knowledge::current), nullptr);
  driver.connected("dpdk", Generation(0), StatePhase::active);
  driver.want(state(1, StatePhase::active));
  ASSERT_NE(driver.take_next(Uptime(0), Knowledge::current), nullptr);
  driver.want(state(2, StatePhase::prepared));
  driver.want(state(2, StatePhase::active));
  EXPECT_EQ(driver.take_next(Uptime(0), Knowledge::current), nullptr);
  driver.published();
  const auto next = driver.take_next(Uptime(0), Knowledge::current);
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->phase, StatePhase::active);
  driver.published();
  EXPECT_EQ(driver.take_next(Uptime(0), Knowledge::current), nullptr);
}

TEST(PlaneDriver, ARefusedOneIsTriedAgainLater) {
  PlaneDriver driver;
  driver.connected("xdp", Generation(0), StatePhase::active);
  driver.want(state(1, StatePhase::active));
  ASSERT_NE(driver.take_next(Uptime(100), Knowledge::current), nullptr);
  driver.refused("no room", Uptime(100));
  EXPECT_EQ(driver.trouble(), "no room");
  EXPECT_EQ(driver.take_next(Uptime(100), Knowledge::current), nullptr);
  EXPECT_NE(driver.take_next(Uptime(100) + PlaneDriver::retry_after, Knowledge::current), nullptr);
}

}  // namespace
}  // namespace sluice::node
