// SPDX-License-Identifier: Apache-2.0
// A few nodes, a network and disks for scripts: nothing happens that no command asks for, and everything that happens
// is written down. The words are in docs/raft.md.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "persist_queue.h"
#include "raft.h"

namespace sluice::raft {

class ScriptCluster {
 public:
  ScriptCluster();
  // What happened, one line each.
  [[nodiscard]] std::string run(const std::string& command);

 private:
  struct Node {
    RaftOptions options;
    StoredState disk;
    std::unique_ptr<Raft> raft;  // null: crashed
    PersistQueue queue;
    bool is_disk_manual = false;
    Role role = Role::follower;
    Term term;
    // The state machine: all commands one behind the other.
    std::string state;
    std::shared_ptr<const std::string> snapshot_data;
  };
  using Path = std::pair<NodeId, NodeId>;
  using Words = std::istringstream;

  Node& node(Words& words);
  void add_node(NodeId id, StoredState stored);
  void start(Node& node);
  void settle();
  void take_ready(Node& node);
  void apply(Node& node, const Ready& ready);
  bool write(Node& node);
  void written(Node& node);
  void say_role(Node& node);
  void deliver(const std::function<bool(const Message&)>& is_wanted);
  void say(const std::string& line) { out_ << line << '\n'; }
  template <typename T>
  void say_result(const Result<T>& result);

  void run_nodes(Words& words);
  void run_node(Words& words);
  void run_options(Words& words);
  void run_campaign(Words& words);
  void run_deliver(Words& words);
  void run_cut(Words& words);
  void run_drop(Words& words);
  void run_disk(Words& words);
  void run_snapshot(Words& words);
  void run_inject(Words& words);
  void add_words_about_nodes();
  void add_words_about_members();

  std::map<std::string, std::function<void(Words&)>> words_;
  RaftOptions options_;
  std::map<NodeId, Node> nodes_;
  std::deque<Message> network_;
  std::set<Path> cut_;
  // Every entry that anybody has applied: the same everywhere.
  std::map<LogIndex, Entry> applied_;
  std::ostringstream out_;
};

}  // namespace sluice::raft
