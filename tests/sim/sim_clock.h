// SPDX-License-Identifier: Apache-2.0
// Virtual time: what is due next happens next, and nothing happens between.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

namespace sluice::sim {

using Time = std::chrono::microseconds;  // since the start of the simulation, or a length
using std::chrono::milliseconds;
using std::chrono::seconds;

class SimClock {
 public:
  using Action = std::function<void()>;

  [[nodiscard]] Time now() const { return now_; }
  // Things due at the same moment happen in the order in which they were asked for.
  void at(Time when, Action action);
  void after(Time delay, Action action) { at(now_ + delay, std::move(action)); }
  // The next thing due before `limit`; false, and the time is `limit`, if there is none.
  bool run_next(Time limit);
  [[nodiscard]] std::uint64_t events() const { return order_; }

 private:
  struct Due {
    Time when;
    std::uint64_t order;
    std::size_t slot;
    friend bool operator<(const Due& a, const Due& b) {
      return a.when != b.when ? a.when > b.when : a.order > b.order;  // the heap's top is the earliest
    }
  };
  Time now_{};
  std::uint64_t order_ = 0;
  std::vector<Due> heap_;
  std::vector<Action> actions_;
  std::vector<std::size_t> free_;
};

}  // namespace sluice::sim
