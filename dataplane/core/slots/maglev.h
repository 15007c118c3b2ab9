// SPDX-License-Identifier: Apache-2.0
// The Maglev fill: slot -> member as a pure function of names and weights. Balancers that share nothing but a
// configuration file compute the same table; the step rule (slot_table.h) starts from it.
//
// Specified byte for byte; tests/slots/reference.py is a second implementation of this text.
//   offset = SipHash-2-4(key "sluice-maglev-of", identity) mod M              keys: the 16 ASCII bytes
//   skip   = SipHash-2-4(key "sluice-maglev-sk", identity) mod (M - 1) + 1
//   A member's permutation is offset, offset + skip, offset + 2 skip, ... modulo M (M is prime).
//   Quotas: slot_quotas over the weights in identity order. Turns: turns_by_weight over the same.
//   On its turn a member takes the first slot of its permutation that is still free.
// No floating point anywhere. Not for the packet path: it allocates.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "error.h"
#include "slot_member.h"

namespace sluice {

struct MaglevFill {
  std::vector<std::uint16_t> owners;  // slot -> index into the members as given; no entries if the pool is empty
  std::vector<std::uint32_t> counts;  // member as given -> number of its slots

  // Nobody has a weight: a state of its own, to be handled before looking at a slot.
  [[nodiscard]] bool empty() const { return owners.empty(); }
};

// Where a member's permutation starts and how far it jumps.
struct MaglevPermutation {
  std::uint32_t offset = 0;
  std::uint32_t skip = 1;
};
[[nodiscard]] MaglevPermutation maglev_permutation(std::string_view identity, std::uint32_t slots_count);

[[nodiscard]] Result<MaglevFill> maglev_fill(std::span<const SlotMember> members, std::uint32_t slots_count);

}  // namespace sluice
