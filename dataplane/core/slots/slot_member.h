// SPDX-License-Identifier: Apache-2.0
// What a slot table is made of: a pool's members as the caller names them, and the bounds of both.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "error.h"

namespace sluice {

// A slot entry of the forwarding image keeps the member in 15 bits, and the highest value means "none".
inline constexpr std::uint32_t slot_members_max = 32767;
inline constexpr std::uint16_t no_member = 0x7fff;

// 655,373 slots still fit 20 bits; tables of more slots than that would not fit a core's cache.
inline constexpr std::uint32_t slots_count_max = 1u << 20;
// The sizes an operator may choose. The pure functions take any prime, so that a test can print a table of 13 slots.
inline constexpr std::array<std::uint32_t, 3> slots_count_choices = {16381, 65537, 655373};

// One backend of a pool. The identity is an opaque name that stays the same for as long as the backend should keep its
// slots. The weight is the effective one: configured weight x health x drain x ramp; 0 takes no slots.
struct SlotMember {
  std::string identity;
  std::uint32_t weight = 0;
};

// No two members of one name, none without a name, not more than fit.
[[nodiscard]] Status check_slot_members(std::span<const SlotMember> members);

// Prime (or a permutation would not reach every slot) and within slots_count_max.
[[nodiscard]] Status check_slots_count(std::uint32_t slots_count);

// Indices of `members` in ascending byte order of their identities: the one order every rule here works in, so that
// no result depends on the order of the input.
[[nodiscard]] std::vector<std::uint16_t> order_by_identity(std::span<const SlotMember> members);

}  // namespace sluice
