// SPDX-License-Identifier: Apache-2.0
// The nodes and the network between them; what faults, operators and clients act upon.
#pragma once

#include <memory>
#include <vector>

#include "sim_network.h"
#include "sim_node.h"

namespace sluice::sim {

class SimCluster {
 public:
  explicit SimCluster(SimWorld& world);

  // The founders, each from the same first snapshot.
  void found();
  // A new machine with an empty disk, running.
  SimNode& add_node();

  [[nodiscard]] const std::vector<std::unique_ptr<SimNode>>& nodes() const { return nodes_; }
  [[nodiscard]] SimNode* find(raft::NodeId id) const;
  [[nodiscard]] std::vector<SimNode*> running() const;
  // Any of those running; null if none is.
  [[nodiscard]] SimNode* any_running() const;
  // Those who believe that they lead: there may be several.
  [[nodiscard]] std::vector<SimNode*> leaders() const;
  [[nodiscard]] SimNetwork& network() { return network_; }

  // Starts it again, if it is down; or its disk turns out to be damaged.
  void restart(SimNode& node);
  // Could these members still agree on anything, were `without` gone for good as well?
  [[nodiscard]] bool has_living_quorum(const raft::Configuration& configuration, raft::NodeId without) const;

 private:
  SimWorld& world_;
  SimNetwork network_;
  std::vector<std::unique_ptr<SimNode>> nodes_;
};

}  // namespace sluice::sim
