// SPDX-License-Identifier: Apache-2.0
// The log of one node: what it holds in memory, how far that is on disk, committed and applied, and what still has to
// be handed to the disk and to the state machine.
//
//   base <= snapshot.index <= applied <= commit <= last, base <= last        stable <= last
//
// `base` is the last entry that is not kept itself; its term still is, for the consistency check. `applied` may be
// above `stable`: what the leader calls committed is on the disks of others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "error.h"
#include "raft.h"
#include "raft_membership.h"
#include "raft_types.h"

namespace sluice::raft {

// Two logs that hold the same (index, term) are equal up to there.
struct EntryId {
  LogIndex index;
  Term term;
  friend bool operator==(const EntryId&, const EntryId&) = default;
};

// The order of the election restriction: later term, then longer (paper, section 5.4.1).
constexpr bool is_at_least(const EntryId& one, const EntryId& other) {
  return one.term != other.term ? one.term > other.term : one.index >= other.index;
}

class RaftLog {
 public:
  // conflict: the disk's content contradicts itself.
  [[nodiscard]] static Result<RaftLog> make(StoredState stored);

  [[nodiscard]] LogIndex first() const { return next(base_.index); }
  [[nodiscard]] LogIndex last() const { return LogIndex(base_.index.value() + entries_.size()); }
  [[nodiscard]] EntryId last_id() const { return {last(), *term_at(last())}; }
  [[nodiscard]] LogIndex stable() const { return stable_; }
  [[nodiscard]] LogIndex commit() const { return commit_; }
  [[nodiscard]] LogIndex applied() const { return applied_; }
  // Nothing before base and after last.
  [[nodiscard]] std::optional<Term> term_at(LogIndex index) const;
  // The last entry at or before `index` of a term not above `term`. Where base itself is too young, an index before it.
  [[nodiscard]] LogIndex last_not_above(LogIndex index, Term term) const;
  // Entries from `from`, up to `count_max` and `bytes_max` of data, one at least if there is one.
  [[nodiscard]] std::vector<Entry> copy(LogIndex from, LogIndex last, std::size_t count_max,
                                        std::size_t bytes_max) const;
  [[nodiscard]] std::size_t uncommitted_bytes() const { return uncommitted_bytes_; }
  [[nodiscard]] const ConfigurationHistory& configurations() const { return configurations_; }
  // The newest one that followers can be given.
  [[nodiscard]] const std::optional<Snapshot>& snapshot() const { return snapshot_; }

  // index = last + 1; a configuration decodes.
  void append(Entry entry);
  // Above commit.
  void truncate_from(LogIndex index);
  // At most last; never goes back.
  void commit_to(LogIndex index);
  // Everything goes, the snapshot stands for it. Above commit.
  void install(Snapshot snapshot);
  void applied_to(LogIndex index);
  [[nodiscard]] Result<SnapshotMeta> snapshot_meta(LogIndex index) const;
  [[nodiscard]] Status compact(LogIndex index, std::shared_ptr<const std::string> data, std::uint32_t trailing);

  [[nodiscard]] bool has_output() const;
  // Moves what disk and state machine have not seen into `ready`, and remembers it under ready.sequence.
  void hand_out(Ready& ready, std::size_t committed_bytes_max);
  void persisted(std::uint64_t sequence);

 private:
  RaftLog() = default;
  [[nodiscard]] const Entry& at(LogIndex index) const { return entries_[index.value() - base_.index.value() - 1]; }

  struct Handed {
    std::uint64_t sequence;
    // Stable once written. Lowered by a later truncation: then it says nothing about what was put in its place.
    LogIndex last;
  };

  EntryId base_;
  std::deque<Entry> entries_;
  LogIndex stable_;
  LogIndex commit_;
  LogIndex applied_;
  std::size_t uncommitted_bytes_ = 0;  // of data
  ConfigurationHistory configurations_;
  std::optional<Snapshot> snapshot_;

  LogIndex handed_;            // last entry given to the disk
  LogIndex handed_committed_;  // last entry given to the state machine
  std::optional<LogIndex> to_truncate_;
  std::optional<Snapshot> to_install_;
  std::deque<Handed> being_written_;
};

}  // namespace sluice::raft
