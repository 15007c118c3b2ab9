// SPDX-License-Identifier: Apache-2.0
#include "sim_clock.h"

#include <algorithm>

namespace sluice::sim {

void SimClock::at(Time when, Action action) {
  std::size_t slot = actions_.size();
  if (free_.empty()) {
    actions_.push_back(std::move(action));
  } else {
    slot = free_.back();
    free_.pop_back();
    actions_[slot] = std::move(action);
  }
  heap_.push_back({std::max(when, now_), order_++, slot});
  std::push_heap(heap_.begin(), heap_.end());
}

bool SimClock::run_next(Time limit) {
  if (heap_.empty() || heap_.front().when >= limit) {
    now_ = limit;
    return false;
  }
  std::pop_heap(heap_.begin(), heap_.end());
  const Due due = heap_.back();
  heap_.pop_back();
  now_ = due.when;
  const Action action = std::move(actions_[due.slot]);
  actions_[due.slot] = nullptr;
  free_.push_back(due.slot);
  action();
  return true;
}

}  // namespace sluice::sim
