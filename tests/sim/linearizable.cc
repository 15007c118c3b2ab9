// SPDX-License-Identifier: Apache-2.0
#include "linearizable.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

namespace sluice::sim {
namespace {

// Which operations stand in the order already, and the register after them: the same pair need not be tried twice.
struct Tried {
  std::vector<std::uint64_t> placed;
  RegisterValue value = 0;
  friend bool operator==(const Tried&, const Tried&) = default;
};
struct TriedHash {
  std::size_t operator()(const Tried& tried) const {
    std::uint64_t hash = tried.value;
    for (const std::uint64_t word : tried.placed) hash = (hash ^ word) * 0x9e3779b97f4a7c15 ^ (hash >> 29);
    return hash;
  }
};

// An open write or compare_and_set whose value nobody ever found or expected changes nothing that anyone can see: any
// order with it is one without it. Each one left in would double the search.
std::vector<Operation> without_the_invisible(std::span<const Operation> operations) {
  std::unordered_set<RegisterValue> visible;
  for (const Operation& operation : operations) {
    if (operation.returned && operation.kind != OperationKind::write) visible.insert(operation.found);
    if (operation.kind == OperationKind::compare_and_set) visible.insert(operation.expected);
  }
  std::vector<Operation> kept;
  for (const Operation& operation : operations) {
    if (operation.returned || (operation.kind != OperationKind::read && visible.contains(operation.written)))
      kept.push_back(operation);
  }
  return kept;
}

// The register after the operation; nothing if it cannot stand here.
std::optional<RegisterValue> step(const Operation& operation, RegisterValue value) {
  const bool is_known = operation.returned.has_value();
  switch (operation.kind) {
    case OperationKind::read:
      return !is_known || operation.found == value ? std::optional(value) : std::nullopt;
    case OperationKind::write:
      return operation.written;
    case OperationKind::compare_and_set:
      if (is_known && operation.found != value) return std::nullopt;
      // An open one that would fail here does nothing: it need not stand anywhere.
      if (!is_known && operation.expected != value) return std::nullopt;
      return value == operation.expected ? operation.written : value;
  }
  return std::nullopt;
}

class Search {
 public:
  explicit Search(std::span<const Operation> operations) : operations_(without_the_invisible(operations)) {
    tried_now_.placed.resize((operations_.size() + 63) / 64);
    build_events();
  }

  Judgement run(std::uint64_t steps_max) {
    std::size_t at = events_.front().next;
    while (to_return_ > 0) {
      if (++judgement_.steps > steps_max) {
        judgement_.verdict = Verdict::undecided;
        return judgement_;
      }
      const Event& event = events_[at];
      if (event.is_call) {
        at = place(event.operation) ? events_.front().next : event.next;
        continue;
      }
      // Its return stands before every other call that is left: it must be placed, and could not.
      note_stuck(event.operation);
      if (order_.empty()) {
        judgement_.verdict = Verdict::not_linearizable;
        return judgement_;
      }
      at = take_back();
    }
    return judgement_;
  }

 private:
  struct Event {
    std::size_t operation = 0;
    bool is_call = false;
    std::size_t previous = 0;
    std::size_t next = 0;
  };
  struct Placed {
    std::size_t operation = 0;
    RegisterValue value_before = 0;
  };

  // A ring in the order of time, with a head at 0; calls and returns of placed operations are taken out.
  void build_events() {
    struct Moment {
      std::uint64_t when;
      std::size_t operation;
      bool is_call;
    };
    std::vector<Moment> moments;
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      moments.push_back({operations_[i].called, i, true});
      if (operations_[i].returned) moments.push_back({*operations_[i].returned, i, false});
    }
    // At the same moment calls come first: then the two operations count as concurrent.
    std::stable_sort(moments.begin(), moments.end(), [](const Moment& a, const Moment& b) {
      return a.when != b.when ? a.when < b.when : a.is_call && !b.is_call;
    });
    events_.resize(moments.size() + 1);
    calls_.resize(operations_.size());
    returns_.resize(operations_.size());
    for (std::size_t i = 0; i <= moments.size(); ++i) {
      events_[i].previous = i == 0 ? moments.size() : i - 1;
      events_[i].next = i == moments.size() ? 0 : i + 1;
      if (i == 0) continue;
      const Moment& moment = moments[i - 1];
      events_[i].operation = moment.operation;
      events_[i].is_call = moment.is_call;
      (moment.is_call ? calls_ : returns_)[moment.operation] = i;
      if (!moment.is_call) ++to_return_;
    }
  }

