// SPDX-License-Identifier: Apache-2.0
// What the Raft core, its storage and its transport hand to each other. Values only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "strong_types.h"

namespace sluice::raft {

using Term = Strong<struct TermTag, std::uint64_t>;          // 0 before the first election
using LogIndex = Strong<struct LogIndexTag, std::uint64_t>;  // the first entry has 1; 0 = before it
using NodeId = Strong<struct NodeIdTag, std::uint64_t>;      // random, never used twice; 0 = none
// Of one read of one node: chosen by the caller, given back with the answer. Never used twice, not even after a
// restart: the answer to an old read must not serve a new one.
using ReadId = Strong<struct ReadIdTag, std::uint64_t>;

constexpr LogIndex next(LogIndex index) {
  return LogIndex(index.value() + 1);
}
constexpr LogIndex previous(LogIndex index) {
  return LogIndex(index.value() - 1);
}

// A learner has the log and no vote.
enum class MemberRole : std::uint8_t { voter = 1, learner = 2 };

struct Member {
  NodeId id;
  MemberRole role = MemberRole::voter;
  // For people and for the transport; the core passes both on unread.
  std::string name;
  std::string address;
  friend bool operator==(const Member&, const Member&) = default;
};

struct Configuration {
  std::vector<Member> members;  // ascending by id
  std::vector<NodeId> removed;  // ascending; ids that must never come back
  friend bool operator==(const Configuration&, const Configuration&) = default;

  [[nodiscard]] const Member* find(NodeId id) const {
    const auto found = std::find_if(members.begin(), members.end(), [id](const Member& one) { return one.id == id; });
    return found == members.end() ? nullptr : &*found;
  }
  [[nodiscard]] bool is_voter(NodeId id) const {
    const Member* member = find(id);
    return member != nullptr && member->role == MemberRole::voter;
  }
};

enum class EntryType : std::uint8_t { noop = 1, command = 2, configuration = 3 };

struct Entry {
  Term term;
  LogIndex index;
  EntryType type = EntryType::command;
  std::string data;  // command: the state machine's; configuration: encode_configuration() (raft_codec.h)
  friend bool operator==(const Entry&, const Entry&) = default;
};

// What must be on disk before a promise made with it leaves.
struct HardState {
  Term term;
  NodeId vote;  // in this term; 0 = none yet
  friend bool operator==(const HardState&, const HardState&) = default;
};

struct SnapshotMeta {
  LogIndex index;  // the last entry it stands for
  Term term;       // of that entry
  Configuration configuration;
  friend bool operator==(const SnapshotMeta&, const SnapshotMeta&) = default;
};

struct Snapshot {
  SnapshotMeta meta;
  std::shared_ptr<const std::string> data;  // never null
};

// Messages. Every one carries the sender's term (Message::term), as in the paper's figure 2.
struct VoteRequest {
  bool pre_vote = false;  // asks without starting a term (Ongaro's thesis, section 9.6); term = the one it would start
  bool is_transfer = false;  // the leader itself has asked for this election: stickiness does not apply
  LogIndex last_index;
  Term last_term;
};
struct VoteReply {
  bool pre_vote = false;
  bool granted = false;
};
struct AppendRequest {
  LogIndex previous_index;
  Term previous_term;
  LogIndex commit;  // never beyond what this message lets the follower match
  std::vector<Entry> entries;
  std::uint64_t read_round = 0;  // number of the leadership round; comes back in the reply (ReadIndex, check-quorum)
};
struct AppendReply {
  bool success = false;
  LogIndex match;       // success: last entry known to equal the leader's and to be on the follower's disk
  LogIndex hint_index;  // refused: the leader goes on from here ...
  Term hint_term;       // ... or from its last entry of a term not above this one, if that is earlier
  std::uint64_t read_round = 0;
  LogIndex refused_index;  // refused: previous_index of the request, so that old refusals are recognised
};
// One piece of the leader's newest snapshot.
struct SnapshotChunk {
  SnapshotMeta meta;
  std::uint64_t offset = 0;       // bytes
  std::uint64_t total_bytes = 0;  // of the whole snapshot
  std::uint64_t digest = 0;       // of the whole snapshot (snapshot_digest in raft_codec.h)
  std::string data;
  std::uint64_t read_round = 0;
};
struct SnapshotReply {
  LogIndex index;                 // of the snapshot meant
  std::uint64_t next_offset = 0;  // bytes held so far; total_bytes once it is on disk
  bool installed = false;         // on disk, or not needed any more
  std::uint64_t read_round = 0;
};
// The leader asks the receiver to start an election at once.
struct TransferRequest {};
// A follower's read goes to the leader and its answer comes back.
struct ReadRequest {
  ReadId id;
};
struct ReadReply {
  ReadId id;
  LogIndex index;  // 0: not the leader, ask again
};

using MessageBody = std::variant<VoteRequest, VoteReply, AppendRequest, AppendReply, SnapshotChunk, SnapshotReply,
                                 TransferRequest, ReadRequest, ReadReply>;
struct Message {
  NodeId from;
  NodeId to;
  Term term;
  MessageBody body;
};

}  // namespace sluice::raft
