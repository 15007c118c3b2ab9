// SPDX-License-Identifier: Apache-2.0
// The Raft core: Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm" (2014), with pre-vote,
// check-quorum, leader stickiness, ReadIndex, leadership transfer, learners and membership one server at a time
// (Ongaro's thesis, 2014). A value machine after etcd's contract: inputs by calls, outputs in one struct, and the
// caller does what it says in the order it says. No clock, thread, file, socket or random source of its own.
//
// One thread at a time. Never throws (std::bad_alloc aside).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "error.h"
#include "raft_types.h"

namespace sluice::raft {

struct RaftOptions {
  NodeId id;
  // In ticks. Every election timeout is drawn from [election, 2 * election).
  std::uint32_t heartbeat_ticks = 5;
  std::uint32_t election_ticks = 20;
  // A message carries at most so much (one entry always fits), and so many of them may be under way to one peer.
  std::uint32_t entries_per_message = 64;
  std::uint32_t message_bytes = 1 << 20;
  std::uint32_t messages_in_flight = 32;
  std::uint32_t snapshot_chunk_bytes = 256 << 10;
  // Entries kept behind a snapshot, so that a follower a little behind needs no snapshot.
  std::uint32_t trailing_entries = 5000;
  // Proposals are refused while so much is proposed and not committed; the greatest single command, too.
  std::uint32_t uncommitted_bytes_max = 64 << 20;
};

// A number in [0, bound), from the caller's source.
using RandomBelow = std::function<std::uint32_t(std::uint32_t bound)>;

// What the disk held at start.
struct StoredState {
  HardState hard_state;
  std::optional<Snapshot> snapshot;
  std::vector<Entry> entries;  // without gaps; may begin before the snapshot's index, never after the next one
};

enum class Role : std::uint8_t { follower, pre_candidate, candidate, leader };

struct ReadResult {
  ReadId id;
  std::optional<LogIndex> index;  // serve once this is applied; nothing: no leader confirmed it, ask again
};

// What is to be done, in this order:
//   1. send_now may leave at once: it promises nothing that is not on disk.
//   2. write hard_state, truncate_from, append and install in one durable step, after those of every earlier Ready.
//   3. once that is done: persisted(sequence), and send_after_persist leaves.
//   4. apply committed in order; `install` replaces the state machine first. Does not wait for 2.
struct Ready {
  std::uint64_t sequence = 0;
  std::optional<HardState> hard_state;
  std::optional<LogIndex> truncate_from;  // this entry and all after it go, before `append`
  std::vector<Entry> append;
  std::optional<Snapshot> install;  // from the leader: replaces the whole log
  std::vector<Message> send_now;
  std::vector<Message> send_after_persist;
  std::vector<Entry> committed;
  std::vector<ReadResult> reads;

  [[nodiscard]] bool must_persist() const {
    return hard_state || truncate_from || !append.empty() || install.has_value();
  }
};

enum class Progress : std::uint8_t { probing, replicating, snapshotting };
struct PeerStatus {
  NodeId id;
  MemberRole role = MemberRole::voter;
  Progress progress = Progress::probing;
  LogIndex match;
  LogIndex next;
  bool is_recent = false;  // heard from within the last election timeout
};
struct RaftStatus {
  NodeId id;
  NodeId leader;  // 0: none known
  Role role = Role::follower;
  Term term;
  NodeId vote;
  LogIndex first;  // oldest entry kept
  LogIndex last;
  LogIndex stable;
  LogIndex commit;
  LogIndex applied;
  Configuration configuration;  // the newest in the log
  bool is_configuration_committed = true;
  NodeId transferring_to;
  std::vector<PeerStatus> peers;  // leader only
};

class Raft {
 public:
  // A node without any state and without a configuration waits to be told by a leader; a new cluster starts from a
  // snapshot at index 1 that holds its first configuration (bootstrap_state()).
  [[nodiscard]] static Result<std::unique_ptr<Raft>> make(const RaftOptions& options, StoredState stored,
                                                          RandomBelow random);
  ~Raft();
  Raft(const Raft&) = delete;
  Raft& operator=(const Raft&) = delete;

  void tick();
  // Messages from nodes that are not in the configuration are looked at as the paper says; that they come from a member
  // of the cluster at all is the transport's to prove. Whatever a message holds, it cannot break an invariant here.
  void step(Message message);

  // conflict: not the leader, a transfer is under way, or a bound is reached. The entry's place on success; that it was
  // committed shows in a Ready: same index, same term.
  [[nodiscard]] Result<LogIndex> propose(std::string command);
  // One change at a time, and only after an entry of this term is committed (thesis, section 4.1; the 2015 correction).
  // A voter must have been a learner that has caught up.
  [[nodiscard]] Result<LogIndex> add_learner(const Member& member);
  [[nodiscard]] Result<LogIndex> promote(NodeId learner);
  [[nodiscard]] Result<LogIndex> remove(NodeId member);
  // Answered by a ReadResult of this id, sooner or later, on leaders and followers alike.
  void read(ReadId id);
  [[nodiscard]] Status transfer_to(NodeId voter);

  [[nodiscard]] bool has_ready() const;
  [[nodiscard]] Ready take_ready();
  void persisted(std::uint64_t sequence);
  // The state machine has applied everything up to here.
  void applied(LogIndex index);
  // What a snapshot at this applied index must say of itself. conflict: not applied yet, or no newer than the present
  // one.
  [[nodiscard]] Result<SnapshotMeta> snapshot_meta(LogIndex index) const;
  // A snapshot of the state machine at an applied index: from now on followers far behind get it, and entries more than
  // trailing_entries behind it are forgotten. The caller has made it durable.
  [[nodiscard]] Status compact(LogIndex index, std::shared_ptr<const std::string> data);

  [[nodiscard]] RaftStatus status() const;

 private:
  class Core;
  explicit Raft(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

// What every founding member of a new cluster starts from.
[[nodiscard]] StoredState bootstrap_state(Configuration configuration, std::shared_ptr<const std::string> data);

}  // namespace sluice::raft
