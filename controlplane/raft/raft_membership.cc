// SPDX-License-Identifier: Apache-2.0
#include "raft_membership.h"

#include <algorithm>
#include <string>
#include <utility>

namespace sluice::raft {
namespace {

std::string text_of(NodeId id) {
  return "node " + std::to_string(id.value());
}

Member* find(Configuration& configuration, NodeId id) {
  const auto found = std::find_if(configuration.members.begin(), configuration.members.end(),
                                  [id](const Member& member) { return member.id == id; });
  return found == configuration.members.end() ? nullptr : &*found;
}

bool has_voter(const Configuration& configuration) {
  return std::any_of(configuration.members.begin(), configuration.members.end(),
                     [](const Member& member) { return member.role == MemberRole::voter; });
}

}  // namespace

bool is_well_formed(const Configuration& configuration) {
  const auto& [members, removed] = configuration;
  const auto not_ascending = [](const Member& a, const Member& b) { return a.id >= b.id; };
  if (std::adjacent_find(members.begin(), members.end(), not_ascending) != members.end()) return false;
  if (std::adjacent_find(removed.begin(), removed.end(), std::greater_equal<>()) != removed.end()) return false;
  if (!members.empty() && members.front().id == NodeId()) return false;
  if (!removed.empty() && removed.front() == NodeId()) return false;
  return std::none_of(members.begin(), members.end(), [&removed = removed](const Member& member) {
    return std::binary_search(removed.begin(), removed.end(), member.id);
  });
}

Result<Configuration> with_learner(Configuration configuration, const Member& member) {
  if (member.id == NodeId())
    return make_error(ErrorCode::invalid_argument, "0 is no node's id; a new node draws a random one");
  if (configuration.find(member.id) != nullptr)
    return make_error(ErrorCode::conflict, text_of(member.id) + " is a member already");
  if (std::binary_search(configuration.removed.begin(), configuration.removed.end(), member.id))
    return make_error(ErrorCode::conflict, text_of(member.id) +
                                               " was removed, and an id never comes back: its old promises "
                                               "would count again; let it start empty with a new id");
  const auto place = std::find_if(configuration.members.begin(), configuration.members.end(),
                                  [&](const Member& one) { return one.id > member.id; });
  configuration.members.insert(place, member)->role = MemberRole::learner;
  return configuration;
}

Result<Configuration> with_promoted(Configuration configuration, NodeId learner) {
  Member* const member = find(configuration, learner);
  if (member == nullptr)
    return make_error(ErrorCode::not_found, text_of(learner) + " is no member; add it as a learner first");
  if (member->role == MemberRole::voter)
    return make_error(ErrorCode::conflict, text_of(learner) + " is a voter already");
  member->role = MemberRole::voter;
  return configuration;
}

Result<Configuration> without(Configuration configuration, NodeId member) {
  if (find(configuration, member) == nullptr)
    return make_error(ErrorCode::not_found, text_of(member) + " is no member");
  std::erase_if(configuration.members, [&](const Member& one) { return one.id == member; });
  if (!has_voter(configuration))
    return make_error(ErrorCode::conflict,
                      text_of(member) + " is the last voter; nobody would be left to decide anything");
  const auto place = std::lower_bound(configuration.removed.begin(), configuration.removed.end(), member);
  configuration.removed.insert(place, member);
  return configuration;
}

const Configuration& ConfigurationHistory::at(LogIndex index) const {
  const auto after =
      std::find_if(steps_.begin(), steps_.end(), [index](const Step& step) { return step.index > index; });
  SLUICE_INVARIANT(after != steps_.begin());
  return std::prev(after)->configuration;
}

void ConfigurationHistory::add(LogIndex index, Configuration configuration) {
  SLUICE_INVARIANT(index > steps_.back().index);
  steps_.push_back({index, std::move(configuration)});
}

void ConfigurationHistory::truncate_from(LogIndex index) {
  while (steps_.back().index >= index) {
    steps_.pop_back();
    SLUICE_INVARIANT(!steps_.empty());
  }
}

void ConfigurationHistory::forget_before(LogIndex index) {
  while (steps_.size() > 1 && steps_[1].index <= index) steps_.pop_front();
}

void ConfigurationHistory::restart(LogIndex index, Configuration configuration) {
  steps_.clear();
  steps_.push_back({index, std::move(configuration)});
}

}  // namespace sluice::raft
