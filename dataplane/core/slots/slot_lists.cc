// SPDX-License-Identifier: Apache-2.0
#include "slot_lists.h"

#include <algorithm>
#include <bit>

namespace sluice {

void SlotOwners::put_first(std::uint16_t id, std::size_t limit) {
  const auto used = ids_.begin() + static_cast<std::ptrdiff_t>(size());
  auto place = std::find(ids_.begin(), used, id);
  if (place == ids_.end()) --place;  // full: the oldest makes room
  std::copy_backward(ids_.begin(), place, place + 1);
  ids_[0] = id;
  std::fill(ids_.begin() + static_cast<std::ptrdiff_t>(limit), ids_.end(), no_member);
}

void SlotOwners::forget(std::uint16_t id) {
  const auto place = std::find(ids_.begin() + 1, ids_.end(), id);
  if (place == ids_.end()) return;
  std::copy(place + 1, ids_.end(), place);
  ids_.back() = no_member;
}

SlotLists::SlotLists(std::span<const SlotOwners> lists) {
  current_.resize(lists.size());
  unstable_.resize((lists.size() + 63) / 64);
  ranks_.resize(unstable_.size());
  past_.resize(static_cast<std::size_t>(
      std::count_if(lists.begin(), lists.end(), [](const SlotOwners& owners) { return !owners.stable(); })));
  auto next_past = past_.begin();
  for (std::size_t slot = 0; slot < lists.size(); ++slot) {
    const SlotOwners& owners = lists[slot];
    if (slot % 64 == 0) ranks_[slot / 64] = static_cast<std::uint32_t>(next_past - past_.begin());
    current_[slot] = owners.current();
    if (owners.stable()) continue;
    unstable_[slot / 64] |= std::uint64_t{1} << (slot % 64);
    *next_past++ = {owners[1], owners[2], owners[3]};
  }
}

SlotOwners SlotLists::at(std::uint32_t slot) const {
  if (!unstable(slot)) return {current_[slot], SlotOwners::no_past};
  const std::uint64_t before = unstable_[slot / 64] & ((std::uint64_t{1} << (slot % 64)) - 1);
  return {current_[slot], past_[ranks_[slot / 64] + static_cast<std::uint32_t>(std::popcount(before))]};
}

std::vector<SlotOwners> SlotLists::unpacked() const {
  std::vector<SlotOwners> lists;
  lists.reserve(current_.size());
  auto next_past = past_.begin();
  for (std::uint32_t slot = 0; slot < slots_count(); ++slot)
    lists.emplace_back(current_[slot], unstable(slot) ? *next_past++ : SlotOwners::no_past);
  return lists;
}

std::size_t SlotLists::size_bytes() const {
  return current_.size() * sizeof(current_[0]) + unstable_.size() * sizeof(unstable_[0]) +
         ranks_.size() * sizeof(ranks_[0]) + past_.size() * sizeof(past_[0]);
}

}  // namespace sluice
