// SPDX-License-Identifier: Apache-2.0
// Clients of the registers: each has one request open, at a node of its choice; if nothing comes back it asks another,
// with the same number, and some time it gives up and never learns. Every value is written once, so that a read says
// which write it saw.
#pragma once

#include <map>
#include <vector>

#include "linearizable.h"
#include "register_machine.h"
#include "sim_cluster.h"
#include "sim_workload.h"

namespace sluice::sim {

class RegisterClients final : public Workload {
 public:
  RegisterClients(SimWorld& world, SimCluster& cluster);

  void start() override;
  void begin_final_round() override;
  [[nodiscard]] bool is_final_round_done() const override;
  [[nodiscard]] std::string final_round_left() const override;
  [[nodiscard]] std::string judge_history() const override;
  [[nodiscard]] std::uint64_t operations() const override;

 private:
  struct Client {
    std::uint32_t number = 0;
    std::uint64_t request = 0;
    Operation operation;
    std::uint32_t key = 0;
    bool is_busy = false;
    std::uint32_t tries_left = 0;
    std::uint64_t attempt = 0;  // answers to earlier ones come too late
    raft::NodeId node;          // where it had luck last
  };

  void begin(Client& client, OperationKind kind);
  void try_once(Client& client);
  void send(Client& client, SimNode& node);
  void answered(Client& client, Outcome outcome, const std::string& bytes);
  void give_up(Client& client);
  void finish(Client& client);
  void think(Client& client);
  [[nodiscard]] std::uint64_t moment() { return ++moments_; }

  SimWorld& world_;
  SimCluster& cluster_;
  std::vector<Client> clients_;
  std::map<std::uint32_t, std::vector<Operation>> history_;  // by key
  std::map<std::uint32_t, std::uint64_t> last_seen_;         // by key: a value to compare with
  std::uint64_t moments_ = 0;
  std::uint64_t values_ = 0;
  bool is_final_ = false;
  std::size_t final_left_ = 0;
};

}  // namespace sluice::sim
