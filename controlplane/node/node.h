// SPDX-License-Identifier: Apache-2.0
// One balancer's part of the control plane: its replica of the cluster, what its clients ask for, how far every
// balancer is, and what its plane is to forward by. Pure: time comes with every event or from the host, and the host
// does all that leaves the process. The same code runs in sluiced and in the simulator.
//
// One thread. Calls of ClusterPort are events too.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "board.h"
#include "cluster_port.h"
#include "event_ring.h"
#include "node_messages.h"
#include "plane_driver.h"
#include "replica.h"
#include "requests.h"
#include "uptime.h"

namespace sluice::node {

// Must not call back into the node from within one of these.
class NodeHost : public ReplicaHost {
 public:
  // To another balancer, as fast as it goes; may be lost.
  virtual void send_node(raft::NodeId to, const NodeMessage& message) = 0;
  // Node::on_published() or on_publish_refused() answers.
  virtual void publish(std::shared_ptr<const ForwardingState> state) = 0;
  // This balancer announces its services with less preference (docs/architecture.md), also from the time on that it was
  // told last. Before it is told anything, what a process before this one said goes on.
  virtual void fence() = 0;
  virtual void unfence_until(Uptime lease_end) = 0;
  // Who belongs to the cluster has changed: whom to hold connections with.
  virtual void set_members(const raft::Configuration& configuration) = 0;
  virtual void explain(ExplainQuery query, Done<std::string> done) = 0;
  // The bytes of a backup file of it.
  virtual void back_up(SnapshotOrder order, Done<std::shared_ptr<const std::string>> done) = 0;
  virtual std::unique_ptr<Subscription> call_after(std::chrono::milliseconds delay, std::function<void()> then) = 0;

  [[nodiscard]] virtual Uptime uptime() const = 0;
  [[nodiscard]] virtual std::chrono::system_clock::time_point wall_clock() const = 0;
  [[nodiscard]] virtual std::uint64_t random() = 0;
};

// Of one change, encoded: 100,000 backends with all their settings are 3 MB. Longer ones are refused.
inline constexpr std::size_t command_bytes_max = 8U << 20;

struct NodeOptions {
  ReplicaOptions replica;
  std::string name;         // of this balancer
  std::string api_address;  // host:port for operators; may be empty
  std::string version;      // of the program
  Uptime tick{10};          // of Raft's ticks
  bool has_plane = true;    // this host forwards packets
  // Learners become voters by themselves up to so many (raft.md: 3 to 7 voters); 0 = never.
  std::uint32_t voters_max = 7;
};

class Node final : public ClusterPort, private ReplicaObserver {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Node>> make(const NodeOptions& options, raft::StoredState stored,
                                                          NodeHost& host);

  // Events from the host.
  void on_tick();  // every NodeOptions::tick
  void on_raft(raft::Message message);
  void on_node_message(raft::NodeId from, const NodeMessage& message);
  void on_written();
  void on_snapshot_made(raft::SnapshotMeta meta, std::shared_ptr<const std::string> data);
  void on_plane_connected(std::string kind, Generation generation, StatePhase phase);
  void on_plane_lost();
  void on_published();
  void on_publish_refused(std::string why);

  // ClusterPort
  void write(model::Change change, Done<WriteReceipt> done) override;
  void read(Consistency consistency, Done<StateView> done) override;
  [[nodiscard]] ClusterStatus status() const override;
  void wait_live(Generation generation, std::chrono::milliseconds limit,
                 std::function<void(const LiveProgress&)> progress, Done<LiveProgress> done) override;
  [[nodiscard]] std::unique_ptr<Subscription> subscribe_events(std::optional<std::uint64_t> after,
                                                               EventFeed feed) override;
  void add_member(raft::Member member, Done<raft::LogIndex> done) override;
  void promote_member(std::string name, Done<raft::LogIndex> done) override;
  void remove_member(std::string name, Done<raft::LogIndex> done) override;
  void transfer_leadership(std::string to, Done<raft::LogIndex> done) override;
  void snapshot(Done<std::shared_ptr<const std::string>> done) override;
  [[nodiscard]] std::unique_ptr<Subscription> call_after(std::chrono::milliseconds delay,
                                                         std::function<void()> then) override;
  [[nodiscard]] std::chrono::system_clock::time_point now() const override { return host_.wall_clock(); }
  void explain(ExplainQuery query, Done<std::string> done) override;
  [[nodiscard]] std::vector<Metric> metrics() const override;

