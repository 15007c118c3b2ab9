// SPDX-License-Identifier: Apache-2.0
// What one node has on its disk. A batch is one transaction: all of it or nothing. The disk believes nobody: a batch
// that would leave a gap, take a term back or cut what a snapshot stands for is told as a fault of whoever sent it.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "persist_queue.h"
#include "raft.h"

namespace sluice::sim {

class SimDisk {
 public:
  explicit SimDisk(raft::StoredState state);

  // Empty, or what is wrong with the batch.
  [[nodiscard]] std::string write(const raft::WriteBatch& batch);
  [[nodiscard]] raft::StoredState stored() const;
  // Empty, or what a restart would stumble over.
  [[nodiscard]] std::string inconsistency() const;

  [[nodiscard]] const raft::HardState& hard_state() const { return hard_state_; }
  [[nodiscard]] raft::LogIndex last() const;
  [[nodiscard]] raft::Term last_term() const;
  [[nodiscard]] raft::LogIndex snapshot_index() const;
  // This entry, or a snapshot that stands for it (then of whatever term: it was committed).
  [[nodiscard]] bool holds(raft::LogIndex index, raft::Term term) const;
  [[nodiscard]] raft::Configuration newest_configuration() const;

 private:
  [[nodiscard]] const raft::Entry* find(raft::LogIndex index) const;
  [[nodiscard]] std::string write_log(const raft::WriteBatch& batch);
  [[nodiscard]] std::string write_compaction(const raft::WriteBatch& batch);

  raft::HardState hard_state_;
  std::optional<raft::Snapshot> snapshot_;
  std::deque<raft::Entry> entries_;
};

}  // namespace sluice::sim
