// SPDX-License-Identifier: Apache-2.0
// The people: they add machines, promote, remove and replace them and move the leadership about, also at bad moments
// and also at somebody who no longer leads. They do not do what must kill any cluster: leave fewer living voters than a
// quorum.
#pragma once

#include <map>

#include "sim_cluster.h"

namespace sluice::sim {

class SimOperator {
 public:
  SimOperator(SimWorld& world, SimCluster& cluster) : world_(world), cluster_(cluster) {}

  void start();
  // Machines that the cluster has let go are switched off, later or never.
  void retire_removed();

 private:
  void change_membership();
  void transfer();
  void add(SimNode& leader, const raft::RaftStatus& status);
  void promote(SimNode& leader, const raft::RaftStatus& status);
  void remove(SimNode& leader, const raft::RaftStatus& status);
  void take_back_removed(SimNode& leader, const raft::RaftStatus& status);
  [[nodiscard]] SimNode* any_leader();
  [[nodiscard]] bool is_safe(const raft::Configuration& configuration) const;

  SimWorld& world_;
  SimCluster& cluster_;
};

}  // namespace sluice::sim
