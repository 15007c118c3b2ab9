// SPDX-License-Identifier: Apache-2.0
#include "slot_quotas.h"

#include <algorithm>
#include <numeric>

namespace sluice {

std::vector<std::uint32_t> slot_quotas(std::span<const std::uint32_t> weights, std::uint32_t slots_count) {
  std::vector<std::uint32_t> quotas(weights.size(), 0);
  const std::uint64_t sum = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
  if (sum == 0) return quotas;
  std::vector<std::uint64_t> remainders(weights.size());
  std::uint32_t left = slots_count;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const std::uint64_t scaled = std::uint64_t{weights[i]} * slots_count;
    quotas[i] = static_cast<std::uint32_t>(scaled / sum);
    remainders[i] = scaled % sum;
    left -= quotas[i];
  }
  std::vector<std::uint32_t> order(weights.size());
  std::iota(order.begin(), order.end(), 0u);
  // A total order, so the unstable selection has one outcome. The remainders add up to left * sum: at least `left` of
  // them are not 0, and a weight of 0 never gets a slot.
  std::nth_element(order.begin(), order.begin() + left, order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return remainders[a] != remainders[b] ? remainders[a] > remainders[b] : a < b;
  });
  for (std::uint32_t i = 0; i < left; ++i) ++quotas[order[i]];
  return quotas;
}

namespace {

// The rounds of one index, one after the other, without a division each: ceil(t * heaviest / weight), t = 1, 2, ...
// Rounds above `last` are one and the same: only the turn that a remainder won can fall there, at most one per index,
// and a weight of 1 beside one of 2^32 - 1 would need four thousand million rounds.
class Rounds {
 public:
  Rounds(std::uint32_t heaviest, std::uint32_t weight, std::uint64_t last)
      : whole_(heaviest / weight), rest_(heaviest % weight), weight_(weight), last_(last) {}

  std::uint64_t next() {
    quotient_ += whole_;
    remainder_ += rest_;
    if (remainder_ >= weight_) {
      remainder_ -= weight_;
      ++quotient_;
    }
    return std::min(quotient_ + (remainder_ != 0 ? 1 : 0), last_);
  }

 private:
  std::uint64_t whole_, rest_, weight_, last_;
  std::uint64_t quotient_ = 0, remainder_ = 0;
};

}  // namespace

std::vector<std::uint16_t> turns_by_weight(std::span<const std::uint32_t> weights,
                                           std::span<const std::uint32_t> counts) {
  const std::uint64_t total = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  if (total == 0) return {};
  const std::uint32_t heaviest = *std::max_element(weights.begin(), weights.end());
  const std::uint64_t sum = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
  const std::uint64_t last = heaviest * total / sum + 2;
  // Counting sort by round; going through the indices in order keeps it stable.
  std::vector<std::uint32_t> starts(last + 2, 0);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (counts[i] == 0) continue;
    Rounds rounds(heaviest, weights[i], last);
    for (std::uint32_t t = 0; t < counts[i]; ++t) ++starts[rounds.next() + 1];
  }
  std::partial_sum(starts.begin(), starts.end(), starts.begin());
  std::vector<std::uint16_t> turns(total);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (counts[i] == 0) continue;
    Rounds rounds(heaviest, weights[i], last);
    for (std::uint32_t t = 0; t < counts[i]; ++t) turns[starts[rounds.next()]++] = static_cast<std::uint16_t>(i);
  }
  return turns;
}

}  // namespace sluice
