// SPDX-License-Identifier: Apache-2.0
// What is different between two tables of one pool, slot by slot: a change of one weight moves some hundred slots of
// 65,537, and a plane that has the table before need not be sent the others. Pure. Internal to core/image.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "forwarding_state.h"

namespace sluice {

// What a slot has now. As it stands in memory, so it is sent.
struct SlotChange {
  std::uint32_t slot = 0;
  std::uint16_t owner = 0;
  std::array<std::uint16_t, SLUICE_PAST_MAX> past{};  // SLUICE_MEMBER_NONE fills it up: all of it for a stable slot
};
static_assert(sizeof(SlotChange) == 12, "no padding");

// Ascending. Both must have owners for the same number of slots.
[[nodiscard]] std::vector<SlotChange> changes_between(const SlotColumn& before, const SlotColumn& after);

// The table after; its digest is left 0. Nothing: the slots are not ascending, or there are not so many. What the
// changes say of members is not looked at.
[[nodiscard]] std::optional<SlotColumn> changed_column(const SlotColumn& before, std::span<const SlotChange> changes);

}  // namespace sluice
