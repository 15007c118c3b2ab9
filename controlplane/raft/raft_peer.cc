// SPDX-License-Identifier: Apache-2.0
#include "raft_peer.h"

#include <algorithm>

namespace sluice::raft {

Sending next_sending(const Peer& peer, const RaftLog& log, std::uint32_t messages_in_flight) {
  const Sending pulse = peer.is_heartbeat_due ? Sending::heartbeat : Sending::nothing;
  if (const auto* snapshotting = std::get_if<Snapshotting>(&peer.progress))
    return snapshotting->is_waiting ? pulse : Sending::chunk;
  if (!log.term_at(previous(peer.next))) return Sending::chunk;
  if (const auto* probing = std::get_if<Probing>(&peer.progress)) return probing->is_waiting ? pulse : Sending::entries;
  const auto& replicating = std::get<Replicating>(peer.progress);
  if (peer.next <= log.last() && replicating.in_flight.size() < messages_in_flight) return Sending::entries;
  return peer.told_commit < std::min(log.commit(), previous(peer.next)) ? Sending::heartbeat : pulse;
}

void note_match(Peer& peer, LogIndex match) {
  peer.match = std::max(peer.match, match);
  if (auto* replicating = std::get_if<Replicating>(&peer.progress)) {
    while (!replicating->in_flight.empty() && replicating->in_flight.front() <= match)
      replicating->in_flight.pop_front();
  } else if (const auto* snapshotting = std::get_if<Snapshotting>(&peer.progress)) {
    if (peer.match >= snapshotting->snapshot.meta.index) peer.progress = Replicating{};
  } else if (next(peer.match) >= peer.next) {
    peer.progress = Replicating{};
  }
  peer.next = std::max(peer.next, next(peer.match));
}

void note_refusal(Peer& peer, const AppendReply& reply, const RaftLog& log) {
  // What it has acknowledged it cannot lack now, and what was not sent it cannot refuse.
  if (reply.refused_index <= peer.match || reply.refused_index >= peer.next) return;
  if (std::holds_alternative<Snapshotting>(peer.progress)) return;
  if (std::holds_alternative<Probing>(peer.progress) && next(reply.refused_index) != peer.next) return;
  const LogIndex from = log.last_not_above(std::min(reply.hint_index, previous(reply.refused_index)), reply.hint_term);
  peer.next = next(std::max(peer.match, from));
  peer.told_commit = std::min(peer.told_commit, previous(peer.next));
  peer.progress = Probing{};
}

}  // namespace sluice::raft
