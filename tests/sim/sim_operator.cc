// SPDX-License-Identifier: Apache-2.0
#include "sim_operator.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::sim {

using namespace raft;

namespace {
constexpr std::size_t members_max = 8;
}

void SimOperator::start() {
  const FaultRates& faults = world_.options.faults;
  if (faults.membership > Time{}) {
    world_.clock.after(world_.up_to(2 * faults.membership), [this] { change_membership(); });
    world_.clock.after(seconds(1), [this] { retire_removed(); });
  }
  if (faults.transfer > Time{}) world_.clock.after(world_.up_to(2 * faults.transfer), [this] { transfer(); });
}

SimNode* SimOperator::any_leader() {
  std::vector<SimNode*> leaders = cluster_.leaders();
  std::erase_if(leaders, [](const SimNode* node) { return node->is_paused(); });
  return leaders.empty() ? nullptr : leaders[world_.random.below(static_cast<std::uint32_t>(leaders.size()))];
}

void SimOperator::change_membership() {
  if (world_.is_healed) return;
  world_.clock.after(Time(1) + world_.up_to(2 * world_.options.faults.membership), [this] { change_membership(); });
  SimNode* leader = any_leader();
  if (leader == nullptr) return;
  const RaftStatus status = leader->status();
  switch (world_.random.below(8)) {
    case 0:
    case 1:
    case 2:
      add(*leader, status);
      break;
    case 3:
    case 4:
    case 5:
      promote(*leader, status);
      break;
    case 6:
      remove(*leader, status);
      break;
    default:
      take_back_removed(*leader, status);
      break;
  }
}

bool SimOperator::is_safe(const Configuration& configuration) const {
  return !voters_of(configuration).empty() && cluster_.has_living_quorum(configuration, NodeId());
}

void SimOperator::add(SimNode& leader, const RaftStatus& status) {
  if (status.configuration.members.size() >= members_max) return;
  // A machine that was set up earlier and not taken in, if there is one.
  SimNode* fresh = nullptr;
  for (const auto& node : cluster_.nodes()) {
    const std::vector<NodeId>& removed = status.configuration.removed;
    if (node->life() == Life::up && status.configuration.find(node->id()) == nullptr &&
        std::find(removed.begin(), removed.end(), node->id()) == removed.end())
      fresh = node.get();
  }
  if (fresh == nullptr) fresh = &cluster_.add_node();
  const auto taken = leader.ask([&](Raft& raft) {
    return raft.add_learner({fresh->id(), MemberRole::learner, world_.trace.name_of(fresh->id()), ""});
  });
  world_.trace.note([&] {
    return fmt::format("operator at {}: add {}: {}", world_.trace.name_of(leader.id()),
                       world_.trace.name_of(fresh->id()), taken ? "proposed" : taken.error().context);
  });
  if (taken) ++world_.counters.membership_changes;
}

void SimOperator::promote(SimNode& leader, const RaftStatus& status) {
  for (const Member& member : status.configuration.members) {
    if (member.role != MemberRole::learner) continue;
    Configuration after = status.configuration;
    for (Member& one : after.members)
      if (one.id == member.id) one.role = MemberRole::voter;
    if (!is_safe(after)) continue;
    const auto taken = leader.ask([&](Raft& raft) { return raft.promote(member.id); });
    world_.trace.note([&] {
      return fmt::format("operator at {}: promote {}: {}", world_.trace.name_of(leader.id()),
                         world_.trace.name_of(member.id), taken ? "proposed" : taken.error().context);
    });
    if (!taken) return;
    ++world_.counters.membership_changes;
    world_.oracle.accepts_promotion(status, member.id, world_.options.entries_per_message);
    return;
  }
}

void SimOperator::remove(SimNode& leader, const RaftStatus& status) {
  const std::vector<Member>& members = status.configuration.members;
  if (members.size() < 2) return;
  NodeId chosen = members[world_.random.below(static_cast<std::uint32_t>(members.size()))].id;
  // A dead machine first: that is what people would do.
  for (const Member& member : members) {
    const SimNode* node = cluster_.find(member.id);
    if (node != nullptr && node->life() == Life::ruined) chosen = member.id;
  }
  Configuration after = status.configuration;
  std::erase_if(after.members, [&](const Member& member) { return member.id == chosen; });
  if (!is_safe(after)) return;
  const auto taken = leader.ask([&](Raft& raft) { return raft.remove(chosen); });
  world_.trace.note([&] {
    return fmt::format("operator at {}: remove {}: {}", world_.trace.name_of(leader.id()), world_.trace.name_of(chosen),
                       taken ? "proposed" : taken.error().context);
  });
  if (taken) ++world_.counters.membership_changes;
}

// Must be refused.
void SimOperator::take_back_removed(SimNode& leader, const RaftStatus& status) {
  const std::map<NodeId, LogIndex>& removed = world_.oracle.removed();
  if (removed.empty()) return;
  const auto chosen =
      std::next(removed.begin(), world_.random.below(static_cast<std::uint32_t>(removed.size())))->first;
  const auto taken = leader.ask([&](Raft& raft) {
    return raft.add_learner({chosen, MemberRole::learner, "back", ""});
  });
  if (taken) world_.oracle.accepts_member(status, chosen);
}

void SimOperator::retire_removed() {
  if (world_.is_healed) return;
  world_.clock.after(seconds(1), [this] { retire_removed(); });
  for (const auto& [id, index] : world_.oracle.removed()) {
    SimNode* node = cluster_.find(id);
    if (node != nullptr && node->life() != Life::retired && world_.random.percent(30)) node->retire();
  }
}

void SimOperator::transfer() {
  if (world_.is_healed) return;
  world_.clock.after(Time(1) + world_.up_to(2 * world_.options.faults.transfer), [this] { transfer(); });
  SimNode* leader = any_leader();
  if (leader == nullptr) return;
  const std::vector<Member> members = leader->status().configuration.members;
  const NodeId to = members[world_.random.below(static_cast<std::uint32_t>(members.size()))].id;
  const auto taken = leader->ask([&](Raft& raft) { return raft.transfer_to(to); });
  world_.trace.note([&] {
    return fmt::format("operator at {}: leadership to {}: {}", world_.trace.name_of(leader->id()),
                       world_.trace.name_of(to), taken ? "under way" : taken.error().context);
  });
  if (taken) ++world_.counters.transfers;
}

}  // namespace sluice::sim
