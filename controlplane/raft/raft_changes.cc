// SPDX-License-Identifier: Apache-2.0
// What users ask of a leader: commands, members (thesis, chapter 4), and to hand over (thesis, section 3.10).
#include <string>
#include <utility>

#include "raft_codec.h"
#include "raft_core.h"
#include "raft_membership.h"

namespace sluice::raft {

Result<Leader*> Raft::Core::leader_for_proposals() {
  auto* leading = std::get_if<Leader>(&role_);
  if (leading == nullptr) return make_error(ErrorCode::conflict, "this node is not the leader; ask the leader");
  if (leading->transfer)
    return make_error(ErrorCode::conflict, "leadership is being handed over; ask again in a moment");
  return leading;
}

Result<LogIndex> Raft::Core::propose(std::string command) {
  const Result<Leader*> leading = leader_for_proposals();
  if (!leading) return leading.error();
  if (log_.uncommitted_bytes() + command.size() > options_.uncommitted_bytes_max)
    return make_error(ErrorCode::conflict,
                      "no more than " + std::to_string(options_.uncommitted_bytes_max) +
                          " bytes may wait to be committed (uncommitted_bytes_max); ask again later");
  return append_own(EntryType::command, std::move(command));
}

// Before its first commit a leader does not know whether a change of an earlier term, of which it may not even have
// heard, is committed: two changes at once, whose majorities need not meet.
Status Raft::Core::may_change() const {
  if (!is_committed_in_term())
    return make_error(ErrorCode::conflict,
                      "the leader is new and has not committed anything yet; ask again in a moment");
  if (log_.configurations().newest().index > log_.commit())
    return make_error(ErrorCode::conflict, "the last change of members is not committed yet; ask again when it is");
  return {};
}

Result<LogIndex> Raft::Core::change(Result<Configuration> changed) {
  const Result<Leader*> leading = leader_for_proposals();
  if (!leading) return leading.error();
  if (const Status status = may_change(); !status) return status.error();
  if (!changed) return changed.error();
  const LogIndex index = append_own(EntryType::configuration, encode_configuration(*changed));
  follow_configuration(**leading);
  // A smaller majority may have been reached already, by entries and by reads.
  commit_what_majority_has();
  return index;
}

Result<LogIndex> Raft::Core::add_learner(const Member& member) {
  return change(with_learner(configuration(), member));
}

// Caught up: it would not keep the majority it becomes a part of waiting for more than one message.
Result<LogIndex> Raft::Core::promote(NodeId learner) {
  Result<Configuration> promoted = with_promoted(configuration(), learner);
  if (const auto* leading = std::get_if<Leader>(&role_); promoted && leading != nullptr) {
    const Peer& peer = leading->peers.at(learner);
    const bool is_close = peer.match.value() + options_.entries_per_message >= log_.last().value();
    if (!std::holds_alternative<Replicating>(peer.progress) || !is_close ||
        peer.silent_ticks >= options_.election_ticks)
      return make_error(ErrorCode::conflict, "node " + std::to_string(learner.value()) + " has not caught up: it has " +
                                                 std::to_string(peer.match.value()) + " of " +
                                                 std::to_string(log_.last().value()) + " entries; ask again later");
  }
  return change(std::move(promoted));
}

Result<LogIndex> Raft::Core::remove(NodeId member) {
  return change(without(configuration(), member));
}

Status Raft::Core::transfer_to(NodeId voter) {
  const Result<Leader*> leading = leader_for_proposals();
  if (!leading) return leading.error();
  if (voter == options_.id) return make_error(ErrorCode::conflict, "this node is the leader already");
  if (!configuration().is_voter(voter))
    return make_error(ErrorCode::not_found, "node " + std::to_string(voter.value()) + " is no voter and cannot lead");
  (*leading)->transfer = Leader::Transfer{.target = voter, .ticks = 0, .is_sent = false};
  try_transfer(**leading);
  return {};
}

}  // namespace sluice::raft
