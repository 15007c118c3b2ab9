// SPDX-License-Identifier: Apache-2.0
// Everything bad that happens to balancers, their planes, the network between them, and backends.
#pragma once

#include "balancer_cluster.h"

namespace sluice::sim {

class BalancerNemesis {
 public:
  BalancerNemesis(SimWorld& world, const BalancerOptions& options, BalancerCluster& cluster)
      : world_(world), options_(options), cluster_(cluster) {}

  void start();
  void heal();

 private:
  using Fault = void (BalancerNemesis::*)();
  void every(Time mean, Fault fault);
  void crash();
  void crash_all();
  void crash_machine();
  void crash_plane();
  void cut_plane();
  void pause();
  void stall_disk();
  void partition();
  void kill_backend();
  void change_members();
  void add_member(SimBalancer& asked);
  void remove_member(SimBalancer& asked);
  [[nodiscard]] SimBalancer* victim();
  void isolate(const SimBalancer& alone, const std::vector<SimBalancer*>& all);
  void split(const std::vector<SimBalancer*>& all);
  void cut_ways(const std::vector<SimBalancer*>& all);

  SimWorld& world_;
  const BalancerOptions& options_;
  BalancerCluster& cluster_;
};

}  // namespace sluice::sim
