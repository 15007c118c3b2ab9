// SPDX-License-Identifier: Apache-2.0
// Everything bad that happens to machines, disks and cables.
#pragma once

#include "sim_cluster.h"

namespace sluice::sim {

class SimNemesis {
 public:
  SimNemesis(SimWorld& world, SimCluster& cluster) : world_(world), cluster_(cluster) {}

  void start();
  // Everything is well from now on: cables, disks, clocks; who was down comes back.
  void heal();

 private:
  using Fault = void (SimNemesis::*)();
  void every(Time mean, Fault fault);
  void crash();
  void restart_all();
  void pause();
  void partition();
  void stall_disk();
  void break_write();
  void fill_disk();
  void compact();
  void crash_and_restart(SimNode& node, Time down_max);
  void fail_next_write(DiskFault fault, Time down_max);
  void cut_random_way(const std::vector<SimNode*>& nodes);
  void isolate(const SimNode& alone, const std::vector<SimNode*>& nodes);
  void split(const std::vector<SimNode*>& nodes);

  SimWorld& world_;
  SimCluster& cluster_;
};

}  // namespace sluice::sim
