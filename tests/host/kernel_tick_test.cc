// SPDX-License-Identifier: Apache-2.0
#include "kernel_tick.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(KernelTick, ShiftOfEveryUsualHz) {
  EXPECT_EQ(tick_shift_for(100), 7U);
  EXPECT_EQ(tick_shift_for(250), 8U);
  EXPECT_EQ(tick_shift_for(300), 8U);
  EXPECT_EQ(tick_shift_for(1000), 10U);
  EXPECT_EQ(tick_shift_for(1), 0U);
  for (std::uint32_t hz = 24; hz <= 10000; ++hz) {
    const double seconds = static_cast<double>(1U << tick_shift_for(hz)) / hz;
    ASSERT_GT(seconds, 0.70) << hz;
    ASSERT_LT(seconds, 1.42) << hz;
  }
}

TEST(KernelTick, OfThisKernel) {
  const Result<std::uint32_t> hz = kernel_hz();
  ASSERT_TRUE(hz);
  EXPECT_TRUE(*hz == 100 || *hz == 250 || *hz == 300 || *hz == 1000) << *hz;
}

}  // namespace
}  // namespace sluice
