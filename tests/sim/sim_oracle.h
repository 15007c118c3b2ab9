// SPDX-License-Identifier: Apache-2.0
// Sees every node at once, as nobody in the real world does, and says at the first event after which something is not
// as Raft promises. It is told what went into and came out of the cores and onto the disks; it never asks a core for
// its opinion where it can look at the disks instead.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "raft.h"
#include "sim_disk.h"
#include "sim_trace.h"

namespace sluice::sim {

class Oracle {
 public:
  explicit Oracle(const Trace& trace) : trace_(trace) {}

  // The disk must outlive the oracle.
  void add_node(raft::NodeId id, const SimDisk& disk);
  // A core was made from what the disk holds.
  void started(raft::NodeId id, const raft::RaftStatus& status);
  // After every input to a core.
  void observe(const raft::RaftStatus& status);
  // After an input that left something for a Ready, which may be taken later and tell of other inputs too.
  void awaits_ready(const raft::RaftStatus& status);
  // Every Ready, before anything of it is done.
  void take(const raft::RaftStatus& status, const raft::Ready& ready);
  // Every message, at the moment it leaves.
  void sends(const raft::Message& message);
  // The disk has done a batch, or says what is wrong with it: the disk knows what it had before.
  void written(raft::NodeId id, const std::string& refusal);
  // Nothing is on its way to this disk.
  void at_rest(const raft::RaftStatus& status);
  void applies(raft::NodeId id, const raft::Entry& entry, std::uint64_t machine_hash);
  void restores(raft::NodeId id, const raft::SnapshotMeta& meta, std::uint64_t machine_hash);
  // A read that began when `committed_before` was the last committed entry anywhere.
  void answers_read(raft::NodeId id, raft::LogIndex index, raft::LogIndex committed_before);
  // A core has accepted the proposal to take this node in.
  void accepts_member(const raft::RaftStatus& status, raft::NodeId id);
  // A core has accepted the proposal to make it a voter: one that may be so many entries behind.
  void accepts_promotion(const raft::RaftStatus& status, raft::NodeId learner, std::uint32_t behind_max);

  [[nodiscard]] raft::LogIndex committed() const;
  [[nodiscard]] const raft::Configuration& committed_configuration() const { return committed_configuration_; }
  // Members whose removal is committed, and where.
  [[nodiscard]] const std::map<raft::NodeId, raft::LogIndex>& removed() const { return removed_; }
  // Every configuration that is, or may yet become, the cluster's.
  [[nodiscard]] std::vector<raft::Configuration> possible_configurations() const;

  [[nodiscard]] std::size_t elections() const { return leaders_.size(); }
  void fail(std::string what);
  [[nodiscard]] const std::optional<std::string>& failure() const { return failure_; }

 private:
  struct Shape {
    raft::Term term;
    std::uint64_t digest = 0;
  };
  // The log that a core has handed out so far, on disk or not.
  struct LogShape {
    raft::LogIndex before;  // the entry in front of the first
    raft::Term before_term;
    raft::Configuration before_configuration;
    std::vector<Shape> entries;
    [[nodiscard]] raft::LogIndex last() const { return raft::LogIndex(before.value() + entries.size()); }
    [[nodiscard]] raft::Term last_term() const { return entries.empty() ? before_term : entries.back().term; }
    [[nodiscard]] const Shape* find(raft::LogIndex index) const;
  };
  struct Node {
    const SimDisk* disk = nullptr;
    LogShape log;
    raft::HardState seen;                  // by this life
    std::optional<raft::Term> ready_from;  // the oldest term of which the next Ready may tell
    raft::LogIndex commit;
    raft::LogIndex applied;
    std::optional<raft::Term> leads;  // checked already
  };
  struct Committed {
    Shape shape;
    raft::Term in_term;  // of whoever committed it
    std::optional<std::uint64_t> machine_hash;
  };
  struct Known {
    std::uint64_t digest = 0;
    raft::Term previous_term;
  };
  struct Key {
    raft::LogIndex index;
    raft::Term term;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const {
      return (key.index.value() * 0x9e3779b97f4a7c15) ^ (key.term.value() * 0xbf58476d1ce4e5b9);
    }
  };

  [[nodiscard]] std::string name(raft::NodeId id) const { return trace_.name_of(id); }
  [[nodiscard]] const Committed* committed_at(raft::LogIndex index) const;
  void check_term_and_vote(Node& node, const raft::RaftStatus& status);
  void check_leader(Node& node, const raft::RaftStatus& status);
  void check_completeness(const Node& node, const raft::RaftStatus& status);
  void check_commit(Node& node, const raft::RaftStatus& status);
  void check_quorum(const raft::RaftStatus& status, raft::Term term);
  void check_truncation(const Node& node, const raft::RaftStatus& status, raft::LogIndex from, const char* by);
  void check_append(Node& node, const raft::RaftStatus& status, const raft::Entry& entry);
  void check_configuration(const Node& node, const raft::RaftStatus& status, const raft::Entry& entry);
  [[nodiscard]] std::pair<raft::LogIndex, raft::Configuration> configuration_before(const LogShape& log) const;
  void check_applied_hash(raft::NodeId id, raft::LogIndex index, std::uint64_t machine_hash);
  void commit_entry(const raft::RaftStatus& status, raft::LogIndex index, const Shape& shape);

  const Trace& trace_;
  std::map<raft::NodeId, Node> nodes_;
  std::map<raft::Term, raft::NodeId> leaders_;
  std::unordered_map<Key, Known, KeyHash> entries_;
  std::map<std::pair<raft::LogIndex, raft::Term>, raft::Configuration> configurations_;
  raft::LogIndex first_committed_ = raft::LogIndex(1);  // the bootstrap snapshot
  std::vector<Committed> committed_;                    // from first_committed_ on
  raft::Configuration committed_configuration_;
  std::map<raft::NodeId, raft::LogIndex> removed_;
  std::optional<std::string> failure_;
};

[[nodiscard]] std::vector<raft::NodeId> voters_of(const raft::Configuration& configuration);
// Of everything in the entry but its index and term.
[[nodiscard]] std::uint64_t digest_of(const raft::Entry& entry);

}  // namespace sluice::sim
