// SPDX-License-Identifier: Apache-2.0
// Random histories of a slot table, and what must hold after every single step. The checks compare the tables before
// and after from outside; none of them uses the rule's own arithmetic.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "random_pool.h"
#include "slot_table.h"

namespace sluice {
namespace {

using test::RandomPool;
using Names = std::vector<std::string>;

// All lists of a table by name, so that ids may be whatever they are.
std::vector<Names> named_lists(const SlotTable& table) {
  std::vector<Names> lists;
  if (table.empty()) return lists;
  for (std::uint32_t slot = 0; slot < table.slots_count(); ++slot) {
    Names names;
    const SlotOwners owners = table.owners_of(slot);
    for (const std::uint16_t id : owners.all()) names.push_back(table.members()[id].identity);
    lists.push_back(names);
  }
  return lists;
}

std::map<std::string, std::uint32_t> counts_of(const std::vector<Names>& lists) {
  std::map<std::string, std::uint32_t> counts;
  for (const Names& names : lists) ++counts[names[0]];
  return counts;
}

void check_shares(const std::vector<Names>& lists, const std::vector<SlotMember>& members) {
  std::map<std::string, std::uint32_t> counts = counts_of(lists);
  const std::uint64_t sum =
      std::accumulate(members.begin(), members.end(), std::uint64_t{0},
                      [](std::uint64_t so_far, const SlotMember& member) { return so_far + member.weight; });
  for (const SlotMember& member : members) {
    const std::uint64_t exact = std::uint64_t{member.weight} * lists.size();
    const std::uint64_t scaled = counts[member.identity] * sum;
    ASSERT_LT(scaled > exact ? scaled - exact : exact - scaled, sum) << member.identity;
    ASSERT_TRUE(member.weight > 0 || counts[member.identity] == 0) << member.identity;
    counts.erase(member.identity);
  }
  ASSERT_TRUE(counts.empty()) << counts.begin()->first << " owns slots and is not a member";
}

// The list a slot must have after `owner` took it: the old one with the new owner in front, cut to the limit.
Names expected_list(Names list, const std::string& owner, std::size_t limit) {
  list.erase(std::remove(list.begin(), list.end(), owner), list.end());
  list.insert(list.begin(), owner);
  list.resize(std::min(list.size(), limit));
  return list;
}

struct Move {
  const Names* before;
  std::string to;
  [[nodiscard]] bool returned() const { return std::find(before->begin(), before->end(), to) != before->end(); }
};

std::vector<Move> moves_between(const std::vector<Names>& before, const std::vector<Names>& after) {
  std::vector<Move> moves;
  for (std::size_t slot = 0; slot < before.size(); ++slot)
    if (before[slot][0] != after[slot][0]) moves.push_back({&before[slot], after[slot][0]});
  return moves;
}

void check_fewest_moves(const std::vector<Names>& before, const std::vector<Names>& after, const StepReport& report) {
  const std::vector<Move> moves = moves_between(before, after);
  std::map<std::string, std::uint32_t> had = counts_of(before);
  std::uint32_t needed = 0;
  for (const auto& [name, count] : counts_of(after)) needed += count - std::min(count, had[name]);
  ASSERT_EQ(moves.size(), needed);
  ASSERT_EQ(report.moved, needed);
  ASSERT_EQ(report.minimum, needed);
  ASSERT_EQ(report.returned, std::count_if(moves.begin(), moves.end(), [](const Move& m) { return m.returned(); }));
}

// Nobody gave away a slot with a long past to a stranger while it kept one with a shorter past.
void check_shortest_first(const std::vector<Names>& before, const std::vector<Names>& after) {
  std::map<std::string, std::size_t> longest_given, shortest_kept;
  for (std::size_t slot = 0; slot < before.size(); ++slot) {
    const Names& list = before[slot];
    if (list[0] == after[slot][0]) {
      const auto [at, fresh] = shortest_kept.emplace(list[0], list.size());
      if (!fresh) at->second = std::min(at->second, list.size());
    } else if (!Move{&list, after[slot][0]}.returned()) {
      longest_given[list[0]] = std::max(longest_given[list[0]], list.size());
    }
  }
  for (const auto& [name, length] : longest_given)
    if (shortest_kept.contains(name)) {
      ASSERT_LE(length, shortest_kept[name]) << name;
    }
}

// A slot went to a stranger only if nobody it remembers was still short of slots, that is, received from strangers.
void check_returns_come_first(const std::vector<Names>& before, const std::vector<Names>& after) {
  std::set<std::string> strangers;
  const std::vector<Move> moves = moves_between(before, after);
  for (const Move& move : moves)
    if (!move.returned()) strangers.insert(move.to);
  for (const Move& move : moves) {
    if (move.returned()) continue;
    for (const std::string& name : *move.before) ASSERT_FALSE(strangers.contains(name)) << name << " was forgotten";
  }
}

// Histories of more than the tables: who has which id.
class IdWatch {
 public:
  void check(const SlotTable& table) {
    std::map<std::string, std::size_t> now;
    for (std::size_t id = 0; id < table.members().size(); ++id)
      if (!table.members()[id].identity.empty()) now[table.members()[id].identity] = id;
    for (const auto& [name, id] : ids_)
      if (now.contains(name)) {
        ASSERT_EQ(now[name], id) << name << " changed its id";
      }
    ids_ = std::move(now);
  }

