// SPDX-License-Identifier: Apache-2.0
#include "slot_lists.h"

#include <gtest/gtest.h>

#include "random_pool.h"

namespace sluice {
namespace {

std::vector<std::uint16_t> ids(const SlotOwners& owners) {
  return {owners.all().begin(), owners.all().end()};
}
using Ids = std::vector<std::uint16_t>;

TEST(SlotOwners, PutFirstKeepsTheOrderOfTheOthers) {
  SlotOwners owners;
  EXPECT_EQ(owners.size(), 0u);
  for (const std::uint16_t id : Ids{1, 2, 3, 4}) owners.put_first(id, 4);
  EXPECT_EQ(ids(owners), (Ids{4, 3, 2, 1}));
  owners.put_first(2, 4);
  EXPECT_EQ(ids(owners), (Ids{2, 4, 3, 1}));
  owners.put_first(2, 4);
  EXPECT_EQ(ids(owners), (Ids{2, 4, 3, 1}));
  owners.put_first(9, 4);
  EXPECT_EQ(ids(owners), (Ids{9, 2, 4, 3}));
}

TEST(SlotOwners, TheLimitForgetsTheOldest) {
  SlotOwners owners;
  for (const std::uint16_t id : Ids{1, 2, 3}) owners.put_first(id, 2);
  EXPECT_EQ(ids(owners), (Ids{3, 2}));
  owners.put_first(2, 2);
  EXPECT_EQ(ids(owners), (Ids{2, 3}));
}

TEST(SlotOwners, ForgetLeavesTheCurrentOwner) {
  SlotOwners owners;
  for (const std::uint16_t id : Ids{1, 2, 3}) owners.put_first(id, 4);
  owners.forget(2);
  EXPECT_EQ(ids(owners), (Ids{3, 1}));
  owners.forget(3);
  EXPECT_EQ(ids(owners), (Ids{3, 1}));
  owners.forget(7);
  owners.forget(1);
  EXPECT_EQ(ids(owners), (Ids{3}));
  EXPECT_TRUE(owners.stable());
}

TEST(SlotLists, PackingLosesNothing) {
  test::RandomPool random(test::seed_from_environment());
  for (int round = 0; round < 200; ++round) {
    std::vector<SlotOwners> lists(1 + random.below(300));
    const std::uint32_t density = 1 + random.below(5);
    for (SlotOwners& owners : lists)
      for (std::uint32_t n = 0; n < 1 + random.below(density); ++n)
        owners.put_first(static_cast<std::uint16_t>(random.below(no_member)), slot_owners_max);
    const SlotLists packed{lists};
    ASSERT_EQ(packed.unpacked(), lists);
    std::uint32_t unstable = 0;
    for (std::uint32_t slot = 0; slot < lists.size(); ++slot) {
      ASSERT_EQ(packed.at(slot), lists[slot]) << slot;
      ASSERT_EQ(packed.current()[slot], lists[slot].current());
      unstable += lists[slot].stable() ? 0 : 1;
    }
    ASSERT_EQ(packed.unstable_count(), unstable);
  }
}

// The promise of the header: 500 pools with a tenth of their slots unstable in 90 MiB.
TEST(SlotLists, FitMemory) {
  std::vector<SlotOwners> lists(65537);
  for (std::size_t slot = 0; slot < lists.size(); ++slot) {
    lists[slot].put_first(1, 4);
    if (slot % 10 == 0) lists[slot].put_first(2, 4);
  }
  EXPECT_LT(SlotLists{lists}.size_bytes() * 500, 90u << 20);
}

}  // namespace
}  // namespace sluice
