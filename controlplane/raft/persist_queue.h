// SPDX-License-Identifier: Apache-2.0
// The order of writes between the core and a storage thread: group commit without a thread in sight. Everything that
// has come while a batch was being written becomes the next batch, one durable step. Used by the node's runtime and,
// the same code, by the simulator. One thread at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "raft.h"

namespace sluice::raft {

// One durable step, already folded together: do it all or nothing, in this order.
struct WriteBatch {
  std::uint64_t last_sequence = 0;
  std::optional<HardState> hard_state;
  std::optional<Snapshot> install;        // the whole log goes, this stands for it
  std::optional<LogIndex> truncate_from;  // this entry and all after it go
  std::vector<Entry> append;
  // A snapshot of our own state machine, and the first entry kept behind it. It does not touch later entries.
  std::optional<Snapshot> compact;
  LogIndex first_kept;

  // Nothing to write: only messages whose order must be kept. The disk need not be asked.
  [[nodiscard]] bool is_empty() const {
    return !hard_state && !install && !truncate_from && append.empty() && !compact;
  }
};

class PersistQueue {
 public:
  // What a Ready wants written, and what may leave when it is.
  void add(std::uint64_t sequence, std::optional<HardState> hard_state, std::optional<LogIndex> truncate_from,
           std::vector<Entry> append, std::optional<Snapshot> install, std::vector<Message> send_after_persist);
  // Dropped if a newer snapshot has come from the leader meanwhile.
  void add_compaction(Snapshot snapshot, LogIndex first_kept);

  // The next batch, if none is being written and anything waits.
  [[nodiscard]] std::optional<WriteBatch> next_batch();
  struct Done {
    std::uint64_t sequence = 0;  // for Raft::persisted(); 0 if the batch held no Ready
    std::vector<Message> send;
    std::optional<LogIndex> compacted;  // this snapshot of ours is durable: Raft::compact() may follow
  };
  // The batch handed out last is on disk.
  [[nodiscard]] Done written();
  [[nodiscard]] bool is_idle() const;

 private:
  struct Pending {
    std::uint64_t sequence = 0;
    std::optional<HardState> hard_state;
    std::optional<LogIndex> truncate_from;
    std::vector<Entry> append;
    std::optional<Snapshot> install;
    std::vector<Message> send;
    std::optional<Snapshot> compact;
    LogIndex first_kept;
  };
  std::deque<Pending> waiting_;
  LogIndex newest_snapshot_;  // of all handed out
  std::optional<Done> writing_;
};

}  // namespace sluice::raft
