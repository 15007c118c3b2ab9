// SPDX-License-Identifier: Apache-2.0
#include "raft_log.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "raft_codec.h"

namespace sluice::raft {
namespace {

Error corrupt(LogIndex index, const std::string& what) {
  return make_error(ErrorCode::conflict, "the stored log contradicts itself at index " + std::to_string(index.value()) +
                                             ": " + what + "; restore this node from its peers, under a new id");
}

}  // namespace

Result<RaftLog> RaftLog::make(StoredState stored) {
  RaftLog log;
  if (stored.snapshot) {
    const SnapshotMeta& meta = stored.snapshot->meta;
    if (stored.snapshot->data == nullptr || meta.index == LogIndex() || meta.term > stored.hard_state.term ||
        !is_well_formed(meta.configuration))
      return corrupt(meta.index, "a snapshot that cannot be");
    log.base_ = {meta.index, meta.term};
    log.configurations_.restart(meta.index, meta.configuration);
    log.snapshot_ = std::move(stored.snapshot);
  }
  const EntryId start = log.base_;
  if (!stored.entries.empty() && stored.entries.front().index > next(start.index))
    return corrupt(stored.entries.front().index, "entries before it are missing");
  // What lies before the snapshot is good for followers a little behind; its first entry becomes the base.
  if (!stored.entries.empty() && stored.entries.front().index <= start.index) {
    if (stored.entries.front().index == LogIndex() || stored.entries.back().index < start.index)
      return corrupt(start.index, "entries end before the snapshot's index");
    if (stored.entries.front().term > start.term) return corrupt(start.index, "a term that cannot be");
    log.base_ = {stored.entries.front().index, stored.entries.front().term};
    stored.entries.erase(stored.entries.begin());
  }
  for (Entry& entry : stored.entries) {
    if (entry.index != next(log.last())) return corrupt(entry.index, "a gap before it");
    if (entry.term < log.last_id().term || entry.term > stored.hard_state.term || entry.term == Term())
      return corrupt(entry.index, "a term that cannot be");
    if (entry.index <= start.index) {  // the snapshot's configuration is newer than any here
      log.entries_.push_back(std::move(entry));
      continue;
    }
    if (entry.type == EntryType::configuration && !decode_configuration(entry.data))
      return corrupt(entry.index, "a configuration that cannot be read");
    log.append(std::move(entry));
  }
  if (log.term_at(start.index) != start.term) return corrupt(start.index, "the entry is not the snapshot's last");
  log.stable_ = log.handed_ = log.last();
  log.commit_ = log.applied_ = log.handed_committed_ = start.index;
  return log;
}

std::optional<Term> RaftLog::term_at(LogIndex index) const {
  if (index == base_.index) return base_.term;
  if (index < base_.index || index > last()) return std::nullopt;
  return at(index).term;
}

LogIndex RaftLog::last_not_above(LogIndex index, Term term) const {
  if (index < base_.index) return index;
  if (base_.term > term) return previous(base_.index);
  // Terms never fall along a log.
  const auto count = static_cast<std::ptrdiff_t>(std::min(index, last()).value() - base_.index.value());
  const auto end = entries_.begin() + count;
  const auto above = std::upper_bound(entries_.begin(), end, term,
                                      [](Term wanted, const Entry& entry) { return wanted < entry.term; });
  return LogIndex(base_.index.value() + static_cast<std::uint64_t>(above - entries_.begin()));
}

std::vector<Entry> RaftLog::copy(LogIndex from, LogIndex last, std::size_t count_max, std::size_t bytes_max) const {
  std::vector<Entry> copied;
  std::size_t bytes = 0;
  for (LogIndex index = from; index <= last && copied.size() < count_max; index = next(index)) {
    const Entry& entry = at(index);
    bytes += entry.data.size();
    if (!copied.empty() && bytes > bytes_max) break;
    copied.push_back(entry);
  }
  return copied;
}

void RaftLog::append(Entry entry) {
  SLUICE_INVARIANT(entry.index == next(last()) && entry.term >= last_id().term);
  if (entry.type == EntryType::configuration) {
    Result<Configuration> configuration = decode_configuration(entry.data);
    SLUICE_INVARIANT(configuration.has_value());
    configurations_.add(entry.index, std::move(*configuration));
  }
  uncommitted_bytes_ += entry.data.size();
  entries_.push_back(std::move(entry));
}

void RaftLog::truncate_from(LogIndex index) {
  SLUICE_INVARIANT(index > commit_ && index <= last());
  while (last() >= index) {
    uncommitted_bytes_ -= entries_.back().data.size();
    entries_.pop_back();
  }
  configurations_.truncate_from(index);
  const LogIndex kept = previous(index);
  if (handed_ > kept) {
    to_truncate_ = to_truncate_ ? std::min(*to_truncate_, index) : index;
    handed_ = kept;
  }
  stable_ = std::min(stable_, kept);
  for (Handed& handed : being_written_) handed.last = std::min(handed.last, kept);
}

void RaftLog::commit_to(LogIndex index) {
  SLUICE_INVARIANT(index <= last());
  while (commit_ < index) {
    commit_ = next(commit_);
    uncommitted_bytes_ -= at(commit_).data.size();
  }
}

void RaftLog::install(Snapshot snapshot) {
  const SnapshotMeta& meta = snapshot.meta;
  SLUICE_INVARIANT(meta.index > commit_);
  // The disk still has the old log: only what was committed of it is a part of the new one.
  stable_ = std::min(stable_, commit_);
  for (Handed& handed : being_written_) handed.last = std::min(handed.last, commit_);
  entries_.clear();
  uncommitted_bytes_ = 0;
  base_ = {meta.index, meta.term};
  configurations_.restart(meta.index, meta.configuration);
  commit_ = applied_ = handed_ = handed_committed_ = meta.index;
  to_truncate_.reset();
  snapshot_ = snapshot;
  to_install_ = std::move(snapshot);
}

void RaftLog::applied_to(LogIndex index) {
  SLUICE_INVARIANT(index <= handed_committed_);
  applied_ = std::max(applied_, index);
}

Result<SnapshotMeta> RaftLog::snapshot_meta(LogIndex index) const {
  const LogIndex newest = snapshot_ ? snapshot_->meta.index : LogIndex();
  if (index <= newest)
    return make_error(ErrorCode::conflict, "the snapshot at index " + std::to_string(newest.value()) +
                                               " is as new as one at " + std::to_string(index.value()));
  if (index > applied_)
    return make_error(ErrorCode::conflict, "index " + std::to_string(index.value()) + " is not applied yet, only " +
                                               std::to_string(applied_.value()) + " is");
  return SnapshotMeta{index, *term_at(index), configurations_.at(index)};
}

Status RaftLog::compact(LogIndex index, std::shared_ptr<const std::string> data, std::uint32_t trailing) {
  SLUICE_INVARIANT(data != nullptr);
  Result<SnapshotMeta> meta = snapshot_meta(index);
  if (!meta) return meta.error();
  snapshot_ = Snapshot{std::move(*meta), std::move(data)};
  configurations_.forget_before(index);
  if (index.value() <= trailing || LogIndex(index.value() - trailing) <= base_.index) return {};
  const LogIndex base(index.value() - trailing);
  const Term term = *term_at(base);
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(base.value() - base_.index.value()));
  base_ = {base, term};
  return {};
}

bool RaftLog::has_output() const {
  return to_install_ || to_truncate_ || handed_ < last() || handed_committed_ < commit_;
}

void RaftLog::hand_out(Ready& ready, std::size_t committed_bytes_max) {
  constexpr auto any = std::numeric_limits<std::size_t>::max();
  ready.install = std::exchange(to_install_, std::nullopt);
  ready.truncate_from = std::exchange(to_truncate_, std::nullopt);
  ready.append = copy(next(handed_), last(), any, any);
  handed_ = last();
  if (ready.install || !ready.append.empty()) being_written_.push_back({ready.sequence, handed_});
  ready.committed = copy(next(handed_committed_), commit_, any, committed_bytes_max);
  if (!ready.committed.empty()) handed_committed_ = ready.committed.back().index;
}

void RaftLog::persisted(std::uint64_t sequence) {
  while (!being_written_.empty() && being_written_.front().sequence <= sequence) {
    stable_ = std::max(stable_, being_written_.front().last);
    being_written_.pop_front();
  }
}

}  // namespace sluice::raft
