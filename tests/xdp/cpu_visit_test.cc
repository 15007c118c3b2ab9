// SPDX-License-Identifier: Apache-2.0
// That it is a grace period is shown under traffic (generations_test.py); here: it goes everywhere, and leaves no
// trace.
#include "cpu_visit.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace sluice {
namespace {

std::string scheduling_of_this_thread() {
  cpu_set_t set;
  sched_param parameters{};
  EXPECT_EQ(sched_getaffinity(0, sizeof set, &set), 0);
  EXPECT_EQ(sched_getparam(0, &parameters), 0);
  std::string text = std::to_string(sched_getscheduler(0)) + "/" + std::to_string(parameters.sched_priority) + "/";
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) text += CPU_ISSET(cpu, &set) ? '1' : '0';
  return text;
}

TEST(CpuVisit, LeavesTheThreadAsItWas) {
  std::thread([] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    const std::string before = scheduling_of_this_thread();
    EXPECT_TRUE(visit_all_cpus());
    EXPECT_EQ(scheduling_of_this_thread(), before);
  }).join();
}

// A CPU that somebody uses up is visited all the same.
TEST(CpuVisit, BusyCpusToo) {
  std::atomic<bool> is_over{false};
  std::vector<std::thread> busy;
  for (unsigned i = 0; i < 2 * std::thread::hardware_concurrency(); ++i)
    busy.emplace_back([&is_over] {
      while (!is_over.load(std::memory_order_relaxed)) {
      }
    });
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(visit_all_cpus());
  is_over = true;
  for (std::thread& one : busy) one.join();
}

}  // namespace
}  // namespace sluice
