// SPDX-License-Identifier: Apache-2.0
// Reads that see every write acknowledged before they were asked for: ReadIndex, thesis section 6.4. No leases: they
// would make correctness depend on clocks.
#include <algorithm>
#include <utility>

#include "raft_core.h"

namespace sluice::raft {

void Raft::Core::read(ReadId id) {
  if (auto* leading = std::get_if<Leader>(&role_)) {
    leading->waiting.push_back({options_.id, id});
    return advance_reads(*leading);
  }
  auto* following = std::get_if<Follower>(&role_);
  if (following == nullptr || following->leader == NodeId()) return answer_read(options_.id, id, std::nullopt);
  following->reads.push_back({id, 0});
  send_now(following->leader, ReadRequest{id});
}

void Raft::Core::answer_read(NodeId from, ReadId id, std::optional<LogIndex> index) {
  if (from == options_.id)
    read_results_.push_back({id, index});
  else
    send_now(from, ReadReply{id, index.value_or(LogIndex())});
}

// A round is a heartbeat to everybody, sent after the commit index was noted. Who answers it had not, by then, voted
// for anybody later; if a majority answers, nothing newer was committed by anybody else.
void Raft::Core::advance_reads(Leader& leader) {
  for (;;) {
    if (!leader.asked.empty()) {
      const std::uint64_t confirmed = reached_by_majority(configuration(), [&](NodeId id) {
        return id == options_.id ? leader.read_round : leader.peers.at(id).read_round;
      });
      if (confirmed < leader.read_round) return;
      for (const Leader::Read& read : std::exchange(leader.asked, {}))
        answer_read(read.from, read.id, leader.read_index);
    }
    // Before that, our commit index may be older than what our predecessor had told its clients.
    if (leader.waiting.empty() || !is_committed_in_term()) return;
    leader.asked = std::exchange(leader.waiting, {});
    leader.read_index = log_.commit();
    ++leader.read_round;
    for (auto& [id, peer] : leader.peers) peer.is_heartbeat_due = true;
  }
}

// The request or its answer may be lost.
void Raft::Core::tick_reads(Follower& follower) {
  std::erase_if(follower.reads, [&](Follower::ForwardedRead& read) {
    if (++read.ticks < options_.election_ticks) return false;
    answer_read(options_.id, read.id, std::nullopt);
    return true;
  });
}

void Raft::Core::on(const Message& message, ReadRequest& request) {
  auto* leading = std::get_if<Leader>(&role_);
  if (leading == nullptr) return answer_read(message.from, request.id, std::nullopt);
  leading->waiting.push_back({message.from, request.id});
  advance_reads(*leading);
}

void Raft::Core::on(const Message& message, ReadReply& reply) {
  auto* following = std::get_if<Follower>(&role_);
  if (following == nullptr || following->leader != message.from) return;
  const auto asked = std::find_if(following->reads.begin(), following->reads.end(),
                                  [&](const Follower::ForwardedRead& read) { return read.id == reply.id; });
  if (asked == following->reads.end()) return;
  following->reads.erase(asked);
  answer_read(options_.id, reply.id, reply.index == LogIndex() ? std::nullopt : std::optional(reply.index));
}

}  // namespace sluice::raft
