// SPDX-License-Identifier: Apache-2.0
// Nodes in one process on one virtual clock: messages, writes and publishes are queued and happen in order. For tests
// of what nodes do together; faults of every kind are the simulator's (tests/sim).
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "node.h"
#include "raft_codec.h"

namespace sluice::node {

class NodeBed {
 public:
  class Host;

  explicit NodeBed(std::size_t count);
  ~NodeBed();
  NodeBed(const NodeBed&) = delete;
  NodeBed& operator=(const NodeBed&) = delete;

  [[nodiscard]] Node& node(std::size_t index);
  [[nodiscard]] Host& host(std::size_t index);
  [[nodiscard]] std::size_t size() const { return hosts_.size(); }
  [[nodiscard]] std::optional<std::size_t> leader() const;

  // Runs until `done`, at most so long; whether it came true.
  bool run_until(const std::function<bool()>& done, Uptime limit = Uptime{20000});
  void run_for(Uptime length);
  // Timers, and what follows from them, and no tick.
  void run_timers_until(Uptime end);
  bool elect();

  // Neither sends nor receives.
  void isolate(std::size_t index) { cut_.insert(index); }
  void heal() { cut_.clear(); }
  // Stands still: no ticks, and what is sent to it is lost.
  void stop(std::size_t index) { stopped_.insert(index); }
  void go_on(std::size_t index) { stopped_.erase(index); }
  // As after kill -9: goes on from its disk.
  void restart(std::size_t index);
  // A new member's process, without state.
  std::size_t add_process(const std::string& name);

  // Writes and waits for the answer.
  ApiResult<WriteReceipt> write(std::size_t index, std::vector<model::Operation> operations);

  [[nodiscard]] Uptime now() const { return now_; }

 private:
  friend class Host;
  struct Timer final : Subscription {
    std::shared_ptr<std::function<void()>> then;
  };
  struct Due {
    std::size_t index = 0;  // whose
    std::weak_ptr<std::function<void()>> then;
  };
  void step();
  void drain();

  Uptime now_{1000};
  std::vector<std::unique_ptr<Host>> hosts_;
  std::deque<std::function<void()>> queue_;
  std::multimap<Uptime, Due> timers_;
  [[nodiscard]] bool is_deaf(std::size_t index) const { return cut_.contains(index) || stopped_.contains(index); }

  std::set<std::size_t> cut_;
  std::set<std::size_t> stopped_;
};

class NodeBed::Host final : public NodeHost {
 public:
  Host(NodeBed& bed, std::size_t index, std::string name, raft::StoredState disk);

  void start();
  [[nodiscard]] raft::NodeId id() const { return raft::NodeId(index_ + 1); }
  [[nodiscard]] raft::Member member() const;

  void send(const raft::Message& message) override;
  void write(raft::WriteBatch batch) override;
  void make_snapshot(SnapshotOrder order) override;
  void fail(const std::string& why) override { failure = why; }
  void send_node(raft::NodeId to, const NodeMessage& message) override;
  void publish(std::shared_ptr<const ForwardingState> state) override;
  void fence() override { unfenced_until = Uptime{0}; }
  void unfence_until(Uptime lease_end) override { unfenced_until = lease_end; }
  void set_members(const raft::Configuration& configuration) override { members = configuration; }
  void explain(ExplainQuery query, Done<std::string> done) override;
  void back_up(SnapshotOrder order, Done<std::shared_ptr<const std::string>> done) override {
    done(std::make_shared<const std::string>(order.state->snapshot()));
  }
  std::unique_ptr<Subscription> call_after(std::chrono::milliseconds delay, std::function<void()> then) override;
  [[nodiscard]] Uptime uptime() const override { return bed_.now_; }
  [[nodiscard]] std::chrono::system_clock::time_point wall_clock() const override;
  [[nodiscard]] std::uint64_t random() override;

  std::unique_ptr<Node> node;
  std::vector<std::shared_ptr<const ForwardingState>> published;
  bool plane_answers = true;
  // Publishes stay under way until release_plane().
  bool plane_holds = false;
  void release_plane();
  [[nodiscard]] bool is_fenced() const { return bed_.now_ >= unfenced_until; }  // as a plane that was told so
  Uptime unfenced_until{0};
  std::uint64_t last_forward = 0;  // number of the newest request to a leader
  std::string failure;
  raft::Configuration members;

 private:
  void later(std::function<void(Node&)> event);
  void take_over(const std::shared_ptr<const ForwardingState>& state);
  void to_disk(const raft::WriteBatch& batch);

  std::shared_ptr<const ForwardingState> held_;
  NodeBed& bed_;
  std::size_t index_;
  std::string name_;
  raft::StoredState disk_;
  std::uint64_t life_ = 0;
  std::uint64_t random_;
};

}  // namespace sluice::node
