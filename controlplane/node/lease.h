// SPDX-License-Identifier: Apache-2.0
// A balancer's lease: for how long the leader counts on it to forward by what it has acknowledged. The balancer gives
// up first: it counts from when it asked, the leader from when it heard. Clocks need not agree, only run at about the
// same rate (lease_margin).
#pragma once

#include <cstdint>
#include <deque>
#include <utility>

#include "uptime.h"

namespace sluice::node {

// Added on the leader's side, beside two election timeouts for which a leader that was cut off may go on granting:
// clocks that differ by 5 % over a lease of 10 s are still safe.
inline constexpr Uptime lease_margin = std::chrono::milliseconds(500);

// The balancer's side: reports carry a growing number, and the leader's answer names it.
class LeaseHolder {
 public:
  explicit LeaseHolder(Uptime length) : length_(length) {}

  void asked(std::uint64_t sequence, Uptime now);
  void granted(std::uint64_t sequence);
  void set_length(Uptime length) { length_ = length; }
  // Until then, if nothing more is granted. Zero before the first grant.
  [[nodiscard]] Uptime until() const { return until_; }
  [[nodiscard]] bool is_held(Uptime now) const { return now < until_; }

 private:
  Uptime length_;
  Uptime until_{0};
  std::deque<std::pair<std::uint64_t, Uptime>> asked_;  // ascending; bounded, the oldest go
};

}  // namespace sluice::node
