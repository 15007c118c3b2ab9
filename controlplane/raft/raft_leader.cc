// SPDX-License-Identifier: Apache-2.0
// What a leader does: paper sections 5.3, 5.4.2 and 7; check-quorum, thesis section 6.2.
#include <algorithm>
#include <utility>

#include "raft_codec.h"
#include "raft_core.h"

namespace sluice::raft {

void Raft::Core::tick_leading(Leader& leader) {
  const bool is_heartbeat_due = ++leader.heartbeat_ticks >= options_.heartbeat_ticks;
  if (is_heartbeat_due) leader.heartbeat_ticks = 0;
  for (auto& [id, peer] : leader.peers) {
    if (peer.silent_ticks < options_.election_ticks) ++peer.silent_ticks;
    if (is_heartbeat_due) peer.is_heartbeat_due = true;
    auto* snapshotting = std::get_if<Snapshotting>(&peer.progress);
    // As long as it takes to give a node up: on a slow line chunks must not pile up.
    if (snapshotting == nullptr || ++snapshotting->silent_ticks < options_.election_ticks) continue;
    snapshotting->silent_ticks = 0;
    snapshotting->is_waiting = false;
    // Nothing is lost by taking up a newer one, if the old one does not move.
    if (log_.snapshot()->meta.index != snapshotting->snapshot.meta.index) peer.progress = Probing{};
  }
  if (!hears_majority(leader)) return become_follower(hard_state_.term, NodeId());
  if (leader.transfer && ++leader.transfer->ticks >= options_.election_ticks) leader.transfer.reset();
}

bool Raft::Core::hears_majority(const Leader& leader) const {
  return reached_by_majority(configuration(), [&](NodeId id) -> std::uint64_t {
           return id == options_.id || leader.peers.at(id).silent_ticks < options_.election_ticks ? 1 : 0;
         }) == 1;
}

LogIndex Raft::Core::append_own(EntryType type, std::string data) {
  const LogIndex index = next(log_.last());
  log_.append({hard_state_.term, index, type, std::move(data)});
  return index;
}

// Ourselves up to what is on our disk. Only entries of this term by counting: one of an earlier term that a majority
// has can still be replaced (paper, figure 8).
void Raft::Core::commit_what_majority_has() {
  auto& leading = std::get<Leader>(role_);
  const LogIndex reached(reached_by_majority(configuration(), [&](NodeId id) {
    return id == options_.id ? log_.stable().value() : leading.peers.at(id).match.value();
  }));
  if (reached > log_.commit() && log_.term_at(reached) == hard_state_.term) log_.commit_to(reached);
  advance_reads(leading);
}

void Raft::Core::follow_configuration(Leader& leader) {
  std::erase_if(leader.peers, [&](const auto& peer) { return configuration().find(peer.first) == nullptr; });
  for (const Member& member : configuration().members) {
    if (member.id == options_.id) continue;
    Peer fresh;
    fresh.next = next(log_.last());
    leader.peers.try_emplace(member.id, std::move(fresh));
  }
  if (leader.transfer && !configuration().is_voter(leader.transfer->target)) leader.transfer.reset();
}

// Any answer in our term says that its sender follows us. Null: no business of ours.
Peer* Raft::Core::heard_from(const Message& message, std::uint64_t read_round) {
  auto* leading = std::get_if<Leader>(&role_);
  if (leading == nullptr) return nullptr;
  const auto found = leading->peers.find(message.from);
  if (found == leading->peers.end()) return nullptr;
  Peer& peer = found->second;
  peer.silent_ticks = 0;
  if (read_round <= leading->read_round) peer.read_round = std::max(peer.read_round, read_round);
  return &peer;
}

void Raft::Core::on(const Message& message, AppendReply& reply) {
  Peer* const peer = heard_from(message, reply.read_round);
  if (peer == nullptr) return;
  if (!reply.success)
    note_refusal(*peer, reply, log_);
  else if (reply.match <= log_.last())
    note_match(*peer, reply.match);
  commit_what_majority_has();
  try_transfer(std::get<Leader>(role_));
}

void Raft::Core::on(const Message& message, SnapshotReply& reply) {
  Peer* const peer = heard_from(message, reply.read_round);
  if (peer == nullptr) return;
  auto* snapshotting = std::get_if<Snapshotting>(&peer->progress);
  if (snapshotting != nullptr && reply.index == snapshotting->snapshot.meta.index) {
    if (reply.installed) {
      note_match(*peer, reply.index);
    } else if (reply.next_offset != snapshotting->offset && reply.next_offset <= snapshotting->snapshot.data->size()) {
      // An answer that names the chunk under way is an old one's; time repeats what was lost.
      snapshotting->offset = reply.next_offset;
      snapshotting->is_waiting = false;
      snapshotting->silent_ticks = 0;
    }
  }
  commit_what_majority_has();
  try_transfer(std::get<Leader>(role_));
}

void Raft::Core::try_transfer(Leader& leader) {
  if (!leader.transfer || leader.transfer->is_sent) return;
  if (leader.peers.at(leader.transfer->target).match != log_.last()) return;
  send_now(leader.transfer->target, TransferRequest{});
  leader.transfer->is_sent = true;
}

void Raft::Core::send_due(Leader& leader) {
  for (auto& [id, peer] : leader.peers) {
    for (Sending what = Sending::entries; what != Sending::nothing;) {
      what = next_sending(peer, log_, options_.messages_in_flight);
      if (what == Sending::entries) send_entries(leader, id, peer, options_.entries_per_message);
      if (what == Sending::heartbeat) send_entries(leader, id, peer, 0);
      if (what == Sending::chunk) send_chunk(leader, id, peer);
    }
  }
}

void Raft::Core::send_entries(const Leader& leader, NodeId to, Peer& peer, std::size_t entries_max) {
  AppendRequest request;
  // Beside a snapshot only what it surely has, or the empty place that every log begins with.
  const bool is_beside_snapshot = std::holds_alternative<Snapshotting>(peer.progress);
  if (!is_beside_snapshot || log_.term_at(peer.match))
    request.previous_index = is_beside_snapshot ? peer.match : previous(peer.next);
  request.previous_term = log_.term_at(request.previous_index).value_or(Term());
  request.entries = log_.copy(peer.next, log_.last(), entries_max, options_.message_bytes);
  const LogIndex end(request.previous_index.value() + request.entries.size());
  request.commit = std::min(log_.commit(), end);
  request.read_round = leader.read_round;
  peer.told_commit = std::max(peer.told_commit, request.commit);
  peer.is_heartbeat_due = false;
  if (auto* probing = std::get_if<Probing>(&peer.progress)) probing->is_waiting = true;
  if (auto* replicating = std::get_if<Replicating>(&peer.progress);
      replicating != nullptr && !request.entries.empty()) {
    replicating->in_flight.push_back(end);
    peer.next = next(end);
  }
  send_now(to, std::move(request));
}

void Raft::Core::send_chunk(const Leader& leader, NodeId to, Peer& peer) {
  if (!std::holds_alternative<Snapshotting>(peer.progress)) {
    // What is forgotten is in the snapshot.
    SLUICE_INVARIANT(log_.snapshot().has_value());
    peer.progress = Snapshotting{*log_.snapshot(), snapshot_digest(*log_.snapshot()->data), 0, false, 0};
  }
  auto& snapshotting = std::get<Snapshotting>(peer.progress);
  const Snapshot& snapshot = snapshotting.snapshot;
  SnapshotChunk chunk{.meta = snapshot.meta,
                      .offset = snapshotting.offset,
                      .total_bytes = snapshot.data->size(),
                      .digest = snapshotting.digest,
                      .data = snapshot.data->substr(snapshotting.offset, options_.snapshot_chunk_bytes),
                      .read_round = leader.read_round};
  snapshotting.is_waiting = true;
  send_now(to, std::move(chunk));
}

}  // namespace sluice::raft
