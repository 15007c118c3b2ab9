// SPDX-License-Identifier: Apache-2.0
#include "sim_disk.h"

#include <fmt/format.h>

#include "raft_codec.h"

namespace sluice::sim {

using namespace raft;

SimDisk::SimDisk(StoredState state)
    : hard_state_(state.hard_state),
      snapshot_(std::move(state.snapshot)),
      entries_(state.entries.begin(), state.entries.end()) {}

std::string SimDisk::write(const WriteBatch& batch) {
  if (batch.hard_state) {
    const HardState& now = *batch.hard_state;
    if (now.term < hard_state_.term)
      return fmt::format("term on disk goes back from {} to {}", hard_state_.term.value(), now.term.value());
    if (now.term == hard_state_.term && hard_state_.vote != NodeId() && now.vote != hard_state_.vote)
      return fmt::format("vote on disk changes within term {}", now.term.value());
    hard_state_ = now;
  }
  if (std::string wrong = write_log(batch); !wrong.empty()) return wrong;
  if (std::string wrong = write_compaction(batch); !wrong.empty()) return wrong;
  if (last_term() > hard_state_.term)
    return fmt::format("entry of term {} in a log whose term is {}", last_term().value(), hard_state_.term.value());
  return {};
}

std::string SimDisk::write_log(const WriteBatch& batch) {
  if (batch.install) {
    if (batch.install->meta.index <= snapshot_index())
      return fmt::format("installs snapshot {} over {}", batch.install->meta.index.value(), snapshot_index().value());
    snapshot_ = batch.install;
    entries_.clear();
  }
  if (batch.truncate_from) {
    if (*batch.truncate_from <= snapshot_index())
      return fmt::format("truncates at {}, below snapshot {}", batch.truncate_from->value(), snapshot_index().value());
    while (!entries_.empty() && entries_.back().index >= *batch.truncate_from) entries_.pop_back();
  }
  for (const Entry& entry : batch.append) {
    if (entry.index != next(last())) return fmt::format("appends {} after {}", entry.index.value(), last().value());
    if (entry.term < last_term())
      return fmt::format("appends an entry of term {} after term {}", entry.term.value(), last_term().value());
    entries_.push_back(entry);
  }
  return {};
}

std::string SimDisk::write_compaction(const WriteBatch& batch) {
  if (!batch.compact) return {};
  const SnapshotMeta& meta = batch.compact->meta;
  if (meta.index < snapshot_index())
    return fmt::format("own snapshot {} over {}", meta.index.value(), snapshot_index().value());
  const Entry* stands_for = find(meta.index);
  if (meta.index > last() || (stands_for != nullptr && stands_for->term != meta.term))
    return fmt::format("own snapshot {}@{} stands for nothing in the log that ends at {}", meta.index.value(),
                       meta.term.value(), last().value());
  if (batch.first_kept > next(meta.index))
    return fmt::format("compaction at {} drops entries up to {}", meta.index.value(), batch.first_kept.value());
  snapshot_ = batch.compact;
  while (!entries_.empty() && entries_.front().index < batch.first_kept) entries_.pop_front();
  return {};
}

StoredState SimDisk::stored() const {
  return {hard_state_, snapshot_, {entries_.begin(), entries_.end()}};
}

std::string SimDisk::inconsistency() const {
  if (!entries_.empty() && entries_.front().index > next(snapshot_index()))
    return fmt::format("log begins at {} behind snapshot {}", entries_.front().index.value(), snapshot_index().value());
  if (last() < snapshot_index())
    return fmt::format("log ends at {} before snapshot {}", last().value(), snapshot_index().value());
  const Entry* at_snapshot = find(snapshot_index());
  if (at_snapshot != nullptr && at_snapshot->term != snapshot_->meta.term)
    return fmt::format("entry {} has another term than the snapshot", at_snapshot->index.value());
  for (std::size_t i = 1; i < entries_.size(); ++i) {
    if (entries_[i].index != next(entries_[i - 1].index))
      return fmt::format("gap in the log behind {}", entries_[i - 1].index.value());
    if (entries_[i].term < entries_[i - 1].term)
      return fmt::format("terms of the log go back at {}", entries_[i].index.value());
  }
  if (last_term() > hard_state_.term)
    return fmt::format("entry of term {} in a log whose term is {}", last_term().value(), hard_state_.term.value());
  return {};
}

LogIndex SimDisk::last() const {
  return entries_.empty() ? snapshot_index() : entries_.back().index;
}
Term SimDisk::last_term() const {
  if (!entries_.empty()) return entries_.back().term;
  return snapshot_ ? snapshot_->meta.term : Term();
}
LogIndex SimDisk::snapshot_index() const {
  return snapshot_ ? snapshot_->meta.index : LogIndex();
}

const Entry* SimDisk::find(LogIndex index) const {
  if (entries_.empty() || index < entries_.front().index || index > entries_.back().index) return nullptr;
  return &entries_[index.value() - entries_.front().index.value()];
}

bool SimDisk::holds(LogIndex index, Term term) const {
  if (const Entry* entry = find(index)) return entry->term == term;
  return index <= snapshot_index();
}

Configuration SimDisk::newest_configuration() const {
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if (entry->type != EntryType::configuration || entry->index <= snapshot_index()) continue;
    if (auto decoded = decode_configuration(entry->data)) return std::move(*decoded);
  }
  return snapshot_ ? snapshot_->meta.configuration : Configuration{};
}

}  // namespace sluice::sim