 private:
  std::map<std::string, std::size_t> ids_;
};

void check_step(const std::vector<Names>& before, const SlotTable& table, const std::vector<SlotMember>& members,
                const StepReport& report) {
  const std::vector<Names> after = named_lists(table);
  ASSERT_NO_FATAL_FAILURE(check_shares(after, members));
  for (const Names& list : after) {
    ASSERT_LE(list.size(), table.owners_max());
    ASSERT_EQ(std::set<std::string>(list.begin(), list.end()).size(), list.size()) << "an owner is listed twice";
  }
  if (before.empty()) return;
  for (std::size_t slot = 0; slot < after.size(); ++slot)
    ASSERT_EQ(after[slot], expected_list(before[slot], after[slot][0], table.owners_max())) << slot;
  ASSERT_NO_FATAL_FAILURE(check_fewest_moves(before, after, report));
  ASSERT_NO_FATAL_FAILURE(check_shortest_first(before, after));
  ASSERT_NO_FATAL_FAILURE(check_returns_come_first(before, after));
}

void run_history(RandomPool& random, std::uint32_t slots_count, std::size_t members_count, int steps) {
  SlotTable table = SlotTable::make({slots_count, 2 + random.below(3)}).value();
  SlotTable other = table;  // gets the same members in another order
  std::vector<SlotMember> members = random.members(members_count);
  std::vector<Names> before;
  IdWatch ids;
  for (int step = 0; step < steps; ++step) {
    for (std::uint32_t n = 0; n < 1 + random.below(3); ++n) random.change(members);
    const StepReport report = table.step(members).value();
    random.shuffle(members);
    ASSERT_TRUE(other.step(members).has_value());
    ASSERT_EQ(table.hash(), other.hash()) << "the order of the input mattered";
    const bool drained =
        std::all_of(members.begin(), members.end(), [](const SlotMember& member) { return member.weight == 0; });
    ASSERT_EQ(table.empty(), drained);
    ASSERT_NO_FATAL_FAILURE(ids.check(table));
    if (table.empty()) continue;  // `before` stays: an empty pool keeps its lists for the way back
    ASSERT_NO_FATAL_FAILURE(check_step(before, table, members, report));
    before = named_lists(table);
  }
}

TEST(SlotHistories, SmallTables) {
  RandomPool random(test::seed_from_environment());
  for (int round = 0; round < 150; ++round) {
    const std::uint32_t slots_count = std::vector<std::uint32_t>{2, 3, 13, 101, 251, 1009}[random.below(6)];
    ASSERT_NO_FATAL_FAILURE(run_history(random, slots_count, random.below(20), 25)) << "M " << slots_count;
  }
}

TEST(SlotHistories, RealSizes) {
  RandomPool random(test::seed_from_environment());
  for (const std::size_t members_count : {1U, 10U, 300U, 4000U})
    ASSERT_NO_FATAL_FAILURE(run_history(random, 16381, members_count, 6)) << members_count << " members";
  ASSERT_NO_FATAL_FAILURE(run_history(random, 65537, 1000, 3));
  ASSERT_NO_FATAL_FAILURE(run_history(random, 655373, 100, 2));
}

// Leave and return, with nothing in between, undoes itself whatever the weights are.
TEST(SlotHistories, ReturningMemberRestoresTheTable) {
  RandomPool random(test::seed_from_environment());
  for (int round = 0; round < 100; ++round) {
    std::vector<SlotMember> members = random.members(2 + random.below(30));
    members[0].weight = members[1].weight = 1000;
    SlotTable table = SlotTable::make({1009, 2 + random.below(3)}).value();
    ASSERT_TRUE(table.step(members).has_value());
    const std::vector<std::uint16_t> before(table.owners().begin(), table.owners().end());
    std::vector<SlotMember> less = members;
    less.erase(less.begin() + 1);
    ASSERT_TRUE(table.step(less).has_value());
    const StepReport back = table.step(members).value();
    ASSERT_EQ(back.returned, back.moved);
    ASSERT_EQ(std::vector<std::uint16_t>(table.owners().begin(), table.owners().end()), before);
  }
}

}  // namespace
}  // namespace sluice
