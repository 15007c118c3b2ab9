// SPDX-License-Identifier: Apache-2.0
// One machine: its sluiced, which is the production node on a simulated host, its disk, its clock, and its plane. Each
// of them dies, stands still and comes back by itself.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "balancer_options.h"
#include "chain_cover.h"
#include "node.h"
#include "sim_disk.h"
#include "sim_plane.h"
#include "sim_world.h"

namespace sluice::sim {

enum class ParcelKind : std::uint8_t { raft, node };

// What a balancer has around it.
class BalancerPeers {
 public:
  BalancerPeers() = default;
  BalancerPeers(const BalancerPeers&) = delete;
  BalancerPeers& operator=(const BalancerPeers&) = delete;
  virtual ~BalancerPeers() = default;
  virtual void send(raft::NodeId from, raft::NodeId to, ParcelKind kind, std::string bytes) = 0;
  // Who forwards by what has changed: look once this event is over.
  virtual void look_later() = 0;
};

class SimBalancer final : public node::NodeHost {
 public:
  SimBalancer(SimWorld& world, const BalancerOptions& options, BalancerPeers& peers, ChainCover& cover,
              const raft::Member& member, const raft::StoredState& state);

  [[nodiscard]] raft::NodeId id() const { return member_.id; }
  [[nodiscard]] const std::string& name() const { return member_.name; }
  [[nodiscard]] bool is_up() const { return node_ != nullptr; }  // sluiced
  [[nodiscard]] bool is_paused() const { return world_.clock.now() < paused_until_; }
  [[nodiscard]] raft::RaftStatus status() const { return node_->replica().status(); }
  [[nodiscard]] const node::Node& node() const { return *node_; }
  [[nodiscard]] const SimPlane& plane() const { return plane_; }
  // Packets come to it: it forwards, and is not fenced.
  [[nodiscard]] bool is_preferred() const;

  // sluiced and plane, unless they run.
  void start_after(Time delay);
  void crash(Time down);  // sluiced
  void crash_plane(Time down);
  void lose_power(Time down);
  void cut_plane(Time away);
  void pause(Time length);
  void stall_disk(Time length) { stall_disk_until_ = world_.clock.now() + length; }
  void heal();

  void receive(raft::NodeId from, ParcelKind kind, const std::string& bytes);
  // Nothing comes back if sluiced dies first.
  void write(const model::Change& change, node::Done<node::WriteReceipt> done);
  // Asks for it; whatever comes of that.
  void add_member(const raft::Member& member);
  void remove_member(const std::string& name);

  // node::NodeHost
  void send(const raft::Message& message) override;
  void write(raft::WriteBatch batch) override;
  void make_snapshot(node::SnapshotOrder order) override;
  void fail(const std::string& why) override;
  void send_node(raft::NodeId to, const node::NodeMessage& message) override;
  void publish(std::shared_ptr<const ForwardingState> state) override;
  void fence() override { tell_fence(node::Uptime{0}); }
  void unfence_until(node::Uptime lease_end) override { tell_fence(lease_end); }
  void set_members(const raft::Configuration&) override {}
  void explain(node::ExplainQuery, node::Done<std::string> done) override { done(std::string("{}")); }
  void back_up(node::SnapshotOrder, node::Done<std::shared_ptr<const std::string>>) override {}
  std::unique_ptr<node::Subscription> call_after(std::chrono::milliseconds delay, std::function<void()> then) override;
  [[nodiscard]] node::Uptime uptime() const override;
  [[nodiscard]] std::chrono::system_clock::time_point wall_clock() const override;
  [[nodiscard]] std::uint64_t random() override { return world_.random.next(); }

 private:
  using Event = std::function<void(node::Node&)>;
  // An input to the node, if sluiced is still the same process then; later if it stands still.
  void later(Time delay, Event event);
  void deliver(const Event& event);
  void run(const Event& event);
  void resume();
  void after_event();
  void start();
  void stop();
  void schedule_tick();
  void end_write();
  void start_plane();
  void connect_plane_after(Time delay);
  void connect_plane();
  void publish_ends(std::uint64_t link);
  void lose_link();
  void tell_fence(node::Uptime unfenced_until);
  [[nodiscard]] Time disk_time();

  SimWorld& world_;
  const BalancerOptions& options_;
  BalancerPeers& peers_;
  ChainCover& cover_;
  const raft::Member member_;
  SimDisk disk_;
  SimPlane plane_;
  double clock_rate_ = 1.0;
  Time stall_disk_until_{};

  // Of sluiced; all but the numbers dies with it.
  std::uint64_t life_ = 0;
  std::unique_ptr<node::Node> node_;
  Time paused_until_{};
  std::vector<Event> deferred_;
  std::optional<raft::WriteBatch> writing_;
  std::uint64_t writes_ = 0;
  std::optional<node::Uptime> unfenced_until_;                // as the node said last
  std::pair<std::uint64_t, std::uint64_t> generations_seen_;  // newest, active

  // Between sluiced and plane.
  std::uint64_t link_ = 0;
  bool is_linked_ = false;
  Time unreachable_until_{};
  std::shared_ptr<const ForwardingState> sent_;
};

}  // namespace sluice::sim
