// SPDX-License-Identifier: Apache-2.0
// A cluster of three in memory behind the API: the real model, changes applied at once, planes that follow at once.
// What may go wrong is set by its members.
#pragma once

#include <deque>
#include <list>
#include <optional>

#include "cluster_port.h"
#include "cluster_state.h"

namespace sluice::api {

class FakePort : public node::ClusterPort {
 public:
  FakePort();

  void write(model::Change change, node::Done<node::WriteReceipt> done) override;
  void read(node::Consistency consistency, node::Done<node::StateView> done) override;
  [[nodiscard]] node::ClusterStatus status() const override;
  void wait_live(Generation generation, std::chrono::milliseconds limit,
                 std::function<void(const node::LiveProgress&)> progress, node::Done<node::LiveProgress> done) override;
  [[nodiscard]] std::unique_ptr<node::Subscription> subscribe_events(std::optional<std::uint64_t> after,
                                                                     node::EventFeed feed) override;
  void add_member(raft::Member member, node::Done<raft::LogIndex> done) override;
  void promote_member(std::string name, node::Done<raft::LogIndex> done) override;
  void remove_member(std::string name, node::Done<raft::LogIndex> done) override;
  void transfer_leadership(std::string to, node::Done<raft::LogIndex> done) override;
  void snapshot(node::Done<std::shared_ptr<const std::string>> done) override;
  [[nodiscard]] std::unique_ptr<node::Subscription> call_after(std::chrono::milliseconds delay,
                                                               std::function<void()> then) override;
  [[nodiscard]] std::chrono::system_clock::time_point now() const override { return time_; }
  void explain(node::ExplainQuery query, node::Done<std::string> done) override;
  [[nodiscard]] std::vector<node::Metric> metrics() const override;

  // Time moves by this alone; timers that are due are called.
  void advance(std::chrono::milliseconds by);
  void emit(const std::string& kind, const std::string& text);
  // Another client's write, between a read and the write that follows it.
  std::function<void()> before_write;

  bool has_leader = true;
  bool keeps_silent = false;  // callbacks are kept and never called
  std::uint32_t live_planes = 3;
  std::vector<model::Change> changes;  // as they came
  std::size_t reads = 0;

  [[nodiscard]] const model::ClusterState& state() const { return state_; }
  model::Outcome apply(const model::Change& change);

 private:
  struct Timer {
    std::chrono::system_clock::time_point due;
    std::function<void()> then;
  };
  class TimerHold;
  class FeedHold;
  [[nodiscard]] node::ApiError leaderless() const;

  model::ClusterState state_;
  std::uint64_t index_ = 1;
  std::chrono::system_clock::time_point time_{std::chrono::seconds(1772366400)};  // 2026-03-01 12:00 UTC
  std::list<Timer> timers_;
  std::deque<node::Event> events_;
  std::uint64_t event_index_ = 0;
  std::list<node::EventFeed> feeds_;
  std::vector<node::NodeStatus> nodes_;
  raft::NodeId leader_{1};
  std::vector<std::function<void()>> kept_;
};

// A pool "web" with b1, b2 of weight 100 and a service "http" on it; pool "spare" without backends.
void fill_sample(FakePort& port);

}  // namespace sluice::api
