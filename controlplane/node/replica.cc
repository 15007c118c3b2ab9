// SPDX-License-Identifier: Apache-2.0
#include "replica.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace sluice::node {

Result<std::unique_ptr<Replica>> Replica::make(const ReplicaOptions& options, raft::StoredState stored,
                                               ReplicaHost& host, ReplicaObserver& observer, raft::RandomBelow random) {
  std::optional<model::ClusterState> state;
  raft::LogIndex applied;
  if (stored.snapshot) {
    Result<model::ClusterState> restored = model::ClusterState::restore(*stored.snapshot->data);
    if (!restored) return restored.error();
    state.emplace(std::move(*restored));
    applied = stored.snapshot->meta.index;
  }
  Result<std::unique_ptr<raft::Raft>> core = raft::Raft::make(options.raft, std::move(stored), std::move(random));
  if (!core) return core.error();
  std::unique_ptr<Replica> replica(new Replica(options, std::move(*core), host, observer));
  replica->state_ = std::move(state);
  replica->applied_ = replica->snapshot_index_ = applied;
  return replica;
}

Replica::Replica(const ReplicaOptions& options, std::unique_ptr<raft::Raft> raft, ReplicaHost& host,
                 ReplicaObserver& observer)
    : options_(options), raft_(std::move(raft)), host_(host), observer_(observer) {}

void Replica::tick() {
  raft_->tick();
  pump();
}

void Replica::step(raft::Message message) {
  raft_->step(std::move(message));
  pump();
}

void Replica::pump() {
  while (!is_failed_ && raft_->has_ready()) handle(raft_->take_ready());
  if (is_failed_) return;
  order_snapshot();
  start_write();
}

void Replica::handle(raft::Ready ready) {
  for (const raft::Message& message : ready.send_now) host_.send(message);
  const std::optional<raft::Snapshot> installed = ready.install;
  queue_.add(ready.sequence, ready.hard_state, ready.truncate_from, std::move(ready.append), std::move(ready.install),
             std::move(ready.send_after_persist));
  if (installed && !install(*installed)) return;
  for (const raft::Entry& entry : ready.committed)
    if (!apply(entry)) return;
  if (installed || !ready.committed.empty()) raft_->applied(applied_);
  for (const raft::ReadResult& read : ready.reads) {
    if (read.index)
      readable_.emplace(*read.index, read.id);
    else
      observer_.read_done(read.id, ReadOutcome::unconfirmed);
  }
  serve_reads();
}

bool Replica::install(const raft::Snapshot& snapshot) {
  Result<model::ClusterState> restored = model::ClusterState::restore(*snapshot.data);
  if (!restored) {
    is_failed_ = true;
    host_.fail(fmt::format("the leader's snapshot at {} is not for this build: {}", snapshot.meta.index.value(),
                           restored.error().context));
    return false;
  }
  state_.emplace(std::move(*restored));
  applied_ = snapshot_index_ = snapshot.meta.index;
  bytes_since_ = 0;
  observer_.replaced(applied_);
  return true;
}

bool Replica::apply(const raft::Entry& entry) {
  std::optional<model::Outcome> outcome;
  if (entry.type == raft::EntryType::command) {
    if (!state_) {
      is_failed_ = true;
      host_.fail("a command came before any state: the log does not begin with a snapshot");
      return false;
    }
    outcome = state_->apply(entry.index.value(), entry.data);
    if (state_->feature_level() > model::feature_level_supported) {
      is_failed_ = true;
      host_.fail(
          fmt::format("the cluster has moved on to feature level {}, and this program knows {}; install a newer one",
                      state_->feature_level(), model::feature_level_supported));
      return false;
    }
  }
  applied_ = entry.index;
  bytes_since_ += entry.data.size();
  observer_.applied(entry, outcome ? &*outcome : nullptr);
  return true;
}

void Replica::serve_reads() {
  while (!readable_.empty() && readable_.begin()->first <= applied_) {
    const raft::ReadId id = readable_.begin()->second;
    readable_.erase(readable_.begin());
    observer_.read_done(id, ReadOutcome::confirmed);
  }
}

void Replica::order_snapshot() {
  if (!state_ || is_snapshot_ordered_) return;
  const std::uint64_t entries = applied_.value() - snapshot_index_.value();
  if (entries == 0 || (entries < options_.snapshot_entries && bytes_since_ < options_.snapshot_bytes)) return;
  const Result<raft::SnapshotMeta> meta = raft_->snapshot_meta(applied_);
  if (!meta) return;
  is_snapshot_ordered_ = true;
  bytes_since_ = 0;
  host_.make_snapshot({*meta, std::make_shared<const model::ClusterState>(*state_)});
}

Result<SnapshotOrder> Replica::copy() const {
  Result<raft::SnapshotMeta> meta = raft_->snapshot_meta(applied_);
  if (!meta) return meta.error();
  return SnapshotOrder{std::move(*meta), std::make_shared<const model::ClusterState>(*state_)};
}

void Replica::snapshot_made(raft::SnapshotMeta meta, std::shared_ptr<const std::string> data) {
  is_snapshot_ordered_ = false;
  // One from the leader may have come in between, and stands for more.
  if (meta.index <= snapshot_index_) return pump();
  snapshot_index_ = meta.index;
  snapshots_.emplace(meta.index, data);
  const std::uint64_t kept = std::min<std::uint64_t>(options_.raft.trailing_entries, meta.index.value());
  const raft::LogIndex first_kept(meta.index.value() - kept + 1);
  queue_.add_compaction({std::move(meta), std::move(data)}, first_kept);
  pump();
}

void Replica::start_write() {
  if (is_writing_) return;
  std::optional<raft::WriteBatch> batch = queue_.next_batch();
  if (!batch) return;
  is_writing_ = true;
  host_.write(std::move(*batch));
}

void Replica::written() {
  is_writing_ = false;
  const raft::PersistQueue::Done done = queue_.written();
  if (done.sequence != 0) raft_->persisted(done.sequence);
  for (const raft::Message& message : done.send) host_.send(message);
  if (done.compacted) {
    const auto made = snapshots_.find(*done.compacted);
    SLUICE_INVARIANT(made != snapshots_.end());
    // Refused if one from the leader has overtaken it: then there is nothing to forget.
    [[maybe_unused]] const Status compacted = raft_->compact(*done.compacted, made->second);
    snapshots_.erase(snapshots_.begin(), std::next(made));
  }
  pump();
}

Result<Place> Replica::placed(Result<raft::LogIndex> index) {
  if (!index) return index.error();
  const Place place{*index, raft_->status().term};
  pump();
  return place;
}

Result<Place> Replica::propose(const model::Command& command) {
  return propose_encoded(model::encode_command(command));
}

Result<Place> Replica::propose_encoded(std::string command) {
  return placed(raft_->propose(std::move(command)));
}

Result<Place> Replica::add_learner(const raft::Member& member) {
  return placed(raft_->add_learner(member));
}

Result<Place> Replica::promote(raft::NodeId learner) {
  return placed(raft_->promote(learner));
}

Result<Place> Replica::remove(raft::NodeId member) {
  return placed(raft_->remove(member));
}

Status Replica::transfer_to(raft::NodeId voter) {
  const Status started = raft_->transfer_to(voter);
  pump();
  return started;
}

void Replica::read(raft::ReadId id) {
  raft_->read(id);
  pump();
}

}  // namespace sluice::node
