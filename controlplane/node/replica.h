// SPDX-License-Identifier: Apache-2.0
// One copy of the cluster's state and what keeps it equal to the others': Raft, the order of writes, and the state
// machine, joined. Pure: the host does what it is told and reports back.
//
// One thread at a time. Neither host nor observer may call back into the replica from within one of their calls.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster_state.h"
#include "error.h"
#include "persist_queue.h"
#include "raft.h"

namespace sluice::node {

// A state to be turned into bytes; a copy, so that another thread may do it.
struct SnapshotOrder {
  raft::SnapshotMeta meta;
  std::shared_ptr<const model::ClusterState> state;
};

class ReplicaHost {
 public:
  ReplicaHost() = default;
  ReplicaHost(const ReplicaHost&) = delete;
  ReplicaHost& operator=(const ReplicaHost&) = delete;
  virtual ~ReplicaHost() = default;

  virtual void send(const raft::Message& message) = 0;
  // One durable step; Replica::written() when it is on disk. If it fails the process must end (fail-stop).
  virtual void write(raft::WriteBatch batch) = 0;
  // Replica::snapshot_made() when it is done.
  virtual void make_snapshot(SnapshotOrder order) = 0;
  // Nothing sane can be done any more: the process must end, and say this.
  virtual void fail(const std::string& why) = 0;
};

// confirmed: the state has everything that was acknowledged before the read began. unconfirmed: no leader said so.
enum class ReadOutcome : std::uint8_t { unconfirmed, confirmed };

// What the replica's owner learns, in the order of the log.
class ReplicaObserver {
 public:
  ReplicaObserver() = default;
  ReplicaObserver(const ReplicaObserver&) = delete;
  ReplicaObserver& operator=(const ReplicaObserver&) = delete;
  virtual ~ReplicaObserver() = default;

  // `outcome`: of a command. `entry.data` is gone by the time this returns.
  virtual void applied(const raft::Entry& entry, const model::Outcome* outcome) = 0;
  // The whole state came from the leader: entries up to here were never seen one by one.
  virtual void replaced(raft::LogIndex index) = 0;
  virtual void read_done(raft::ReadId id, ReadOutcome outcome) = 0;
};

struct ReplicaOptions {
  raft::RaftOptions raft;
  // A snapshot after so many entries, or so many bytes of them: what a restart has to apply again.
  std::uint64_t snapshot_entries = 10000;
  std::uint64_t snapshot_bytes = 16 << 20;
};

// Where a proposal stands in the log, if it is committed at all: the same index with another term is another entry.
struct Place {
  raft::LogIndex index;
  raft::Term term;
};

class Replica {
 public:
  // `host` and `observer` must outlive the replica. A state that does not fit this build is an error that says so.
  [[nodiscard]] static Result<std::unique_ptr<Replica>> make(const ReplicaOptions& options, raft::StoredState stored,
                                                             ReplicaHost& host, ReplicaObserver& observer,
                                                             raft::RandomBelow random);
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  void tick();
  void step(raft::Message message);
  void written();
  void snapshot_made(raft::SnapshotMeta meta, std::shared_ptr<const std::string> data);
  // What is applied now, for a backup.
  [[nodiscard]] Result<SnapshotOrder> copy() const;

  [[nodiscard]] Result<Place> propose(const model::Command& command);
  [[nodiscard]] Result<Place> propose_encoded(std::string command);
  [[nodiscard]] Result<Place> add_learner(const raft::Member& member);
  [[nodiscard]] Result<Place> promote(raft::NodeId learner);
  [[nodiscard]] Result<Place> remove(raft::NodeId member);
  [[nodiscard]] Status transfer_to(raft::NodeId voter);
  void read(raft::ReadId id);

  // False until the first state is here: a joining node has none before its leader sends one.
  [[nodiscard]] bool has_state() const { return state_.has_value(); }
  // Precondition: has_state(), of copy() too.
  [[nodiscard]] const model::ClusterState& state() const { return *state_; }
  [[nodiscard]] raft::RaftStatus status() const { return raft_->status(); }
  [[nodiscard]] raft::LogIndex applied_index() const { return applied_; }
  [[nodiscard]] bool is_leader() const { return raft_->status().role == raft::Role::leader; }

 private:
  Replica(const ReplicaOptions& options, std::unique_ptr<raft::Raft> raft, ReplicaHost& host,
          ReplicaObserver& observer);

  void pump();
  void handle(raft::Ready ready);
  bool install(const raft::Snapshot& snapshot);
  bool apply(const raft::Entry& entry);
  void serve_reads();
  void order_snapshot();
  void start_write();
  [[nodiscard]] Result<Place> placed(Result<raft::LogIndex> index);

  ReplicaOptions options_;
  std::unique_ptr<raft::Raft> raft_;
  ReplicaHost& host_;
  ReplicaObserver& observer_;
  raft::PersistQueue queue_;
  bool is_writing_ = false;
  bool is_failed_ = false;
  std::optional<model::ClusterState> state_;
  raft::LogIndex applied_;
  raft::LogIndex snapshot_index_;  // newest snapshot ordered, made or installed
  std::uint64_t bytes_since_ = 0;
  bool is_snapshot_ordered_ = false;
  std::map<raft::LogIndex, std::shared_ptr<const std::string>> snapshots_;  // ours, on their way to the disk
  std::multimap<raft::LogIndex, raft::ReadId> readable_;
};

}  // namespace sluice::node
