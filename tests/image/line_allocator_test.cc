// SPDX-License-Identifier: Apache-2.0
#include "line_allocator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "test_seed.h"

namespace sluice {
namespace {

TEST(LineAllocator, ReusesWhatComesBack) {
  LineAllocator lines(10);
  EXPECT_EQ(lines.allocate(4), 0U);
  EXPECT_EQ(lines.allocate(6), 4U);
  EXPECT_EQ(lines.allocate(1), std::nullopt);
  lines.release(0, 4);
  lines.release(4, 6);
  EXPECT_EQ(lines.allocate(10), 0U);
}

TEST(LineAllocator, TakesOnlyWhatIsFree) {
  LineAllocator lines(10);
  EXPECT_TRUE(lines.take(3, 2));
  EXPECT_FALSE(lines.take(4, 1));
  EXPECT_FALSE(lines.take(9, 2));
  EXPECT_EQ(lines.allocate(5), 5U);
  EXPECT_EQ(lines.free_lines(), 3U);
}

TEST(LineAllocator, NeverHandsOutALineTwice) {
  constexpr std::uint32_t size = 200;
  std::mt19937_64 random(testing::seed());
  LineAllocator lines(size);
  std::vector<int> owner(size, 0);
  std::vector<std::pair<std::uint32_t, std::uint32_t>> runs;
  for (int step = 0; step < 20000; ++step) {
    if (random() % 2 == 0) {
      const auto count = static_cast<std::uint32_t>(1 + random() % 20);
      if (const auto first = lines.allocate(count)) {
        for (std::uint32_t i = *first; i < *first + count; ++i) ASSERT_EQ(owner.at(i)++, 0);
        runs.emplace_back(*first, count);
      }
    } else if (!runs.empty()) {
      std::swap(runs[random() % runs.size()], runs.back());
      const auto [first, count] = runs.back();
      runs.pop_back();
      for (std::uint32_t i = first; i < first + count; ++i) --owner[i];
      lines.release(first, count);
    }
    ASSERT_EQ(lines.free_lines(), static_cast<std::uint32_t>(std::count(owner.begin(), owner.end(), 0)));
  }
}

}  // namespace
}  // namespace sluice
