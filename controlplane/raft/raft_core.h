// SPDX-License-Identifier: Apache-2.0
// The inside of Raft (raft.h). What only one role needs lives in that role and goes with it. Handlers change state;
// what a leader sends is decided in one place, when a Ready is taken (send_due()).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "raft.h"
#include "raft_log.h"
#include "raft_peer.h"
#include "raft_quorum.h"
#include "raft_types.h"

namespace sluice::raft {

// A snapshot as far as it has come.
struct IncomingSnapshot {
  SnapshotMeta meta;
  std::uint64_t total_bytes = 0;
  std::uint64_t digest = 0;
  std::string data;
};

struct Follower {
  struct ForwardedRead {
    ReadId id;
    std::uint32_t ticks = 0;
  };
  NodeId leader;  // 0: none known in this term
  std::optional<IncomingSnapshot> incoming;
  std::vector<ForwardedRead> reads;
};

struct PreCandidate {
  Votes votes;
};

struct Candidate {
  Votes votes;
  // Our own vote counts once this Ready is on disk.
  std::uint64_t vote_sequence = 0;
};

struct Leader {
  struct Read {
    NodeId from;
    ReadId id;
  };
  struct Transfer {
    NodeId target;
    std::uint32_t ticks = 0;
    bool is_sent = false;
  };
  std::map<NodeId, Peer> peers;
  std::uint32_t heartbeat_ticks = 0;
  std::optional<Transfer> transfer;
  // ReadIndex. One round at a time: what comes meanwhile waits for the next.
  std::uint64_t read_round = 0;
  LogIndex read_index;  // commit when the round began
  std::vector<Read> asked;
  std::vector<Read> waiting;
};

class Raft::Core {
 public:
  Core(const RaftOptions& options, const HardState& hard_state, RaftLog log, RandomBelow random);

  void tick();
  void step(Message message);
  Result<LogIndex> propose(std::string command);
  Result<LogIndex> add_learner(const Member& member);
  Result<LogIndex> promote(NodeId learner);
  Result<LogIndex> remove(NodeId member);
  void read(ReadId id);
  Status transfer_to(NodeId voter);
  [[nodiscard]] bool has_ready() const;
  Ready take_ready();
  void persisted(std::uint64_t sequence);
  [[nodiscard]] RaftStatus status() const;
  RaftLog& log() { return log_; }
  [[nodiscard]] const RaftOptions& options() const { return options_; }

 private:
  // raft_core.cc
  [[nodiscard]] bool accepts_term(const Message& message);
  void answer_old_term(const Message& message);
  [[nodiscard]] const Configuration& configuration() const { return log_.configurations().newest().configuration; }
  [[nodiscard]] NodeId leader() const;
  void send_now(NodeId to, MessageBody body);
  void send_after_persist(NodeId to, MessageBody body);
  void become_follower(Term term, NodeId leader);
  void leave_role();

  // raft_election.cc
  [[nodiscard]] bool hears_leader() const;
  [[nodiscard]] bool may_lead() const;
  void restart_timer();
  void tick_electing();
  void start_pre_vote();
  void start_election(bool is_transfer);
  void ask_for_votes(const VoteRequest& request, Term term);
  void count_votes();
  void become_leader();
  void on(const Message& message, VoteRequest& request);
  void on(const Message& message, VoteReply& reply);
  void on(const Message& message, TransferRequest& request);

  // raft_follower.cc
  [[nodiscard]] Follower* follower_of(const Message& message);
  void accept_entries(NodeId sender, AppendRequest& request);
  void refuse_entries(NodeId sender, const AppendRequest& request);
  void accept_chunk(Follower& follower, NodeId sender, SnapshotChunk& chunk);
  void on(const Message& message, AppendRequest& request);
  void on(const Message& message, SnapshotChunk& chunk);

  // raft_leader.cc
  [[nodiscard]] bool is_committed_in_term() const { return log_.term_at(log_.commit()) == hard_state_.term; }
  void tick_leading(Leader& leader);
  [[nodiscard]] bool hears_majority(const Leader& leader) const;
  LogIndex append_own(EntryType type, std::string data);
  void commit_what_majority_has();
  void follow_configuration(Leader& leader);
  [[nodiscard]] Peer* heard_from(const Message& message, std::uint64_t read_round);
  void try_transfer(Leader& leader);
  void send_due(Leader& leader);
  void send_entries(const Leader& leader, NodeId to, Peer& peer, std::size_t entries_max);
  void send_chunk(const Leader& leader, NodeId to, Peer& peer);
  void on(const Message& message, AppendReply& reply);
  void on(const Message& message, SnapshotReply& reply);

  // raft_changes.cc
  [[nodiscard]] Result<Leader*> leader_for_proposals();
  Result<LogIndex> change(Result<Configuration> changed);
  [[nodiscard]] Status may_change() const;

  // raft_reads.cc
  void answer_read(NodeId from, ReadId id, std::optional<LogIndex> index);
  void advance_reads(Leader& leader);
  void tick_reads(Follower& follower);
  void on(const Message& message, ReadRequest& request);
  void on(const Message& message, ReadReply& reply);

  const RaftOptions options_;
  const RandomBelow random_;
  HardState hard_state_;
  HardState handed_hard_state_;
  RaftLog log_;
  std::variant<Follower, PreCandidate, Candidate, Leader> role_;
  // Ticks since a leader was heard from, a vote given or an election begun; and when the next election begins.
  std::uint32_t elapsed_ticks_ = 0;
  std::uint32_t timeout_ticks_ = 0;
  std::uint64_t sequence_ = 0;  // of the Ready taken last
  std::uint64_t persisted_sequence_ = 0;
  // What the next Ready will hold beside the log's part.
  std::vector<Message> to_send_now_;
  std::vector<Message> to_send_after_persist_;
  std::vector<ReadResult> read_results_;
};

}  // namespace sluice::raft
