// SPDX-License-Identifier: Apache-2.0
// What the step rule promises, case by case. Random histories: slot_property_test.cc.
#include "slot_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "maglev.h"
#include "random_pool.h"

namespace sluice {
namespace {

using test::equal_members;

SlotTable filled(const std::vector<SlotMember>& members, std::uint32_t slots_count = 65537,
                 std::size_t owners_max = 3) {
  SlotTable table = SlotTable::make({slots_count, owners_max}).value();
  EXPECT_TRUE(table.step(members).has_value());
  return table;
}

std::vector<std::uint16_t> copy(std::span<const std::uint16_t> owners) {
  return {owners.begin(), owners.end()};
}

std::vector<SlotMember> without(std::vector<SlotMember> members, std::size_t index) {
  members.erase(members.begin() + static_cast<std::ptrdiff_t>(index));
  return members;
}

TEST(SlotTable, FirstFillIsMaglevs) {
  const std::vector<SlotMember> members = {{"c", 5}, {"a", 1}, {"b", 3}};
  const SlotTable table = filled(members);
  const MaglevFill fill = maglev_fill(members, 65537).value();
  for (std::uint32_t slot = 0; slot < 65537; ++slot)
    ASSERT_EQ(table.members()[table.owners()[slot]].identity, members[fill.owners[slot]].identity);
  EXPECT_TRUE(table.unstable().empty());
}

TEST(SlotTable, EveryKindOfChangeMovesTheMinimum) {
  const std::vector<SlotMember> hundred = equal_members(100);
  std::vector<SlotMember> one_at_99 = hundred, one_at_50 = hundred, joined = hundred;
  one_at_99[7].weight = 99;
  one_at_50[7].weight = 50;
  joined.push_back({"new", 100});
  for (const auto& after : {without(hundred, 7), one_at_99, one_at_50, joined, hundred}) {
    SlotTable table = filled(hundred);
    const StepReport report = table.step(after).value();
    EXPECT_EQ(report.moved, report.minimum);
  }
}

TEST(SlotTable, ReturningMemberGetsItsOwnSlotsBack) {
  std::vector<SlotMember> members = equal_members(10);
  members[3].weight = 250;
  SlotTable table = filled(members);
  const std::vector<std::uint16_t> before = copy(table.owners());
  const std::uint16_t id = *table.find("b3");
  const StepReport left = table.step(without(members, 3)).value();
  EXPECT_EQ(left.moved, left.minimum);
  EXPECT_EQ(table.find("b3"), id) << "remembered, so its id stays";
  const StepReport back = table.step(members).value();
  EXPECT_EQ(back.moved, left.moved);
  EXPECT_EQ(back.returned, back.moved);
  EXPECT_EQ(copy(table.owners()), before);
}

TEST(SlotTable, SeveralLeaveAndReturnInReverse) {
  const std::vector<SlotMember> members = equal_members(12);
  SlotTable table = filled(members, 65537, 4);
  const std::vector<std::uint16_t> before = copy(table.owners());
  std::vector<SlotMember> now = members;
  for (const std::size_t gone : {2U, 5U, 8U}) {
    now[gone].weight = 0;
    ASSERT_TRUE(table.step(now).has_value());
  }
  for (const std::size_t back : {8U, 5U, 2U}) {
    now[back].weight = 100;
    const StepReport report = table.step(now).value();
    EXPECT_EQ(report.returned, report.moved);
  }
  EXPECT_EQ(copy(table.owners()), before);
}

// The slots of one that leaves go to everybody in proportion, whatever stretch of the table one looks at.
TEST(SlotTable, LeavingMembersSlotsAreSpread) {
  std::vector<SlotMember> members = equal_members(10);
  members[0].weight = 300;
  SlotTable table = filled(members);
  const std::vector<std::uint16_t> before = copy(table.owners());
  members[4].weight = 0;
  ASSERT_TRUE(table.step(members).has_value());
  const std::uint16_t heavy = *table.find("b0"), gone = *table.find("b4");
  for (std::size_t quarter = 0; quarter < 4; ++quarter) {
    std::vector<double> gained(10);
    double given = 0;
    for (std::size_t slot = quarter * 16384; slot < (quarter + 1) * 16384; ++slot) {
      if (before[slot] != gone) continue;
      ++given;
      ++gained[table.owners()[slot]];
    }
    for (std::uint16_t id = 0; id < 10; ++id) {
      if (id == gone) continue;
      const double expected = given * (id == heavy ? 3 : 1) / 11;
      EXPECT_NEAR(gained[id], expected, expected / 3) << "quarter " << quarter << " id " << id;
    }
  }
}

// Two leave at once: each one's slots go to all who stay, not one's to some and the other's to others.
TEST(SlotTable, TwoLeavingMembersAreBothSpread) {
  std::vector<SlotMember> members = equal_members(10);
  SlotTable table = filled(members);
  const std::vector<std::uint16_t> before = copy(table.owners());
  members[2].weight = members[6].weight = 0;
  ASSERT_TRUE(table.step(members).has_value());
  for (const char* name : {"b2", "b6"}) {
    std::vector<double> gained(10);
    for (std::size_t slot = 0; slot < before.size(); ++slot)
      if (before[slot] == *table.find(name)) ++gained[table.owners()[slot]];
    for (const char* other : {"b0", "b1", "b3", "b9"}) EXPECT_NEAR(gained[*table.find(other)], 819, 120) << other;
  }
}

// Five join one after the other, and each takes a share of the earlier ones too, whose slots all have a past. The old
// members have slots without a past to give, so a slot that moved twice was passed from newcomer to newcomer.
TEST(SlotTable, ShortHistoriesMoveFirst) {
  std::vector<SlotMember> members = equal_members(10);
  SlotTable table = filled(members, 65537, 4);
  for (int i = 0; i < 5; ++i) {
    members.push_back({"new" + std::to_string(i), 100});
    ASSERT_TRUE(table.step(members).has_value());
  }
  for (const UnstableSlot& unstable : table.unstable()) {
    ASSERT_LE(unstable.owners.size(), 3u) << unstable.slot;
    if (unstable.owners.size() < 3) continue;
    for (const std::uint16_t id : {unstable.owners[0], unstable.owners[1]})
      ASSERT_EQ(table.members()[id].identity.substr(0, 3), "new") << unstable.slot;
  }
}

TEST(SlotTable, NothingChangesNothingMoves) {
  std::vector<SlotMember> members = equal_members(20);
  SlotTable table = filled(members);
  const std::uint64_t hash = table.hash();
  EXPECT_EQ(table.step(members).value().moved, 0u);
  EXPECT_EQ(table.hash(), hash);
  for (SlotMember& member : members) member.weight *= 3;
  EXPECT_EQ(table.step(members).value().moved, 0u);
  EXPECT_NE(table.hash(), hash) << "weights are state";
}

TEST(SlotTable, DrainedToEmptyAndBack) {
  std::vector<SlotMember> members = equal_members(4);
  SlotTable table = filled(members);
  const std::vector<std::uint16_t> before = copy(table.owners());
  for (SlotMember& member : members) member.weight = 0;
  ASSERT_TRUE(table.step(members).has_value());
  EXPECT_TRUE(table.empty());
  EXPECT_TRUE(table.owners().empty());
  EXPECT_EQ(table.owners_of(5).size(), 0u);
  EXPECT_TRUE(table.unstable().empty());
  for (const SlotTable::Member& member : table.members()) EXPECT_EQ(member.slots, 0u) << member.identity;
  ASSERT_TRUE(table.step({}).has_value());
  EXPECT_TRUE(table.empty());
  for (SlotMember& member : members) member.weight = 100;
  EXPECT_EQ(table.step(members).value().moved, 0u);
  EXPECT_FALSE(table.empty());
  EXPECT_EQ(copy(table.owners()), before);
}

TEST(SlotTable, EmptyFromTheStart) {
  SlotTable table = SlotTable::make({}).value();
  EXPECT_TRUE(table.empty());
  const std::vector<SlotMember> drained = {{"x", 0}};
  ASSERT_TRUE(table.step(drained).has_value());
  EXPECT_TRUE(table.empty());
  const std::vector<SlotMember> others = {{"a", 1}, {"b", 2}};
  EXPECT_EQ(table.step(others).value().moved, 65537u);
  const MaglevFill fill = maglev_fill(others, 65537).value();
  for (std::uint32_t slot = 0; slot < 65537; ++slot)
    ASSERT_EQ(table.members()[table.owners()[slot]].identity, others[fill.owners[slot]].identity);
  EXPECT_FALSE(table.find("x").has_value()) << "no slot remembers it";
}

TEST(SlotTable, IdsAreNotRecycledWhileRemembered) {
  std::vector<SlotMember> members = {{"a", 1}, {"b", 1}, {"c", 1}};
  SlotTable table = filled(members, 1009);
  const std::uint16_t id = *table.find("b");
  members = {{"a", 1}, {"c", 1}};
  ASSERT_TRUE(table.step(members).has_value());
  members.push_back({"d", 1});
  ASSERT_TRUE(table.step(members).has_value());
  EXPECT_NE(table.find("d"), id);
  EXPECT_EQ(table.find("b"), id);
  ASSERT_TRUE(table.forget("b").has_value());
  EXPECT_FALSE(table.find("b").has_value());
  members.push_back({"e", 1});
  ASSERT_TRUE(table.step(members).has_value());
  EXPECT_EQ(table.find("e"), id) << "nobody remembers b: its id is free";
  EXPECT_EQ(table.forget("b").error().code, ErrorCode::not_found);
}

TEST(SlotTable, ForgetPrunesHistoriesOnly) {
  std::vector<SlotMember> members = equal_members(5);
  SlotTable table = filled(members, 1009);
  members[2].weight = 0;
  ASSERT_TRUE(table.step(members).has_value());
  const std::vector<std::uint16_t> owners = copy(table.owners());
  EXPECT_FALSE(table.unstable().empty());
  ASSERT_TRUE(table.forget("b2").has_value());
  EXPECT_TRUE(table.unstable().empty());
  EXPECT_EQ(copy(table.owners()), owners);
  EXPECT_TRUE(table.find("b2").has_value()) << "still a member of the pool";
}

TEST(SlotTable, AnErrorLeavesTheTableAsItWas) {
  std::vector<SlotMember> members = equal_members(5);
  SlotTable table = filled(members, 1009);
  const std::uint64_t hash = table.hash();
  members[1].identity = members[2].identity;
  EXPECT_EQ(table.step(members).error().code, ErrorCode::conflict);
  EXPECT_EQ(table.step(equal_members(slot_members_max + 1)).error().code, ErrorCode::out_of_capacity);
  EXPECT_EQ(table.hash(), hash);
  EXPECT_EQ(SlotTable::make({65536, 3}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(SlotTable::make({65537, 1}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(SlotTable::make({65537, 5}).error().code, ErrorCode::invalid_argument);
}

TEST(SlotTable, HashSeesEveryPartOfTheState) {
  const std::vector<SlotMember> members = equal_members(5);
  std::set<std::uint64_t> hashes = {filled(members, 1009).hash(), filled(members, 1013).hash(),
                                    filled(members, 1009, 4).hash(), filled(equal_members(6), 1009).hash(),
                                    SlotTable::make({1009, 3}).value().hash()};
  SlotTable table = filled(members, 1009);
  ASSERT_TRUE(table.step(without(members, 1)).has_value());
  hashes.insert(table.hash());
  ASSERT_TRUE(table.step(members).has_value());
  hashes.insert(table.hash());  // the same owners as at the start, but with histories
  EXPECT_EQ(hashes.size(), 7u);
}

std::vector<SlotTable::KeptMember> kept_members(const SlotTable& table) {
  std::vector<SlotTable::KeptMember> kept;
  for (const SlotTable::Member& member : table.members())
    kept.push_back({member.identity, member.weight, member.present});
  return kept;
}

SlotTable restored(const SlotTable& table) {
  const std::vector<SlotOwners> lists = table.lists().unpacked();
  return SlotTable::restore({table.slots_count(), table.owners_max()}, kept_members(table), lists).value();
}

TEST(SlotTable, IsTheSameAfterRestoring) {
  std::vector<SlotMember> members = equal_members(5);
  SlotTable table = SlotTable::make({1009, 3}).value();
  EXPECT_EQ(restored(table).hash(), table.hash()) << "never filled";
  for (const std::vector<SlotMember>& step :
       {members, without(members, 1), without(members, 3), equal_members(0), equal_members(7)}) {
    ASSERT_TRUE(table.step(step).has_value());
    SlotTable again = restored(table);
    EXPECT_EQ(again.hash(), table.hash());
    SlotTable there = table;
    ASSERT_TRUE(there.step(equal_members(6)).has_value());
    ASSERT_TRUE(again.step(equal_members(6)).has_value());
    EXPECT_EQ(again.hash(), there.hash()) << "another future";
  }
}

TEST(SlotTable, RestoresNothingThatIsNoTable) {
  const SlotTable table = filled(equal_members(3), 13);
  const std::vector<SlotOwners> lists = table.lists().unpacked();
  const std::vector<SlotTable::KeptMember> members = kept_members(table);
  const auto refused = [](std::vector<SlotTable::KeptMember> kept, std::vector<SlotOwners> some) {
    return SlotTable::restore({13, 3}, kept, some).error().code == ErrorCode::invalid_argument;
  };
  EXPECT_TRUE(SlotTable::restore({13, 3}, members, lists).has_value());
  EXPECT_TRUE(refused(members, {}));
  EXPECT_TRUE(refused(members, std::vector<SlotOwners>(lists.begin(), lists.begin() + 12)));
  for (const SlotOwners& wrong :
       {SlotOwners{}, SlotOwners(7, {no_member, no_member, no_member}), SlotOwners(1, {1, no_member, no_member}),
        SlotOwners(1, {no_member, 2, no_member}), SlotOwners(0, {1, 2, 0})}) {
    std::vector<SlotOwners> some = lists;
    some[4] = wrong;
    EXPECT_TRUE(refused(members, some));
  }
  std::vector<SlotTable::KeptMember> kept = members;
  kept[1].present = false;
  EXPECT_TRUE(refused(kept, lists)) << "a weight without a place in the pool";
  kept = members;
  kept.push_back({"stranger", 0, false});
  EXPECT_TRUE(refused(kept, lists)) << "remembered by nobody";
  kept = members;
  kept[2].identity = kept[1].identity;
  EXPECT_FALSE(SlotTable::restore({13, 3}, kept, lists).has_value());
}

}  // namespace
}  // namespace sluice