  bool place(std::size_t operation) {
    const std::optional<RegisterValue> after = step(operations_[operation], tried_now_.value);
    if (!after) return false;
    const RegisterValue before = tried_now_.value;
    tried_now_.placed[operation / 64] |= std::uint64_t{1} << operation % 64;
    tried_now_.value = *after;
    if (!tried_.insert(tried_now_).second) {
      tried_now_.placed[operation / 64] &= ~(std::uint64_t{1} << operation % 64);
      tried_now_.value = before;
      return false;
    }
    order_.push_back({operation, before});
    unlink(calls_[operation]);
    if (operations_[operation].returned) {
      unlink(returns_[operation]);
      --to_return_;
    }
    return true;
  }

  // Undoes the last placing; the search goes on behind its call.
  std::size_t take_back() {
    const Placed last = order_.back();
    order_.pop_back();
    tried_now_.placed[last.operation / 64] &= ~(std::uint64_t{1} << last.operation % 64);
    tried_now_.value = last.value_before;
    if (operations_[last.operation].returned) {
      link(returns_[last.operation]);
      ++to_return_;
    }
    link(calls_[last.operation]);
    return events_[calls_[last.operation]].next;
  }

  void note_stuck(std::size_t operation) {
    const Operation& here = operations_[operation];
    if (judgement_.unexplained && *judgement_.unexplained->returned >= *here.returned) return;
    judgement_.unexplained = here;
    judgement_.longest.clear();
    for (const Placed& placed : order_) judgement_.longest.push_back(operations_[placed.operation]);
  }

  void unlink(std::size_t event) {
    events_[events_[event].previous].next = events_[event].next;
    events_[events_[event].next].previous = events_[event].previous;
  }
  void link(std::size_t event) {
    events_[events_[event].previous].next = event;
    events_[events_[event].next].previous = event;
  }

  std::vector<Operation> operations_;
  std::vector<Event> events_;
  std::vector<std::size_t> calls_;    // by operation: its event
  std::vector<std::size_t> returns_;  // by operation; only of those that returned
  std::vector<Placed> order_;
  std::unordered_set<Tried, TriedHash> tried_;
  Tried tried_now_;
  std::size_t to_return_ = 0;
  Judgement judgement_;
};

}  // namespace

Judgement judge(std::span<const Operation> operations, std::uint64_t steps_max) {
  return Search(operations).run(steps_max);
}

std::string text_of(const Operation& operation) {
  std::string what;
  switch (operation.kind) {
    case OperationKind::read:
      what = "read";
      break;
    case OperationKind::write:
      what = fmt::format("write {}", operation.written);
      break;
    case OperationKind::compare_and_set:
      what = fmt::format("if {} write {}", operation.expected, operation.written);
      break;
  }
  if (!operation.returned)
    return fmt::format("client {} [{}, ?] {}: unknown", operation.client, operation.called, what);
  const std::string found = operation.kind == OperationKind::write ? "done" : fmt::format("found {}", operation.found);
  return fmt::format("client {} [{}, {}] {}: {}", operation.client, operation.called, *operation.returned, what, found);
}

std::string text_of(const Judgement& judgement) {
  if (judgement.verdict == Verdict::linearizable) return "linearizable";
  if (judgement.verdict == Verdict::undecided) return fmt::format("undecided after {} steps", judgement.steps);
  std::string text = "no order explains " + text_of(*judgement.unexplained) + "; the longest order found ends with";
  const std::size_t shown = std::min<std::size_t>(judgement.longest.size(), 12);
  for (std::size_t i = judgement.longest.size() - shown; i < judgement.longest.size(); ++i)
    text += "\n    " + text_of(judgement.longest[i]);
  return text;
}

}  // namespace sluice::sim
