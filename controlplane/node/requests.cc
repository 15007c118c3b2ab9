// SPDX-License-Identifier: Apache-2.0
#include "requests.h"

#include <algorithm>
#include <utility>

#include "byte_codec.h"
#include "raft_codec.h"

namespace sluice::node {
namespace {

constexpr std::string_view repeat_hint = "ask again: a write with the same request id happens once";

}  // namespace

Requests::Requests(const Options& options, Replica& replica, Send send, Reason reason)
    : options_(options),
      replica_(replica),
      send_(std::move(send)),
      reason_(std::move(reason)),
      last_number_(options.first_number) {}

void Requests::submit(ForwardKind kind, std::string payload, AppliedDone done, Uptime now) {
  const std::uint64_t number = ++last_number_;
  Request& request = requests_[number];
  request.number = number;
  request.kind = kind;
  request.payload = std::move(payload);
  request.done = std::move(done);
  request.asked = request.given = now;
  give(request);
}

// To the leader, if there is one; on_tick() comes back to it otherwise.
void Requests::give(Request& request) {
  const raft::RaftStatus status = replica_.status();
  if (status.leader == raft::NodeId{}) return;
  request.sent_to = status.leader;
  request.sent_in = status.term;
  if (status.role != raft::Role::leader) {
    send_(status.leader, Forward{request.number, request.kind, request.payload});
    return;
  }
  const std::uint64_t number = request.number;
  const Result<Place> place = propose(request.kind, request.payload);
  if (!place) return answer(number, api_error_of(place.error()));
  proposals_.emplace(place->index, Proposal{place->term, {}, number});
}

Result<Place> Requests::propose(ForwardKind kind, const std::string& payload) {
  if (kind == ForwardKind::command) return replica_.propose_encoded(payload);
  if (kind == ForwardKind::add_member) {
    const Result<raft::Configuration> decoded = raft::decode_configuration(payload);
    if (!decoded || decoded->members.size() != 1)
      return make_error(ErrorCode::invalid_argument, "a member to add is one member");
    return replica_.add_learner(decoded->members.front());
  }
  ByteReader in(payload);
  const auto id = in.get<raft::NodeId>();
  if (!in.is_finished()) return make_error(ErrorCode::invalid_argument, "a member is named by its id");
  if (kind == ForwardKind::promote) return replica_.promote(id);
  if (kind == ForwardKind::remove_member) return replica_.remove(id);
  if (Status started = replica_.transfer_to(id); !started) return started.error();
  // Nothing stands in the log for it: done as soon as it has begun.
  return Place{replica_.applied_index(), {}};
}

void Requests::on_forward(raft::NodeId from, const Forward& forward) {
  if (!replica_.is_leader()) {
    ForwardReply elsewhere;
    elsewhere.number = forward.number;
    elsewhere.is_elsewhere = true;
    return send_(from, elsewhere);
  }
  // Asked again before it is answered: one answer is enough.
  const bool is_open = std::any_of(proposals_.begin(), proposals_.end(), [&](const auto& one) {
    return one.second.term == replica_.status().term && one.second.from == from && one.second.number == forward.number;
  });
  if (is_open) return;
  const Result<Place> place = propose(forward.kind, forward.payload);
  if (!place || forward.kind == ForwardKind::transfer) {
    ForwardReply reply;
    reply.number = forward.number;
    if (place) {
      reply.index = place->index;
    } else {
      reply.code = place.error().code;
      reply.reason = place.error().context;
    }
    return send_(from, reply);
  }
  proposals_.emplace(place->index, Proposal{place->term, from, forward.number});
}

void Requests::on_forward_reply(const ForwardReply& reply) {
  const auto found = requests_.find(reply.number);
  if (found == requests_.end() || found->second.reply) return;
  if (reply.is_elsewhere) {
    found->second.sent_to = {};  // on_tick() looks for the next leader
    return;
  }
  if (reply.index == raft::LogIndex{}) {
    return answer(reply.number, api_error_of(make_error(reply.code, reply.reason)));
  }
  found->second.reply = reply;
  finish_replied();
}

void Requests::on_applied(const Place& place, const std::optional<model::Outcome>& outcome) {
  const auto [first, end] = proposals_.equal_range(place.index);
  std::vector<Proposal> here;
  for (auto one = first; one != end; ++one) here.push_back(one->second);
  proposals_.erase(first, end);
  for (const Proposal& proposal : here) {
    const bool is_ours = proposal.term == place.term;
    if (proposal.from == raft::NodeId{}) {
      if (is_ours) {
        answer(proposal.number, Applied{place.index, outcome});
      } else if (const auto lost = requests_.find(proposal.number); lost != requests_.end()) {
        lost->second.sent_to = {};  // another leader's entry took its place: it was never written
      }
    } else if (is_ours) {
      ForwardReply reply;
      reply.number = proposal.number;
      reply.index = place.index;
      reply.outcome = outcome;
      send_(proposal.from, reply);
    }
  }
  finish_replied();
}

// Entries went by unseen: what became of proposals among them nobody tells any more. Asking again is safe.
void Requests::on_replaced() {
  const raft::LogIndex applied = replica_.applied_index();
  for (auto one = proposals_.begin(); one != proposals_.end() && one->first <= applied;) {
    if (const auto own = requests_.find(one->second.number);
        one->second.from == raft::NodeId{} && own != requests_.end())
      own->second.sent_to = {};
    one = proposals_.erase(one);
  }
  finish_replied();
}

// A client that has its answer finds what it wrote on the node that it asked.
void Requests::finish_replied() {
  const raft::LogIndex applied = replica_.applied_index();
  std::vector<std::uint64_t> finished;
  for (const auto& [number, request] : requests_)
    if (request.reply && request.reply->index <= applied) finished.push_back(number);
  for (const std::uint64_t number : finished) {
    const auto found = requests_.find(number);
    if (found == requests_.end()) continue;
    const ForwardReply reply = *found->second.reply;
    answer(number, Applied{reply.index, reply.outcome});
  }
}

void Requests::answer(std::uint64_t number, ApiResult<Applied> result) {
  auto request = requests_.extract(number);
  if (!request.empty()) request.mapped().done(std::move(result));
}

// Given to a leader that leads no more, or to another node without an answer for long: only commands may be there
// twice.
bool Requests::is_lost(const Request& request, const raft::RaftStatus& status, Uptime now) const {
  if (status.leader == raft::NodeId{}) return false;
  if (status.term != request.sent_in) return true;
  return request.kind == ForwardKind::command && request.sent_to != status.id &&
         now >= request.given + options_.give_again;
}

void Requests::on_tick(Uptime now) {
  const raft::RaftStatus status = replica_.status();
  std::vector<std::uint64_t> open;
  for (const auto& [number, request] : requests_) open.push_back(number);
  for (const std::uint64_t number : open) {
    const auto found = requests_.find(number);
    if (found == requests_.end()) continue;
    Request& request = found->second;
    const bool is_given = request.sent_to != raft::NodeId{};
    if (now >= request.asked + options_.deadline) {
      answer(number,
             api_error(ApiCode::timeout, "not known to be written within the deadline", std::string(repeat_hint)));
    } else if (!request.reply && (!is_given || is_lost(request, status, now))) {
      request.sent_to = {};
      request.given = now;
      give(request);
    }
    const auto still = requests_.find(number);
    if (still == requests_.end() || still->second.sent_to != raft::NodeId{}) continue;
    if (now >= still->second.asked + options_.leader_wait) answer(number, api_error(ApiCode::no_leader, reason_()));
  }
}

}  // namespace sluice::node
