// SPDX-License-Identifier: Apache-2.0
// Messages as bytes between nodes: late, lost, twice, out of order, or not at all across a partition. One way at a
// time.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "raft_types.h"
#include "sim_world.h"

namespace sluice::sim {

class SimNetwork {
 public:
  using Receiver = std::function<void(raft::NodeId to, std::string bytes)>;
  SimNetwork(SimWorld& world, Receiver receiver) : world_(world), receiver_(std::move(receiver)) {}

  void send(const raft::Message& message);
  // What is on its way is lost too, as with a broken connection.
  void cut(raft::NodeId from, raft::NodeId to) { cut_.emplace(from, to); }
  void mend() { cut_.clear(); }
  [[nodiscard]] bool is_whole() const { return cut_.empty(); }

 private:
  void deliver_after(Time delay, const raft::Message& message, const std::string& bytes);

  SimWorld& world_;
  Receiver receiver_;
  std::set<std::pair<raft::NodeId, raft::NodeId>> cut_;
};

}  // namespace sluice::sim
