// SPDX-License-Identifier: Apache-2.0
// How far every balancer is: reports, leases, and whether all that forward know enough. The leader keeps the board;
// everybody else has its newest copy. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "cluster_port.h"
#include "generation_driver.h"
#include "lease.h"
#include "node_messages.h"
#include "raft_types.h"
#include "uptime.h"

namespace sluice::node {

class Board {
 public:
  // A report goes out this often, and at once when something has changed.
  static constexpr Uptime report_interval{200};
  // Shown as live until so long after its last report: four may be lost or late, and nobody waits longer to be told.
  static constexpr Uptime live_for = 5 * report_interval;

  // `first_sequence`: random, so that no answer to an earlier life of this node answers this one.
  explicit Board(const GenerationDriver::Options& options, std::uint64_t first_sequence = 0)
      : first_sequence_(first_sequence), last_sequence_(first_sequence), lease_(options.lease), driver_(options) {}

  void set_lease(Uptime lease);
  void set_rest(Uptime rest) { driver_.set_rest(rest); }

  // This node's own report, if it is due or differs from the last. The caller sends it to the leader, or to
  // heard_report() if it leads itself.
  [[nodiscard]] std::optional<NodeReport> own_report(NodeReport now_true, Uptime now);
  // What the leader answers: the whole picture.
  [[nodiscard]] ReportReply reply_to(raft::NodeId node, Generation active, Uptime now, LeaseGrant grant) const;

  void start_leading(Uptime now);
  // Leader. True: somebody's progress has changed, tell the others.
  bool heard_report(raft::NodeId node, const NodeReport& report, Uptime now);
  // Follower.
  void heard_reply(const ReportReply& reply, Uptime now);
  void keep_only(const std::vector<raft::NodeId>& members);
  void left(raft::NodeId node, Uptime now) { driver_.left(node, now); }

  [[nodiscard]] GenerationStep decide(const GenerationView& view, const std::vector<raft::NodeId>& members,
                                      Uptime now) {
    return driver_.decide(view, members, now);
  }

  // Whether this balancer may count on the others counting on it.
  [[nodiscard]] bool is_lease_held(Uptime now) const { return lease_.is_held(now); }
  [[nodiscard]] Uptime lease_until() const { return lease_.until(); }
  // What a balancer must know to forward, as a leader has said that granted it a lease; nothing: none has yet.
  [[nodiscard]] std::optional<Generation> leader_active() const { return leader_active_; }

  struct Seen {
    NodeReport report;
    Uptime at{0};
  };
  [[nodiscard]] const Seen* find(raft::NodeId node) const;
  [[nodiscard]] bool is_live(raft::NodeId node, Uptime now) const;
  [[nodiscard]] LiveProgress live_progress(Generation generation, const std::vector<raft::NodeId>& members,
                                           Uptime now) const;

 private:
  std::uint64_t first_sequence_;
  std::uint64_t last_sequence_;
  std::optional<NodeReport> last_sent_;
  Uptime sent_at_{0};
  LeaseHolder lease_;
  GenerationDriver driver_;
  std::optional<Generation> leader_active_;
  std::map<raft::NodeId, Seen> seen_;
};

}  // namespace sluice::node
