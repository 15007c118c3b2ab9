// SPDX-License-Identifier: Apache-2.0
// Gives a node its hands: disk, peers, plane, clock and randomness. One io_context thread; the disk has its own, and
// encoding a snapshot or a backup has one while it lasts.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "error.h"
#include "node.h"
#include "peers.h"
#include "plane_link.h"
#include "storage_thread.h"
#include "store.h"

namespace sluice::io {

struct RuntimeOptions {
  node::NodeOptions node;
  PeersOptions peers;
  std::string plane_socket;  // empty: this host forwards nothing
};

class NodeRuntime final : private node::NodeHost {
 public:
  struct Callbacks {
    std::function<void(const std::string& line)> log;
    // Once: the process must end with this. The plane forwards on, the other balancers carry on.
    std::function<void(const std::string& why)> failed;
  };

  // `context` must outlive it, and is stopped by the caller when `failed` is called.
  [[nodiscard]] static Result<std::unique_ptr<NodeRuntime>> start(boost::asio::io_context& context,
                                                                  RuntimeOptions options, OpenedStore store,
                                                                  Callbacks callbacks);
  ~NodeRuntime() override;

  // Closes everything; no event reaches the node any more, which stays to be looked at. The io_context must run on for
  // the coroutines to end.
  void stop();

  [[nodiscard]] node::Node& node() { return *node_; }
  [[nodiscard]] const std::string& listens_on() const { return listens_on_; }
  [[nodiscard]] Status reload_certificates() { return peers_->reload_certificates(); }

 private:
  NodeRuntime(boost::asio::io_context& context, RuntimeOptions options, Callbacks callbacks);
  Status open_peers();
  void open_plane();
  void schedule_tick();
  void received(raft::NodeId from, FrameType type, std::string_view bytes);
  // An event of the node, in a turn of its own: the host must not call back from within a call.
  void later(std::function<void(node::Node&)> event);

  // NodeHost
  void send(const raft::Message& message) override;
  void write(raft::WriteBatch batch) override;
  void make_snapshot(node::SnapshotOrder order) override;
  void fail(const std::string& why) override;
  void send_node(raft::NodeId to, const node::NodeMessage& message) override;
  void publish(std::shared_ptr<const ForwardingState> state) override;
  void fence() override;
  void unfence_until(node::Uptime lease_end) override;
  void set_members(const raft::Configuration& configuration) override;
  void explain(node::ExplainQuery query, node::Done<std::string> done) override;
  void back_up(node::SnapshotOrder order, node::Done<std::shared_ptr<const std::string>> done) override;
  std::unique_ptr<node::Subscription> call_after(std::chrono::milliseconds delay, std::function<void()> then) override;
  [[nodiscard]] node::Uptime uptime() const override;
  [[nodiscard]] std::chrono::system_clock::time_point wall_clock() const override;
  [[nodiscard]] std::uint64_t random() override;

  boost::asio::io_context& context_;
  RuntimeOptions options_;
  Callbacks callbacks_;
  std::string listens_on_;
  std::mt19937_64 random_;
  boost::asio::steady_timer ticks_;
  std::chrono::steady_clock::time_point next_tick_;
  std::unique_ptr<StorageThread> storage_;
  std::unique_ptr<Peers> peers_;
  std::unique_ptr<PlaneLink> plane_;
  std::unique_ptr<node::Node> node_;
  std::thread snapshot_thread_;
  std::thread backup_thread_;
  bool is_backing_up_ = false;
  std::shared_ptr<NodeRuntime*> self_;  // null once it has gone: for turns that are still queued
  bool is_stopped_ = false;
};

}  // namespace sluice::io
