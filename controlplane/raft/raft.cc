// SPDX-License-Identifier: Apache-2.0
#include "raft.h"

#include <utility>

#include "raft_core.h"

namespace sluice::raft {
namespace {

Status check(const RaftOptions& options) {
  const auto wrong = [](const char* what) { return make_error(ErrorCode::invalid_argument, what); };
  if (options.id == NodeId()) return wrong("a node needs an id other than 0");
  if (options.heartbeat_ticks == 0 || options.election_ticks <= options.heartbeat_ticks)
    return wrong("election_ticks must be above heartbeat_ticks, and both above 0, or no leader would stay one");
  if (options.entries_per_message == 0 || options.messages_in_flight == 0 || options.snapshot_chunk_bytes == 0)
    return wrong("entries_per_message, messages_in_flight and snapshot_chunk_bytes must be above 0");
  return {};
}

}  // namespace

Raft::Raft(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Raft::~Raft() = default;

Result<std::unique_ptr<Raft>> Raft::make(const RaftOptions& options, StoredState stored, RandomBelow random) {
  if (const Status status = check(options); !status) return status.error();
  if (!random) return make_error(ErrorCode::invalid_argument, "elections need a source of random numbers");
  const HardState hard_state = stored.hard_state;
  Result<RaftLog> log = RaftLog::make(std::move(stored));
  if (!log) return log.error();
  auto core = std::make_unique<Core>(options, hard_state, std::move(*log), std::move(random));
  return std::unique_ptr<Raft>(new Raft(std::move(core)));
}

void Raft::tick() {
  core_->tick();
}
void Raft::step(Message message) {
  core_->step(std::move(message));
}
Result<LogIndex> Raft::propose(std::string command) {
  return core_->propose(std::move(command));
}
Result<LogIndex> Raft::add_learner(const Member& member) {
  return core_->add_learner(member);
}
Result<LogIndex> Raft::promote(NodeId learner) {
  return core_->promote(learner);
}
Result<LogIndex> Raft::remove(NodeId member) {
  return core_->remove(member);
}
void Raft::read(ReadId id) {
  core_->read(id);
}
Status Raft::transfer_to(NodeId voter) {
  return core_->transfer_to(voter);
}
bool Raft::has_ready() const {
  return core_->has_ready();
}
Ready Raft::take_ready() {
  return core_->take_ready();
}
void Raft::persisted(std::uint64_t sequence) {
  core_->persisted(sequence);
}
void Raft::applied(LogIndex index) {
  core_->log().applied_to(index);
}
Result<SnapshotMeta> Raft::snapshot_meta(LogIndex index) const {
  return core_->log().snapshot_meta(index);
}
Status Raft::compact(LogIndex index, std::shared_ptr<const std::string> data) {
  return core_->log().compact(index, std::move(data), core_->options().trailing_entries);
}
RaftStatus Raft::status() const {
  return core_->status();
}

// Term 1 is nobody's: the first election starts term 2. Index 1 is what makes members of a new cluster ask the leader
// for the snapshot instead of replaying a log that begins nowhere.
StoredState bootstrap_state(Configuration configuration, std::shared_ptr<const std::string> data) {
  StoredState state;
  state.hard_state = {Term(1), NodeId()};
  state.snapshot = Snapshot{{LogIndex(1), Term(1), std::move(configuration)}, std::move(data)};
  return state;
}

}  // namespace sluice::raft
