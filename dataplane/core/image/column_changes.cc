// SPDX-License-Identifier: Apache-2.0
#include "column_changes.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <type_traits>

namespace sluice {
namespace {

using Past = std::vector<PreviousOwners>;

// Most of two tables is the same. So many elements are compared as bytes at once, and one by one only where that finds
// a difference: enough for a call of memcmp() to be little beside it, few enough that most blocks have none where one
// slot in fifty has.
constexpr std::size_t block = 16;

template <typename Element>
bool are_equal_blocks(const Element* a, const Element* b) {
  static_assert(std::has_unique_object_representations_v<Element>);
  return std::memcmp(a, b, block * sizeof(Element)) == 0;
}

// By value: a call of memcmp() for six bytes, tens of thousands of times, is most of the time of a comparison.
bool are_equal(const PreviousOwners& a, const PreviousOwners& b) {
  static_assert(SLUICE_PAST_MAX == 3);
  return ((a.members[0] ^ b.members[0]) | (a.members[1] ^ b.members[1]) | (a.members[2] ^ b.members[2])) == 0;
}

// Slots, ascending, whose previous owners are not the same.
std::vector<std::uint32_t> differing_past(const Past& before, const Past& after) {
  std::vector<std::uint32_t> slots;
  auto left = before.begin();
  auto right = after.begin();
  auto looked_at = left;  // one by one up to here
  while (left != before.end() && right != after.end()) {
    if (left >= looked_at) {
      const auto least = static_cast<std::size_t>(std::min(before.end() - left, after.end() - right));
      if (least >= block && are_equal_blocks(&*left, &*right)) {
        left += block;
        right += block;
        looked_at = left;
        continue;
      }
      looked_at = left + static_cast<std::ptrdiff_t>(std::min(least, block));
    }
    if (left->slot == right->slot) {
      if (!are_equal(*left, *right)) slots.push_back(left->slot.value());
      ++left;
      ++right;
    } else {
      auto& lower = left->slot < right->slot ? left : right;
      slots.push_back(lower->slot.value());
      ++lower;
    }
  }
  const auto slot_of = [](const PreviousOwners& owners) { return owners.slot.value(); };
  std::transform(left, before.end(), std::back_inserter(slots), slot_of);
  std::transform(right, after.end(), std::back_inserter(slots), slot_of);
  return slots;
}

// Of tables of one size.
std::vector<std::uint32_t> differing_owners(const std::vector<std::uint16_t>& before,
                                            const std::vector<std::uint16_t>& after) {
  std::vector<std::uint32_t> slots;
  for (std::size_t first = 0; first < after.size(); first += block) {
    const std::size_t end = std::min(first + block, after.size());
    if (end - first == block && are_equal_blocks(&before[first], &after[first])) continue;
    for (std::size_t slot = first; slot < end; ++slot)
      if (before[slot] != after[slot]) slots.push_back(static_cast<std::uint32_t>(slot));
  }
  return slots;
}

}  // namespace

std::vector<SlotChange> changes_between(const SlotColumn& before, const SlotColumn& after) {
  const std::vector<std::uint32_t> past = differing_past(before.past, after.past);
  const std::vector<std::uint32_t> owners = differing_owners(before.owners, after.owners);
  std::vector<std::uint32_t> slots;
  std::set_union(owners.begin(), owners.end(), past.begin(), past.end(), std::back_inserter(slots));
  std::vector<SlotChange> changes;
  changes.reserve(slots.size());
  auto next = after.past.begin();
  for (const std::uint32_t slot : slots) {
    SlotChange& change = changes.emplace_back(SlotChange{slot, after.owners[slot], {}});
    change.past.fill(SLUICE_MEMBER_NONE);
    next = std::lower_bound(next, after.past.end(), slot,
                            [](const PreviousOwners& one, std::uint32_t wanted) { return one.slot.value() < wanted; });
    if (next != after.past.end() && next->slot.value() == slot) change.past = next->members;
  }
  return changes;
}

std::optional<SlotColumn> changed_column(const SlotColumn& before, std::span<const SlotChange> changes) {
  SlotColumn after;
  after.owners = before.owners;
  after.past.reserve(before.past.size() + changes.size());
  auto kept = before.past.begin();
  std::uint32_t first_allowed = 0;
  for (const SlotChange& change : changes) {
    if (change.slot < first_allowed || change.slot >= after.owners.size()) return std::nullopt;
    first_allowed = change.slot + 1;
    after.owners[change.slot] = change.owner;
    const auto until =
        std::lower_bound(kept, before.past.end(), change.slot,
                         [](const PreviousOwners& one, std::uint32_t wanted) { return one.slot.value() < wanted; });
    after.past.insert(after.past.end(), kept, until);
    kept = until;
    if (kept != before.past.end() && kept->slot.value() == change.slot) ++kept;
    if (change.past[0] != SLUICE_MEMBER_NONE) after.past.push_back({SlotIndex(change.slot), change.past});
  }
  after.past.insert(after.past.end(), kept, before.past.end());
  return after;
}

}  // namespace sluice
