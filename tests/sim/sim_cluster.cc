// SPDX-License-Identifier: Apache-2.0
#include "sim_cluster.h"

#include <algorithm>

namespace sluice::sim {

using namespace raft;

SimCluster::SimCluster(SimWorld& world)
    : world_(world), network_(world, [this](NodeId to, std::string bytes) {
        if (SimNode* node = find(to)) node->receive(std::move(bytes));
      }) {}

void SimCluster::found() {
  Configuration founders;
  for (std::uint32_t i = 0; i < world_.options.nodes; ++i)
    founders.members.push_back({NodeId(world_.random.next()), MemberRole::voter, "n" + std::to_string(i + 1), ""});
  std::sort(founders.members.begin(), founders.members.end(),
            [](const Member& a, const Member& b) { return a.id < b.id; });
  const auto data = std::make_shared<const std::string>(world_.make_machine()->save());
  for (const Member& member : founders.members) {
    nodes_.push_back(std::make_unique<SimNode>(world_, member.id, bootstrap_state(founders, data),
                                               [this](const Message& message) { network_.send(message); }));
  }
  for (const auto& node : nodes_) {
    world_.clock.after(world_.up_to(milliseconds(500)), [&node = *node] {
      if (node.life() == Life::down) node.start();
    });
  }
}

SimNode& SimCluster::add_node() {
  nodes_.push_back(std::make_unique<SimNode>(world_, NodeId(world_.random.next()), StoredState{},
                                             [this](const Message& message) { network_.send(message); }));
  nodes_.back()->start();
  return *nodes_.back();
}

SimNode* SimCluster::find(NodeId id) const {
  const auto found = std::find_if(nodes_.begin(), nodes_.end(), [id](const auto& node) { return node->id() == id; });
  return found == nodes_.end() ? nullptr : found->get();
}

std::vector<SimNode*> SimCluster::running() const {
  std::vector<SimNode*> running;
  for (const auto& node : nodes_)
    if (node->life() == Life::up) running.push_back(node.get());
  return running;
}

SimNode* SimCluster::any_running() const {
  const std::vector<SimNode*> all = running();
  return all.empty() ? nullptr : all[world_.random.below(static_cast<std::uint32_t>(all.size()))];
}

std::vector<SimNode*> SimCluster::leaders() const {
  std::vector<SimNode*> leaders = running();
  std::erase_if(leaders, [](const SimNode* node) { return node->status().role != Role::leader; });
  return leaders;
}

void SimCluster::restart(SimNode& node) {
  if (node.life() != Life::down) return;
  // The damage is found at the start, by the checksums. Only as much of it as the cluster is made to bear.
  if (!world_.is_healed && world_.random.percent(world_.options.faults.rot_percent)) {
    const std::vector<Configuration> possible = world_.oracle.possible_configurations();
    if (std::all_of(possible.begin(), possible.end(),
                    [&](const Configuration& configuration) { return has_living_quorum(configuration, node.id()); })) {
      node.ruin();
      return;
    }
  }
  node.start();
}

bool SimCluster::has_living_quorum(const Configuration& configuration, NodeId without) const {
  const std::vector<NodeId> voters = voters_of(configuration);
  const auto living = std::count_if(voters.begin(), voters.end(), [&](NodeId id) {
    const SimNode* node = find(id);
    return id != without && node != nullptr && node->life() != Life::ruined && node->life() != Life::retired;
  });
  return 2 * static_cast<std::size_t>(living) > voters.size();
}

}  // namespace sluice::sim
