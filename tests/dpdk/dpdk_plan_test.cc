// SPDX-License-Identifier: Apache-2.0
// What sluice-dpdk decides before it starts anything. Without EAL.
#include <gtest/gtest.h>

#include "eal.h"
#include "port.h"
#include "tsc_clock.h"
#include "worker_plan.h"

namespace sluice {
namespace {

using Cpus = std::vector<std::uint16_t>;

DpdkConfig config_of(std::uint16_t workers, Cpus cpus = {}) {
  DpdkConfig config;
  config.workers = workers;
  config.cpus = std::move(cpus);
  return config;
}

TEST(CpuPlan, TakesTheLastCpusAndLeavesTheRestToControl) {
  const auto plan = plan_cpus(config_of(2), Cpus{0, 1, 2, 5});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->workers, (Cpus{2, 5}));
  EXPECT_EQ(plan->control, (Cpus{0, 1}));
  EXPECT_FALSE(plan->is_shared);
}

TEST(CpuPlan, FollowsTheConfiguredOrder) {
  const auto plan = plan_cpus(config_of(2, {3, 1}), Cpus{0, 1, 2, 3});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->workers, (Cpus{3, 1}));
  EXPECT_EQ(plan->control, (Cpus{0, 2}));
}

TEST(CpuPlan, ControlSharesIfEveryCpuIsAWorkers) {
  const auto plan = plan_cpus(config_of(2), Cpus{4, 6});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->control, (Cpus{4, 6}));
  EXPECT_TRUE(plan->is_shared);
}

TEST(CpuPlan, RefusesWhatTheProcessMayNotHave) {
  const auto too_many = plan_cpus(config_of(3), Cpus{0, 1});
  ASSERT_FALSE(too_many);
  EXPECT_NE(too_many.error().context.find("workers = 3"), std::string::npos);
  EXPECT_NE(too_many.error().context.find("2 CPUs (0, 1)"), std::string::npos);
  const auto other = plan_cpus(config_of(1, {7}), Cpus{0, 1});
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().context.find("CPU 7; it may on 0, 1"), std::string::npos);
}

TEST(QueuePlan, EveryQueueHasExactlyOneWorkerAndNobodyHasTwoMore) {
  for (std::uint16_t workers = 1; workers <= 5; ++workers) {
    const std::vector<std::uint16_t> queues = {1, 4, 2};
    const auto plan = spread_queues(queues, workers);
    ASSERT_EQ(plan.size(), workers);
    std::size_t most = 0;
    std::size_t least = 99;
    std::vector<QueuePlace> all;
    for (const auto& one : plan) {
      most = std::max(most, one.size());
      least = std::min(least, one.size());
      all.insert(all.end(), one.begin(), one.end());
    }
    EXPECT_LE(most - least, 1u);
    EXPECT_EQ(all.size(), 7u);
    for (std::uint16_t port = 0; port < queues.size(); ++port) {
      for (std::uint16_t queue = 0; queue < queues[port]; ++queue)
        EXPECT_EQ(std::count(all.begin(), all.end(), QueuePlace{port, queue}), 1);
    }
  }
}

TEST(Device, HasArguments) {
  EXPECT_EQ(device_argument("net_af_packet0,iface=eth0,qpairs=2", "qpairs"), "2");
  EXPECT_EQ(device_argument("net_af_packet0,iface=eth0", "iface"), "eth0");
  EXPECT_EQ(device_argument("net_null0", "iface"), "");
  EXPECT_EQ(device_argument("net_af_xdp0,xiface=eth1", "iface"), "");
}

TEST(Lcores, ControlFirstThenAWorkerEach) {
  EXPECT_EQ(lcores_text(Cpus{0}, Cpus{1}), "0@0,1@1");
  EXPECT_EQ(lcores_text(Cpus{0, 2, 9}, Cpus{4, 3}), "0@(0,2,9),1@4,2@3");
  EXPECT_EQ(lcores_text(Cpus{1, 2}, Cpus{}), "0@(1,2)");
}

TEST(Clock, TicksAreSeconds) {
  const std::uint64_t hz = 2596121000;
  const TscClock clock(hz);
  EXPECT_EQ(clock.tick(0), 0u);
  for (const std::uint64_t second : {1ull, 2ull, 1000ull, 86400ull * 365}) {
    EXPECT_EQ(clock.tick(second * hz + hz / 2), second);
    EXPECT_EQ(clock.tick(second * hz - hz / 2), second - 1);
  }
  EXPECT_NEAR(static_cast<double>(clock.cycles(std::chrono::microseconds(100))), 259612, 100);
}

}  // namespace
}  // namespace sluice
