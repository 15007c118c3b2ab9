// SPDX-License-Identifier: Apache-2.0
#include "lease.h"

#include <gtest/gtest.h>

namespace sluice::node {
namespace {

TEST(LeaseHolder, CountsFromWhenItAsked) {
  LeaseHolder lease(Uptime{1000});
  EXPECT_FALSE(lease.is_held(Uptime{0}));
  lease.asked(1, Uptime{100});
  lease.asked(2, Uptime{300});
  lease.granted(1);  // the answer took its time
  EXPECT_EQ(lease.until(), Uptime{1100});
  EXPECT_TRUE(lease.is_held(Uptime{1099}));
  EXPECT_FALSE(lease.is_held(Uptime{1100}));
  lease.granted(2);
  EXPECT_EQ(lease.until(), Uptime{1300});
}

TEST(LeaseHolder, OldAnswersAndThoseToNobodyChangeNothing) {
  LeaseHolder lease(Uptime{1000});
  lease.asked(5, Uptime{100});
  lease.asked(6, Uptime{200});
  lease.granted(6);
  lease.granted(5);
  EXPECT_EQ(lease.until(), Uptime{1200});
  lease.granted(7);
  EXPECT_EQ(lease.until(), Uptime{1200});
}

}  // namespace
}  // namespace sluice::node
