// SPDX-License-Identifier: Apache-2.0
// What clients do to the cluster, and whether what they saw was right. The simulator knows no more of it than this.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "sim_machine.h"

namespace sluice::sim {

class SimCluster;
struct SimWorld;

class Workload {
 public:
  virtual ~Workload() = default;
  virtual void start() = 0;
  // All is well from now on: what is begun now must end.
  virtual void begin_final_round() = 0;
  [[nodiscard]] virtual bool is_final_round_done() const = 0;
  [[nodiscard]] virtual std::string final_round_left() const = 0;
  // Empty, or what no correct cluster could have answered.
  [[nodiscard]] virtual std::string judge_history() const = 0;
  // Those whose outcome a client learnt.
  [[nodiscard]] virtual std::uint64_t operations() const = 0;
};

// A model and those who use it: what a simulation is about.
struct Scenario {
  MachineMaker make_machine;
  std::function<std::unique_ptr<Workload>(SimWorld&, SimCluster&)> make_workload;
};

}  // namespace sluice::sim
