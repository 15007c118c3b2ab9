// SPDX-License-Identifier: Apache-2.0
#include "persist_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace sluice::raft {
namespace {

void append_all(std::vector<Entry>& all, std::vector<Entry> more) {
  if (all.empty()) {
    all = std::move(more);
    return;
  }
  SLUICE_INVARIANT(more.empty() || more.front().index == next(all.back().index));
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

// Entries that only this batch would have written simply are not written.
void truncate(WriteBatch& batch, LogIndex from) {
  while (!batch.append.empty() && batch.append.back().index >= from) batch.append.pop_back();
  if (!batch.append.empty()) return;
  if (batch.install && from > batch.install->meta.index) return;  // behind it there is nothing on the disk
  batch.truncate_from = batch.truncate_from ? std::min(*batch.truncate_from, from) : from;
}

}  // namespace

void PersistQueue::add(std::uint64_t sequence, std::optional<HardState> hard_state,
                       std::optional<LogIndex> truncate_from, std::vector<Entry> append,
                       std::optional<Snapshot> install, std::vector<Message> send_after_persist) {
  Pending pending;
  pending.sequence = sequence;
  pending.hard_state = hard_state;
  pending.truncate_from = truncate_from;
  pending.append = std::move(append);
  pending.install = std::move(install);
  pending.send = std::move(send_after_persist);
  waiting_.push_back(std::move(pending));
}

void PersistQueue::add_compaction(Snapshot snapshot, LogIndex first_kept) {
  Pending pending;
  pending.compact = std::move(snapshot);
  pending.first_kept = first_kept;
  waiting_.push_back(std::move(pending));
}

std::optional<WriteBatch> PersistQueue::next_batch() {
  if (writing_ || waiting_.empty()) return std::nullopt;
  WriteBatch batch;
  Done done;
  for (Pending& pending : waiting_) {
    if (pending.sequence != 0) done.sequence = pending.sequence;
    if (pending.hard_state) batch.hard_state = pending.hard_state;
    if (pending.install) {
      newest_snapshot_ = pending.install->meta.index;
      batch.install = std::move(pending.install);
      batch.truncate_from.reset();
      batch.append.clear();
      batch.compact.reset();
    }
    if (pending.truncate_from) truncate(batch, *pending.truncate_from);
    append_all(batch.append, std::move(pending.append));
    if (pending.compact && pending.compact->meta.index > newest_snapshot_) {
      newest_snapshot_ = pending.compact->meta.index;
      batch.compact = std::move(pending.compact);
      batch.first_kept = pending.first_kept;
    }
    done.send.insert(done.send.end(), std::make_move_iterator(pending.send.begin()),
                     std::make_move_iterator(pending.send.end()));
  }
  waiting_.clear();
  batch.last_sequence = done.sequence;
  if (batch.compact) done.compacted = batch.compact->meta.index;
  writing_ = std::move(done);
  return batch;
}

PersistQueue::Done PersistQueue::written() {
  SLUICE_INVARIANT(writing_.has_value());
  return *std::exchange(writing_, std::nullopt);
}

bool PersistQueue::is_idle() const {
  return !writing_ && waiting_.empty();
}

}  // namespace sluice::raft
