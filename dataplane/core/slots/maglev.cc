// SPDX-License-Identifier: Apache-2.0
#include "maglev.h"

#include "siphash.h"
#include "slot_quotas.h"

namespace sluice {
namespace {

constexpr SipKey offset_key = sip_key("sluice-maglev-of");
constexpr SipKey skip_key = sip_key("sluice-maglev-sk");

// A walk along one permutation that hands out its free slots.
struct Walker {
  std::uint32_t slot;
  std::uint32_t skip;

  std::uint32_t take(std::vector<std::uint16_t>& owners, std::uint16_t owner) {
    const auto slots_count = static_cast<std::uint32_t>(owners.size());
    while (owners[slot] != no_member) advance(slots_count);
    owners[slot] = owner;
    return slot;
  }

  void advance(std::uint32_t slots_count) {
    slot += skip;  // both below 2^20: cannot wrap
    if (slot >= slots_count) slot -= slots_count;
  }
};

}  // namespace

MaglevPermutation maglev_permutation(std::string_view identity, std::uint32_t slots_count) {
  return {static_cast<std::uint32_t>(siphash24(offset_key, identity) % slots_count),
          static_cast<std::uint32_t>(siphash24(skip_key, identity) % (slots_count - 1) + 1)};
}

Result<MaglevFill> maglev_fill(std::span<const SlotMember> members, std::uint32_t slots_count) {
  if (const Status status = check_slots_count(slots_count); !status) return status.error();
  if (const Status status = check_slot_members(members); !status) return status.error();
  const std::vector<std::uint16_t> order = order_by_identity(members);
  std::vector<std::uint32_t> weights;
  std::vector<Walker> walkers;
  for (const std::uint16_t index : order) {
    const MaglevPermutation permutation = maglev_permutation(members[index].identity, slots_count);
    walkers.push_back({permutation.offset, permutation.skip});
    weights.push_back(members[index].weight);
  }
  const std::vector<std::uint32_t> quotas = slot_quotas(weights, slots_count);

  MaglevFill fill;
  fill.counts.resize(members.size());
  for (std::size_t i = 0; i < order.size(); ++i) fill.counts[order[i]] = quotas[i];
  const std::vector<std::uint16_t> turns = turns_by_weight(weights, quotas);
  if (turns.empty()) return fill;
  fill.owners.assign(slots_count, no_member);
  for (const std::uint16_t turn : turns) walkers[turn].take(fill.owners, order[turn]);
  return fill;
}

}  // namespace sluice
