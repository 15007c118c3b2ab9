// SPDX-License-Identifier: Apache-2.0
#include "column_changes.h"

#include <gtest/gtest.h>

#include <random>

#include "state_fixture.h"
#include "test_seed.h"

namespace sluice {
namespace {

using testing::small_state;

bool are_equal(const SlotColumn& a, const SlotColumn& b) {
  return a.owners == b.owners && std::equal(a.past.begin(), a.past.end(), b.past.begin(), b.past.end(),
                                            [](const PreviousOwners& one, const PreviousOwners& other) {
                                              return one.slot == other.slot && one.members == other.members;
                                            });
}

// Members 0 to 6, so that lists of previous owners are of all lengths.
void change_randomly(SlotColumn& column, std::uint32_t slot, std::mt19937_64& random) {
  column.owners[slot] = static_cast<std::uint16_t>(random() % 7);
  const auto place = std::lower_bound(column.past.begin(), column.past.end(), slot,
                                      [](const PreviousOwners& one, std::uint32_t s) { return one.slot.value() < s; });
  const bool is_there = place != column.past.end() && place->slot.value() == slot;
  PreviousOwners owners{SlotIndex(slot), {}};
  owners.members.fill(SLUICE_MEMBER_NONE);
  const std::size_t length = random() % (SLUICE_PAST_MAX + 1);
  for (std::size_t i = 0; i < length; ++i)
    owners.members[i] = static_cast<std::uint16_t>((column.owners[slot] + 1 + i) % 7);
  if (is_there && length == 0) {
    column.past.erase(place);
  } else if (is_there) {
    *place = owners;
  } else if (length > 0) {
    column.past.insert(place, owners);
  }
}

TEST(ColumnChanges, LeadFromOneTableToTheOther) {
  std::mt19937_64 random(testing::seed());
  for (int round = 0; round < 300; ++round) {
    SlotColumn before;
    before.owners.resize(1 + random() % 3000);
    const auto slots = static_cast<std::uint32_t>(before.owners.size());
    for (std::uint32_t slot = 0; slot < slots; ++slot)
      if (random() % 3 == 0) change_randomly(before, slot, random);
    SlotColumn after = before;
    std::vector<std::uint32_t> touched(random() % 20);
    for (std::uint32_t& slot : touched)
      change_randomly(after, slot = static_cast<std::uint32_t>(random() % slots), random);
    const std::vector<SlotChange> changes = changes_between(before, after);
    EXPECT_LE(changes.size(), touched.size());
    const auto again = changed_column(before, changes);
    ASSERT_TRUE(again.has_value());
    EXPECT_TRUE(are_equal(*again, after)) << "round " << round;
    EXPECT_TRUE(changes_between(after, *again).empty());
  }
}

TEST(ColumnChanges, SlotsThatAreNotThereOrOutOfOrderAreRefused) {
  SlotColumn before;
  before.owners.resize(10);
  const SlotChange one{3, 1, {SLUICE_MEMBER_NONE, SLUICE_MEMBER_NONE, SLUICE_MEMBER_NONE}};
  SlotChange late = one;
  late.slot = 10;
  SlotChange early = one;
  early.slot = 2;
  EXPECT_TRUE(changed_column(before, std::vector{one}).has_value());
  EXPECT_FALSE(changed_column(before, std::vector{late}).has_value());
  EXPECT_FALSE(changed_column(before, std::vector{one, one}).has_value());
  EXPECT_FALSE(changed_column(before, std::vector{one, early}).has_value());
}

// Three slots of pool1 are different.
ForwardingState changed(const ForwardingState& before) {
  ForwardingState after = before;
  after.generation = 8;
  StatePool pool = *before.pools[1];
  auto column = std::make_shared<SlotColumn>(*pool.column);
  column->digest = 0;
  for (const std::uint32_t slot : {5U, 900U, 16380U}) {
    const std::uint16_t owner = column->owners[slot];
    column->owners[slot] = static_cast<std::uint16_t>((owner + 1) % 3);
    column->past.push_back({SlotIndex(slot), {owner, SLUICE_MEMBER_NONE, SLUICE_MEMBER_NONE}});
  }
  pool.column = column;
  after.pools[1] = make_state_pool(std::move(pool)).value();
  return after;
}

TEST(ColumnChanges, AreAllThatIsSentOfATableThatIsKnown) {
  const ForwardingState before = small_state();
  const ForwardingState after = changed(before);
  const std::string bytes = encode_state(after, &before);
  EXPECT_LT(bytes.size(), 500U);
  const Result<DecodedState> back = decode_state(bytes, &before);
  ASSERT_TRUE(back.has_value()) << back.error().context;
  ASSERT_TRUE(back->need.empty());
  EXPECT_EQ(back->state.pools[1]->digest, after.pools[1]->digest);
  EXPECT_TRUE(are_equal(*back->state.pools[1]->column, *after.pools[1]->column));
  // In full it says the same.
  EXPECT_EQ(encode_state(back->state, nullptr), encode_state(after, nullptr));
}

TEST(ColumnChanges, ToAnotherTableAreNone) {
  const ForwardingState before = small_state();
  const ForwardingState after = changed(before);
  const std::string bytes = encode_state(after, &before);
  using Names = std::vector<std::string>;
  EXPECT_EQ(decode_state(bytes, &after).value().need, Names{"pool1"});
  ForwardingState without = before;
  without.pools.erase(without.pools.begin() + 1);
  EXPECT_EQ(decode_state(bytes, &without).value().need, Names{"pool1"});
}

TEST(ColumnChanges, AChangedByteIsAnErrorANeedOrAnotherGoodState) {
  std::mt19937_64 random(testing::seed());
  const ForwardingState before = small_state();
  const std::string bytes = encode_state(changed(before), &before);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string wrong = bytes;
    wrong[at] = static_cast<char>(random());
    const Result<DecodedState> result = decode_state(wrong, &before);
    if (!result || !result->need.empty()) continue;
    EXPECT_TRUE(check_state(result->state).has_value());
    for (const SharedPool& pool : result->state.pools) EXPECT_TRUE(check_pool(*pool).has_value());
  }
}

// Each takes the memory of a whole table.
TEST(ColumnChanges, ComeOnceForAPool) {
  const ForwardingState before = small_state();
  ForwardingState twice = changed(before);
  twice.pools.push_back(twice.pools[1]);
  const Result<DecodedState> result = decode_state(encode_state(twice, &before), &before);
  ASSERT_FALSE(result.has_value());
  EXPECT_NE(result.error().context.find("two pools"), std::string::npos);
}

// What is checked of changes only is as good as a check of all.
TEST(ColumnChanges, ToWhatMeansNothingAreRefused) {
  const ForwardingState before = small_state();
  const auto is_refused = [&](auto change) {
    ForwardingState after = before;
    StatePool pool = *before.pools[1];
    auto column = std::make_shared<SlotColumn>(*pool.column);
    column->digest = 1234;
    change(pool, *column);
    pool.column = column;
    after.pools[1] = seal_state_pool(std::move(pool));
    const bool is_bad = !check_pool(*after.pools[1]).has_value();
    EXPECT_EQ(!decode_state(encode_state(after, &before), &before).has_value(), is_bad);
    return is_bad;
  };
  const auto past = [](SlotColumn& column, std::array<std::uint16_t, 3> members) {
    column.past.push_back({SlotIndex(4), members});
  };
  const std::uint16_t owner = before.pools[1]->column->owners[4];
  const auto other = static_cast<std::uint16_t>((owner + 1) % 3);
  EXPECT_FALSE(is_refused([&](StatePool&, SlotColumn& column) { past(column, {other, 0x7fff, 0x7fff}); }));
  EXPECT_FALSE(is_refused([](StatePool& pool, SlotColumn& column) {
    pool.members.push_back(testing::state_member(50));
    column.owners[4] = 3;
  }));
  EXPECT_TRUE(is_refused([](StatePool&, SlotColumn& column) { column.owners[4] = 3; }));
  EXPECT_TRUE(is_refused([&](StatePool&, SlotColumn& column) { past(column, {owner, 0x7fff, 0x7fff}); }));
  EXPECT_TRUE(is_refused([&](StatePool&, SlotColumn& column) { past(column, {other, other, 0x7fff}); }));
  EXPECT_TRUE(is_refused([&](StatePool&, SlotColumn& column) { past(column, {other, 0x7fff, other}); }));
  EXPECT_TRUE(is_refused([&](StatePool&, SlotColumn& column) { past(column, {3, 0x7fff, 0x7fff}); }));
  // Slots that nobody changed name a member that has gone.
  EXPECT_TRUE(is_refused([](StatePool& pool, SlotColumn& column) {
    pool.members.pop_back();
    column.owners[4] = 0;
  }));
}

}  // namespace
}  // namespace sluice
