// SPDX-License-Identifier: Apache-2.0
// What a leader knows of one other member, and what it has to send there next.
#pragma once

#include <cstdint>
#include <deque>
#include <variant>

#include "raft_log.h"
#include "raft_types.h"

namespace sluice::raft {

// Looking for the last entry both logs have: one message at a time.
struct Probing {
  bool is_waiting = false;
};
// Messages follow each other without waiting for the answers.
struct Replicating {
  std::deque<LogIndex> in_flight;  // last entry of each message
};
// The log does not reach back far enough: one chunk at a time. Holds its snapshot, so that a newer one of ours does not
// start the transfer over.
struct Snapshotting {
  Snapshot snapshot;
  std::uint64_t digest = 0;
  std::uint64_t offset = 0;  // of the chunk under way, or next
  bool is_waiting = false;
  std::uint32_t silent_ticks = 0;
};

struct Peer {
  LogIndex match;  // known to be on its disk, equal to ours
  LogIndex next;   // first entry not sent yet; replicating: optimistic
  LogIndex told_commit;
  std::uint64_t read_round = 0;    // newest round it has answered
  std::uint32_t silent_ticks = 0;  // since it was heard from
  bool is_heartbeat_due = false;
  std::variant<Probing, Replicating, Snapshotting> progress;
};

enum class Sending : std::uint8_t { nothing, entries, heartbeat, chunk };

// A heartbeat is an AppendRequest without entries: it follows the last entry sent, so it also finds out that some were
// lost. In a dead peer's direction nothing else is repeated.
[[nodiscard]] Sending next_sending(const Peer& peer, const RaftLog& log, std::uint32_t messages_in_flight);

// It holds everything up to `match`.
void note_match(Peer& peer, LogIndex match);
// It has no entry that fits behind reply.refused_index. Old news are recognised and change nothing.
void note_refusal(Peer& peer, const AppendReply& reply, const RaftLog& log);

}  // namespace sluice::raft
