// SPDX-License-Identifier: Apache-2.0
#include "raft_core.h"

#include <type_traits>
#include <utility>

#include "raft_message_check.h"

namespace sluice::raft {
namespace {

bool is_reply(const MessageBody& body) {
  return std::holds_alternative<VoteReply>(body) || std::holds_alternative<AppendReply>(body) ||
         std::holds_alternative<SnapshotReply>(body);
}

bool is_from_leader(const MessageBody& body) {
  return std::holds_alternative<AppendRequest>(body) || std::holds_alternative<SnapshotChunk>(body);
}

}  // namespace

Raft::Core::Core(const RaftOptions& options, const HardState& hard_state, RaftLog log, RandomBelow random)
    : options_(options),
      random_(std::move(random)),
      hard_state_(hard_state),
      handed_hard_state_(hard_state),
      log_(std::move(log)) {
  restart_timer();
}

void Raft::Core::tick() {
  if (auto* leading = std::get_if<Leader>(&role_)) return tick_leading(*leading);
  if (auto* following = std::get_if<Follower>(&role_)) tick_reads(*following);
  tick_electing();
}

void Raft::Core::step(Message message) {
  if (message.to != options_.id || !is_possible(message)) return;
  // We ask members only. An answer of anybody else is one of a member since removed.
  if (is_reply(message.body) && configuration().find(message.from) == nullptr) return;
  if (!accepts_term(message)) return;
  std::visit([&](auto& body) { on(message, body); }, message.body);
}

// True if it is to be handled in the term we now have.
bool Raft::Core::accepts_term(const Message& message) {
  if (message.term < hard_state_.term) {
    answer_old_term(message);
    return false;
  }
  if (message.term == hard_state_.term) return true;
  if (const auto* request = std::get_if<VoteRequest>(&message.body)) {
    // Who was cut off, or removed, must not unseat a leader that others hear (thesis, section 4.2.3).
    if (!request->is_transfer && hears_leader()) return false;
    if (request->pre_vote) return true;
  }
  // A granted pre-vote comes back with the term that its asker would start, which nobody has.
  const auto* reply = std::get_if<VoteReply>(&message.body);
  if (reply != nullptr && reply->pre_vote && reply->granted) return true;
  become_follower(message.term, is_from_leader(message.body) ? message.from : NodeId());
  return true;
}

// Tells what term it is: a leader of the past would otherwise go on sending to us for ever, and we, unable to follow
// it, would go on asking for votes that nobody gives.
void Raft::Core::answer_old_term(const Message& message) {
  if (const auto* request = std::get_if<VoteRequest>(&message.body))
    send_after_persist(message.from, VoteReply{.pre_vote = request->pre_vote, .granted = false});
  else if (is_from_leader(message.body))
    send_after_persist(message.from, AppendReply{});
}

NodeId Raft::Core::leader() const {
  if (const auto* following = std::get_if<Follower>(&role_)) return following->leader;
  return std::holds_alternative<Leader>(role_) ? options_.id : NodeId();
}

void Raft::Core::send_now(NodeId to, MessageBody body) {
  to_send_now_.push_back({options_.id, to, hard_state_.term, std::move(body)});
}

void Raft::Core::send_after_persist(NodeId to, MessageBody body) {
  to_send_after_persist_.push_back({options_.id, to, hard_state_.term, std::move(body)});
}

void Raft::Core::become_follower(Term term, NodeId leader) {
  leave_role();
  if (term > hard_state_.term) hard_state_ = {term, NodeId()};
  role_ = Follower{.leader = leader, .incoming = {}, .reads = {}};
  restart_timer();
}

// Reads that this role had promised to answer.
void Raft::Core::leave_role() {
  if (const auto* following = std::get_if<Follower>(&role_)) {
    for (const Follower::ForwardedRead& read : following->reads) answer_read(options_.id, read.id, std::nullopt);
  } else if (const auto* leading = std::get_if<Leader>(&role_)) {
    for (const Leader::Read& read : leading->asked) answer_read(read.from, read.id, std::nullopt);
    for (const Leader::Read& read : leading->waiting) answer_read(read.from, read.id, std::nullopt);
  }
}

bool Raft::Core::has_ready() const {
  if (hard_state_ != handed_hard_state_ || log_.has_output()) return true;
  if (!to_send_now_.empty() || !to_send_after_persist_.empty() || !read_results_.empty()) return true;
  const auto* leading = std::get_if<Leader>(&role_);
  if (leading == nullptr) return false;
  for (const auto& [id, peer] : leading->peers)
    if (next_sending(peer, log_, options_.messages_in_flight) != Sending::nothing) return true;
  return false;
}

Ready Raft::Core::take_ready() {
  if (auto* leading = std::get_if<Leader>(&role_)) {
    send_due(*leading);
    // Whoever removed itself serves until that is committed, and tells so in the messages just made.
    const ConfigurationHistory::Step& newest = log_.configurations().newest();
    if (newest.configuration.find(options_.id) == nullptr && newest.index <= log_.commit())
      become_follower(hard_state_.term, NodeId());
  }
  Ready ready;
  ready.sequence = ++sequence_;
  if (hard_state_ != handed_hard_state_) ready.hard_state = handed_hard_state_ = hard_state_;
  log_.hand_out(ready, options_.message_bytes);
  ready.send_now = std::exchange(to_send_now_, {});
  ready.send_after_persist = std::exchange(to_send_after_persist_, {});
  ready.reads = std::exchange(read_results_, {});
  return ready;
}

void Raft::Core::persisted(std::uint64_t sequence) {
  // A number never given out would make promises of what is not written.
  SLUICE_INVARIANT(sequence <= sequence_);
  if (sequence <= persisted_sequence_) return;
  persisted_sequence_ = sequence;
  log_.persisted(sequence);
  if (std::holds_alternative<Leader>(role_)) commit_what_majority_has();
  if (std::holds_alternative<Candidate>(role_)) count_votes();
}

RaftStatus Raft::Core::status() const {
  RaftStatus status;
  status.id = options_.id;
  status.leader = leader();
  status.role = static_cast<Role>(role_.index());
  static_assert(
      std::is_same_v<std::variant_alternative_t<static_cast<std::size_t>(Role::leader), decltype(role_)>, Leader>);
  status.term = hard_state_.term;
  status.vote = hard_state_.vote;
  status.first = log_.first();
  status.last = log_.last();
  status.stable = log_.stable();
  status.commit = log_.commit();
  status.applied = log_.applied();
  status.configuration = configuration();
  status.is_configuration_committed = log_.configurations().newest().index <= log_.commit();
  const auto* leading = std::get_if<Leader>(&role_);
  if (leading == nullptr) return status;
  if (leading->transfer) status.transferring_to = leading->transfer->target;
  for (const auto& [id, peer] : leading->peers) {
    const Member* member = configuration().find(id);
    status.peers.push_back({id, member->role, static_cast<Progress>(peer.progress.index()), peer.match, peer.next,
                            peer.silent_ticks < options_.election_ticks});
  }
  return status;
}

}  // namespace sluice::raft
