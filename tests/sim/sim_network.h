// SPDX-License-Identifier: Apache-2.0
// Messages as bytes between nodes: late, lost, twice, out of order, or not at all across a partition. One way at a
// time.
#pragma once

#include <functional>
#include <map>
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
  // What is still on its way arrives at once, in the order in which it was sent: nothing of the past comes later than
  // that.
  void bring_all();
  [[nodiscard]] bool is_whole() const { return cut_.empty(); }

 private:
  using Way = std::pair<raft::NodeId, raft::NodeId>;
  struct OnItsWay {
    Way way;
    std::string bytes;
  };

  void deliver_after(Time delay, const raft::Message& message, const std::string& bytes);
  void bring(std::uint64_t number);

  SimWorld& world_;
  Receiver receiver_;
  std::set<Way> cut_;
  std::map<std::uint64_t, OnItsWay> on_its_way_;  // by the order in which it was sent
  std::uint64_t sent_ = 0;
};

}  // namespace sluice::sim
