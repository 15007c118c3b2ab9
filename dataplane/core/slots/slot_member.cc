// SPDX-License-Identifier: Apache-2.0
#include "slot_member.h"

#include <algorithm>
#include <numeric>

namespace sluice {

Status check_slot_members(std::span<const SlotMember> members) {
  if (members.size() > slot_members_max)
    return make_error(ErrorCode::out_of_capacity, "a pool has " + std::to_string(members.size()) +
                                                      " members, at most " + std::to_string(slot_members_max) +
                                                      " are allowed");
  for (const SlotMember& member : members)
    if (member.identity.empty()) return make_error(ErrorCode::invalid_argument, "a pool member has no name");
  const std::vector<std::uint16_t> order = order_by_identity(members);
  for (std::size_t i = 1; i < order.size(); ++i)
    if (members[order[i - 1]].identity == members[order[i]].identity)
      return make_error(ErrorCode::conflict, "two pool members are named '" + members[order[i]].identity + "'");
  return {};
}

Status check_slots_count(std::uint32_t slots_count) {
  bool prime = slots_count >= 2 && slots_count <= slots_count_max;
  for (std::uint32_t divisor = 2; prime && divisor * divisor <= slots_count; ++divisor)
    prime = slots_count % divisor != 0;
  if (prime) return {};
  return make_error(ErrorCode::invalid_argument, std::to_string(slots_count) +
                                                     " slots: the number of slots must be a prime of at most " +
                                                     std::to_string(slots_count_max));
}

std::vector<std::uint16_t> order_by_identity(std::span<const SlotMember> members) {
  std::vector<std::uint16_t> order(members.size());
  std::iota(order.begin(), order.end(), std::uint16_t{0});
  // stable: equal names (refused by check_slot_members) must not make this function undefined.
  std::stable_sort(order.begin(), order.end(), [&](std::uint16_t left, std::uint16_t right) {
    return members[left].identity < members[right].identity;
  });
  return order;
}

}  // namespace sluice
