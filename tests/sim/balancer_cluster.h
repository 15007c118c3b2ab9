// SPDX-License-Identifier: Apache-2.0
// Whole balancers and the network between them: what faults and clients act upon.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "balancer_options.h"
#include "chain_cover.h"
#include "sim_balancer.h"
#include "sim_world.h"

namespace sluice::sim {

class BalancerCluster final : public BalancerPeers {
 public:
  BalancerCluster(SimWorld& world, const BalancerOptions& options);

  void found();
  // Starts in a moment, and belongs to nobody. The member it would be.
  raft::Member add_balancer();
  // One that has never forwarded and, as far as the leader knows, belongs to nobody.
  [[nodiscard]] std::optional<raft::Member> any_newcomer() const;
  void run_until(Time end);

  [[nodiscard]] const std::vector<std::unique_ptr<SimBalancer>>& balancers() const { return balancers_; }
  [[nodiscard]] std::vector<SimBalancer*> running() const;
  [[nodiscard]] SimBalancer* any() const;
  [[nodiscard]] SimBalancer* any_running() const;
  // As the leader knows them; null without one.
  [[nodiscard]] SimBalancer* any_member() const;
  // The one whom every running member follows; null if there is none.
  [[nodiscard]] SimBalancer* leader() const;
  [[nodiscard]] ChainCover& cover() { return cover_; }

  void cut(raft::NodeId from, raft::NodeId to) { cut_.emplace(from, to); }
  void mend() { cut_.clear(); }
  // What is still under way arrives now: what is late is a fault, too.
  void bring_all();
  [[nodiscard]] bool is_whole() const { return cut_.empty(); }

  // BalancerPeers
  void send(raft::NodeId from, raft::NodeId to, ParcelKind kind, std::string bytes) override;
  void look_later() override { is_look_due_ = true; }

 private:
  struct Parcel {
    std::pair<raft::NodeId, raft::NodeId> way;
    ParcelKind kind;
    std::string bytes;
  };
  void deliver_after(Time delay, raft::NodeId from, raft::NodeId to, ParcelKind kind, const std::string& bytes);
  void bring(std::uint64_t number);
  void look();

  SimWorld& world_;
  const BalancerOptions& options_;
  ChainCover cover_;
  std::vector<std::unique_ptr<SimBalancer>> balancers_;
  std::map<raft::NodeId, raft::Member> newcomers_;  // that have not forwarded yet
  std::set<std::pair<raft::NodeId, raft::NodeId>> cut_;
  std::uint64_t last_parcel_ = 0;
  std::map<std::uint64_t, Parcel> on_their_way_;  // by the order in which they were sent
  bool is_look_due_ = false;
};

}  // namespace sluice::sim
