// SPDX-License-Identifier: Apache-2.0
// Operators of a cluster of balancers: backends come, go and change their weights, through whichever balancer, and the
// same request again through another one when nothing comes back. What was acknowledged must be in the audit, once.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "balancer_cluster.h"

namespace sluice::sim {

class BalancerClients {
 public:
  BalancerClients(SimWorld& world, const BalancerOptions& options, BalancerCluster& cluster);

  void start();
  // All is well from now on: one more change each, which must succeed.
  void begin_final_round();
  [[nodiscard]] bool is_final_round_done() const;
  // Empty, or what was acknowledged and is not there, or there twice.
  [[nodiscard]] std::string judge(const model::ClusterState& state) const;
  [[nodiscard]] std::uint64_t operations() const { return acknowledged_.size(); }

 private:
  struct Client {
    model::Change change;
    std::uint64_t attempt = 0;
    bool is_busy = false;
    bool is_final = false;
    bool is_done = false;
  };

  void think(Client& client);
  void begin(Client& client);
  void try_once(Client& client);
  void answered(Client& client, std::uint64_t attempt, const node::ApiResult<node::WriteReceipt>& result);
  void ended(Client& client);
  [[nodiscard]] std::vector<model::Operation> first_operations();
  [[nodiscard]] model::Operation any_operation();
  [[nodiscard]] MemberConfig backend(std::uint32_t number, std::uint16_t weight) const;

  SimWorld& world_;
  const BalancerOptions& options_;
  BalancerCluster& cluster_;
  std::vector<Client> clients_;
  std::map<std::uint32_t, std::uint32_t> moves_;  // of a backend to another address
  bool is_founded_ = false;
  bool is_final_ = false;
  std::map<model::RequestId, std::uint64_t> acknowledged_;  // and its place in the log
};

}  // namespace sluice::sim
