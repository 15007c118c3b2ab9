// SPDX-License-Identifier: Apache-2.0
// Who leads: paper sections 5.2 and 5.4.1; pre-vote, thesis section 9.6.
#include <utility>

#include "raft_core.h"

namespace sluice::raft {

// A leader without a majority steps down by itself (tick_leading()), so it hears one as long as it is one.
bool Raft::Core::hears_leader() const {
  if (std::holds_alternative<Leader>(role_)) return true;
  return leader() != NodeId() && elapsed_ticks_ < options_.election_ticks;
}

// Who is to go is needed until that is committed: perhaps nobody else has all entries (thesis, section 4.2.2). The
// configuration before the newest was committed when that was proposed, whether this node knows it (any more) or not.
bool Raft::Core::may_lead() const {
  const ConfigurationHistory& configurations = log_.configurations();
  const ConfigurationHistory::Step& newest = configurations.newest();
  if (newest.configuration.is_voter(options_.id)) return true;
  return newest.index > log_.commit() && configurations.at(LogIndex(newest.index.value() - 1)).is_voter(options_.id);
}

void Raft::Core::restart_timer() {
  elapsed_ticks_ = 0;
  timeout_ticks_ = options_.election_ticks + random_(options_.election_ticks);
}

void Raft::Core::tick_electing() {
  if (++elapsed_ticks_ < timeout_ticks_) return;
  if (may_lead()) return start_pre_vote();
  // A learner cannot do anything about a silent leader, but must not answer for one either.
  if (leader() != NodeId()) become_follower(hard_state_.term, NodeId());
  restart_timer();
}

// Disturbs nobody: nothing changes on either side before a majority says that it would vote for us.
void Raft::Core::start_pre_vote() {
  leave_role();
  restart_timer();
  role_ = PreCandidate{};
  std::get<PreCandidate>(role_).votes.record(options_.id, true);
  ask_for_votes({.pre_vote = true, .is_transfer = false, .last_index = {}, .last_term = {}},
                Term(hard_state_.term.value() + 1));
  count_votes();
}

void Raft::Core::start_election(bool is_transfer) {
  leave_role();
  restart_timer();
  hard_state_ = {Term(hard_state_.term.value() + 1), options_.id};
  role_ = Candidate{.votes = {}, .vote_sequence = sequence_ + 1};
  ask_for_votes({.pre_vote = false, .is_transfer = is_transfer, .last_index = {}, .last_term = {}}, hard_state_.term);
}

// After persist: a request names the end of our log, and who answers it takes that as a promise. Were the end lost in a
// crash, the answer could still make us leader of the same term, without entries that were committed.
void Raft::Core::ask_for_votes(const VoteRequest& request, Term term) {
  VoteRequest whole = request;
  whole.last_index = log_.last_id().index;
  whole.last_term = log_.last_id().term;
  for (const Member& member : configuration().members)
    if (member.role == MemberRole::voter && member.id != options_.id)
      to_send_after_persist_.push_back({options_.id, member.id, term, whole});
}

void Raft::Core::count_votes() {
  if (auto* asking = std::get_if<PreCandidate>(&role_)) {
    const VoteResult result = asking->votes.result(configuration());
    if (result == VoteResult::won) return start_election(false);
    if (result == VoteResult::lost) become_follower(hard_state_.term, NodeId());
  } else if (auto* candidate = std::get_if<Candidate>(&role_)) {
    if (persisted_sequence_ >= candidate->vote_sequence) candidate->votes.record(options_.id, true);
    const VoteResult result = candidate->votes.result(configuration());
    if (result == VoteResult::won) return become_leader();
    if (result == VoteResult::lost) become_follower(hard_state_.term, NodeId());
  }
}

void Raft::Core::become_leader() {
  follow_configuration(role_.emplace<Leader>());
  // Entries of earlier terms are committed with it, never by themselves (paper, section 5.4.2).
  append_own(EntryType::noop, {});
}

void Raft::Core::on(const Message& message, VoteRequest& request) {
  const bool is_free = hard_state_.vote == NodeId() && leader() == NodeId();
  const bool may_vote =
      request.pre_vote ? message.term > hard_state_.term : hard_state_.vote == message.from || is_free;
  const bool is_granted = may_vote && is_at_least({request.last_index, request.last_term}, log_.last_id());
  VoteReply reply{.pre_vote = request.pre_vote, .granted = is_granted};
  if (request.pre_vote && is_granted) {
    to_send_after_persist_.push_back({options_.id, message.from, message.term, reply});
    return;
  }
  if (is_granted) {
    if (std::holds_alternative<PreCandidate>(role_)) become_follower(hard_state_.term, NodeId());
    hard_state_.vote = message.from;
    elapsed_ticks_ = 0;
  }
  send_after_persist(message.from, reply);
}

void Raft::Core::on(const Message& message, VoteReply& reply) {
  if (auto* asking = std::get_if<PreCandidate>(&role_)) {
    if (!reply.pre_vote) return;
    // What was granted for an earlier term says nothing about this one.
    if (reply.granted && message.term.value() != hard_state_.term.value() + 1) return;
    asking->votes.record(message.from, reply.granted);
  } else if (auto* candidate = std::get_if<Candidate>(&role_)) {
    if (reply.pre_vote || message.term != hard_state_.term) return;
    candidate->votes.record(message.from, reply.granted);
  }
  count_votes();
}

// Only our leader may ask for it: it does so when our log is as long as its own.
void Raft::Core::on(const Message& message, TransferRequest&) {
  const auto* following = std::get_if<Follower>(&role_);
  if (following == nullptr || following->leader != message.from || !may_lead()) return;
  start_election(true);
}

}  // namespace sluice::raft
