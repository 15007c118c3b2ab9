// SPDX-License-Identifier: Apache-2.0
#include "generation_driver.h"

#include <algorithm>
#include <utility>

namespace sluice::node {

void GenerationDriver::start(Uptime now) {
  started_ = now;
  is_under_way_ = false;
  rests_until_ = now;
  heard_.clear();
}

void GenerationDriver::heard(raft::NodeId node, const PlaneProgress& progress, Uptime now, LeaseGrant lease) {
  Heard& heard = heard_.try_emplace(node, Heard{progress, started_}).first->second;
  heard.progress = progress;
  if (lease == LeaseGrant::granted) heard.leased = now;
}

void GenerationDriver::keep_only(const std::vector<raft::NodeId>& members) {
  std::erase_if(heard_, [&](const auto& one) {
    return !left_.contains(one.first) && std::find(members.begin(), members.end(), one.first) == members.end();
  });
}

// Somebody who does not belong to the cluster any more forwards still, and does not know `prepared`.
bool GenerationDriver::is_left_behind(Generation prepared, Uptime now) {
  std::erase_if(left_, [&](const auto& one) { return now >= one.second + options_.lease + options_.margin; });
  return std::any_of(left_.begin(), left_.end(), [&](const auto& one) {
    const auto found = heard_.find(one.first);
    if (found == heard_.end()) return true;
    const PlaneProgress& progress = found->second.progress;
    return progress.has_plane && progress.prepared < prepared;
  });
}

bool GenerationDriver::is_within_lease(raft::NodeId node, Uptime now) const {
  const auto found = heard_.find(node);
  const Uptime since = found == heard_.end() ? started_ : found->second.leased;
  return now < since + options_.lease + options_.margin;
}

GenerationStep GenerationDriver::decide(const GenerationView& view, const std::vector<raft::NodeId>& members,
                                        Uptime now) {
  if (!view.prepared) {
    if (std::exchange(is_under_way_, false)) rests_until_ = now + options_.rest;
    if (!view.is_dirty) return {};
    if (now < rests_until_) return {GenerationStep::Kind::none, {}, {}, rests_until_};
    return {GenerationStep::Kind::prepare, Generation(view.active.value() + 1), {}, {}};
  }
  is_under_way_ = true;
  if (is_left_behind(*view.prepared, now)) return {};
  GenerationStep step{GenerationStep::Kind::activate, *view.prepared, {}, {}};
  for (const raft::NodeId node : members) {
    const auto found = heard_.find(node);
    const bool is_known = found != heard_.end();
    if (is_known && !found->second.progress.has_plane) continue;
    if (is_known && found->second.progress.prepared >= *view.prepared) continue;
    if (is_within_lease(node, now)) return {};
    step.laggards.push_back(node);
  }
  return step;
}

}  // namespace sluice::node
