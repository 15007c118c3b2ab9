// SPDX-License-Identifier: Apache-2.0
#include "slot_step.h"

#include <algorithm>
#include <array>
#include <vector>

#include "slot_quotas.h"

namespace sluice {
namespace {

class Step {
 public:
  Step(std::span<SlotOwners> lists, const StepRule& rule);
  StepMoves run();

 private:
  void sort_into_groups();
  void give_back();
  void move_on();
  void move(SlotOwners& owners, std::uint16_t to);
  [[nodiscard]] std::vector<std::uint16_t> receivers() const;

  std::span<SlotOwners> lists_;
  const StepRule& rule_;
  std::vector<std::uint32_t> surplus_;  // by id
  std::vector<std::uint32_t> deficit_;  // by id
  std::uint32_t deficits_left_ = 0;     // sum of these
  // Slots whose owner has a surplus at the start, by length of their list - 1, in visit order.
  std::array<std::vector<std::uint32_t>, slot_owners_max> groups_;
  StepMoves moves_;
};

Step::Step(std::span<SlotOwners> lists, const StepRule& rule)
    : lists_(lists), rule_(rule), surplus_(rule.quotas.size()), deficit_(rule.quotas.size()) {
  std::vector<std::uint32_t> held(rule.quotas.size());
  for (const SlotOwners& owners : lists) ++held[owners.current()];
  for (std::size_t id = 0; id < held.size(); ++id) {
    surplus_[id] = held[id] > rule.quotas[id] ? held[id] - rule.quotas[id] : 0;
    deficit_[id] = held[id] < rule.quotas[id] ? rule.quotas[id] - held[id] : 0;
    deficits_left_ += deficit_[id];
  }
}

void Step::sort_into_groups() {
  const auto slots_count = static_cast<std::uint32_t>(lists_.size());
  // One byte a slot, 0 for those that stay: the lists themselves are too many to be visited out of their order.
  std::vector<std::uint8_t> lengths(slots_count);
  std::array<std::size_t, slot_owners_max + 1> counts{};
  for (std::uint32_t slot = 0; slot < slots_count; ++slot) {
    const SlotOwners& owners = lists_[slot];
    const std::size_t length = surplus_[owners.current()] > 0 ? owners.size() : 0;
    lengths[slot] = static_cast<std::uint8_t>(length);
    ++counts[length];
  }
  for (std::size_t group = 0; group < slot_owners_max; ++group) groups_[group].reserve(counts[group + 1]);
  const auto stride = std::max(1u, static_cast<std::uint32_t>(std::uint64_t{slots_count} * 40503 >> 16));
  std::uint32_t slot = 0;
  for (std::uint32_t i = 0; i < slots_count; ++i) {
    if (lengths[slot] != 0) groups_[lengths[slot] - 1U].push_back(slot);
    slot += stride;
    if (slot >= slots_count) slot -= slots_count;
  }
}

void Step::move(SlotOwners& owners, std::uint16_t to) {
  --surplus_[owners.current()];
  --deficit_[to];
  --deficits_left_;
  ++moves_.moved;
  owners.put_first(to, rule_.owners_max);
}

void Step::give_back() {
  for (std::size_t group = slot_owners_max; group-- > 1;) {
    for (const std::uint32_t slot : groups_[group]) {
      if (deficits_left_ == 0) return;
      SlotOwners& owners = lists_[slot];
      if (surplus_[owners.current()] == 0) continue;
      const auto past = owners.past();
      const auto back = std::find_if(past.begin(), past.end(), [&](std::uint16_t id) { return deficit_[id] > 0; });
      if (back == past.end()) continue;
      move(owners, *back);
      ++moves_.returned;
    }
  }
}

std::vector<std::uint16_t> Step::receivers() const {
  std::vector<std::uint32_t> deficits;
  for (const std::uint16_t id : rule_.identity_order) deficits.push_back(deficit_[id]);
  std::vector<std::uint16_t> turns = turns_by_weight(deficits, deficits);
  for (std::uint16_t& turn : turns) turn = rule_.identity_order[turn];
  return turns;
}

void Step::move_on() {
  const std::vector<std::uint16_t> turns = receivers();
  auto next = turns.begin();
  for (const std::vector<std::uint32_t>& group : groups_) {
    for (const std::uint32_t slot : group) {
      if (next == turns.end()) return;
      // A slot that went back in (a) belongs to a member that had a deficit, which has no surplus.
      if (surplus_[lists_[slot].current()] > 0) move(lists_[slot], *next++);
    }
  }
  SLUICE_INVARIANT(next == turns.end());
}

StepMoves Step::run() {
  sort_into_groups();
  give_back();
  move_on();
  return moves_;
}

}  // namespace

StepMoves apply_step_rule(std::span<SlotOwners> lists, const StepRule& rule) {
  return Step(lists, rule).run();
}

}  // namespace sluice
