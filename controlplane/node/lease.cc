// SPDX-License-Identifier: Apache-2.0
#include "lease.h"

#include <algorithm>

namespace sluice::node {
namespace {

// Reports under way: several a second for the longest lease allowed would be fewer.
constexpr std::size_t asked_max = 256;

}  // namespace

void LeaseHolder::asked(std::uint64_t sequence, Uptime now) {
  asked_.emplace_back(sequence, now);
  if (asked_.size() > asked_max) asked_.pop_front();
}

void LeaseHolder::granted(std::uint64_t sequence) {
  while (!asked_.empty() && asked_.front().first <= sequence) {
    if (asked_.front().first == sequence) until_ = std::max(until_, asked_.front().second + length_);
    asked_.pop_front();
  }
}

}  // namespace sluice::node
