// SPDX-License-Identifier: Apache-2.0
// How many slots each weight is worth.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sluice {

// Largest remainder: the whole part of weight * slots_count / sum for everybody, then one more to the largest
// fractional parts, equal ones in the order given. Every quota is within one slot of the exact share and they add up
// to slots_count, or to 0 if all weights are 0. Pass the weights in identity order: the outcome is then a function of
// the members and weights alone, never of the past, so a change and its reverse meet the same quotas.
// At most slot_members_max weights, slots_count <= slots_count_max: nothing overflows 64 bits.
[[nodiscard]] std::vector<std::uint32_t> slot_quotas(std::span<const std::uint32_t> weights, std::uint32_t slots_count);

// Who takes its next slot when: position -> index into `weights`. Index i appears counts[i] times; its t-th turn
// (t = 1, 2, ...) is in round min(ceil(t * heaviest / weight[i]), floor(heaviest * sum of counts / sum of weights) +
// 2), and a round goes through the indices in ascending order. counts must not exceed what slot_quotas gives for the
// same weights.
[[nodiscard]] std::vector<std::uint16_t> turns_by_weight(std::span<const std::uint32_t> weights,
                                                         std::span<const std::uint32_t> counts);

}  // namespace sluice
