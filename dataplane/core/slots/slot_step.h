// SPDX-License-Identifier: Apache-2.0
// The step rule: how a table of slot lists follows a change of quotas. Pure, and the whole of the rule; slot_table.h
// wraps it in names and ids.
//
//   Surplus of a member: slots it owns above its quota. Deficit: slots missing to its quota. The visit order goes
//   through slots 0, d, 2d, ... modulo M with d = max(1, floor(M * 40503 / 65536)) (the golden section), so that what
//   is picked first is spread over the table. (a) Back to a remembered owner: lists of 4, then of 3, then of 2 owners,
//   each group in visit order: if the current
//       owner has a surplus, the youngest past owner with a deficit becomes the current one. Nobody is forgotten by
//       such a move, so the lists closest to forgetting somebody come first.
//   (b) What surplus is left moves to new owners: lists of 1, then 2, 3, 4 owners, each group in visit order, as long
//   as
//       the current owner has a surplus. Receivers take turns by deficit (turns_by_weight with the deficits as weights
//       and counts, in identity order).
// Each move takes one from a surplus and one from a deficit, so the number of moves is the sum of the deficits: the
// minimum for these quotas.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "slot_lists.h"

namespace sluice {

struct StepRule {
  std::span<const std::uint32_t> quotas;          // by member id; adding up to the number of lists
  std::span<const std::uint16_t> identity_order;  // the ids, in ascending order of identities
  std::size_t owners_max = slot_owners_max;       // longest list, 2 to slot_owners_max
};

struct StepMoves {
  std::uint32_t moved = 0;     // slots with a new current owner
  std::uint32_t returned = 0;  // of these, to an owner they remembered
};

StepMoves apply_step_rule(std::span<SlotOwners> lists, const StepRule& rule);

}  // namespace sluice