  [[nodiscard]] const Replica& replica() const { return *replica_; }
  [[nodiscard]] bool is_fenced() const { return is_fenced_; }
  [[nodiscard]] const PlaneDriver& plane() const { return plane_; }

 private:
  struct AppliedItem {
    Place place;
    raft::EntryType type = raft::EntryType::noop;
    std::optional<model::Outcome> outcome;
  };
  struct Read {
    Done<StateView> done;
    Uptime asked{0};
  };
  struct Watch {
    Generation generation;
    Uptime until{0};
    std::function<void(const LiveProgress&)> progress;
    Done<LiveProgress> done;
    std::optional<std::uint32_t> last_live;
  };

  Node(const NodeOptions& options, NodeHost& host);

  // ReplicaObserver: notes only; settle() does what follows from it.
  void applied(const raft::Entry& entry, const model::Outcome* outcome) override;
  void replaced(raft::LogIndex index) override;
  void read_done(raft::ReadId id, ReadOutcome outcome) override;

  void settle();
  void settle_applied();
  void settle_reads();
  void ask_again();
  void follow_roles();
  void follow_configuration();
  void follow_committed(const raft::RaftStatus& status);
  void follow_generations();
  void drive_plane();
  void drive_reports();
  void drive_fence();
  void drive_generations();
  void wake_at(Uptime due);
  void drive_membership();
  void drive_watches();
  void tell_board(raft::NodeId only);
  // A tick that comes later than this: the process stood still.
  [[nodiscard]] Uptime stall_max() const;
  [[nodiscard]] bool may_have_lease(raft::NodeId node) const;
  [[nodiscard]] LeaseGrant grant() const;
  [[nodiscard]] Generation needed_to_forward() const;
  void propose_quietly(const model::Command& command);
  void note(std::string kind, std::string text, std::vector<std::pair<std::string, std::string>> fields = {});
  void note_outcome(const AppliedItem& item);

  [[nodiscard]] std::vector<raft::NodeId> members() const;
  [[nodiscard]] std::vector<raft::NodeId> awaited() const;
  [[nodiscard]] std::string name_of(raft::NodeId node) const;
  [[nodiscard]] std::string no_leader_reason() const;
  [[nodiscard]] std::optional<raft::NodeId> find_member(std::string_view name) const;
  void submit_member(ForwardKind kind, const std::string& name, Done<raft::LogIndex> done);
  [[nodiscard]] NodeReport true_report() const;
  [[nodiscard]] bool is_settled_leader() const;
  [[nodiscard]] Knowledge knowledge() const;

  NodeOptions options_;
  NodeHost& host_;
  std::unique_ptr<Replica> replica_;
  std::unique_ptr<Requests> requests_;
  Board board_;
  PlaneDriver plane_;
  EventRing events_;
  std::deque<AppliedItem> applied_;
  bool is_replaced_ = false;
  bool is_settling_ = false;
  std::map<raft::ReadId, Read> reads_;
  std::vector<Read> waiting_reads_;  // no leader confirmed them
  std::vector<std::pair<raft::ReadId, ReadOutcome>> finished_reads_;
  std::deque<Watch> watches_;
  raft::RaftStatus known_;         // roles and members as last acted on
  raft::Configuration committed_;  // the newest that every leader to come has, as far as is known here
  raft::LogIndex settled_at_;      // leader: once this is applied, everything that was committed before its term is
  std::optional<std::pair<std::uint64_t, StatePhase>> wanted_;
  std::optional<std::pair<GenerationStep::Kind, std::uint64_t>> proposed_step_;
  raft::Term proposed_in_;
  Uptime next_membership_{0};
  Uptime leader_heard_{0};
  std::optional<Uptime> last_tick_;
  Uptime no_grant_before_{0};
  bool is_fenced_ = false;
  Uptime unfenced_until_{0};  // as the host was told last; zero: nothing, or to fence
  bool is_board_changed_ = false;
  std::unique_ptr<Subscription> rest_timer_;  // until a generation may follow the last
};

}  // namespace sluice::node
