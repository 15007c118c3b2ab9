// SPDX-License-Identifier: Apache-2.0
// What a follower does with its leader's entries and snapshots: paper sections 5.3 and 7.
#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "raft_codec.h"
#include "raft_core.h"

namespace sluice::raft {

// Of a message in our term that only its leader sends. Null: it cannot be that.
Follower* Raft::Core::follower_of(const Message& message) {
  if (std::holds_alternative<PreCandidate>(role_) || std::holds_alternative<Candidate>(role_))
    become_follower(hard_state_.term, message.from);
  auto* following = std::get_if<Follower>(&role_);
  if (following == nullptr) return nullptr;
  if (following->leader == NodeId()) following->leader = message.from;
  if (following->leader != message.from) return nullptr;
  elapsed_ticks_ = 0;
  return following;
}

void Raft::Core::on(const Message& message, AppendRequest& request) {
  if (follower_of(message) == nullptr) return;
  const std::optional<Term> ours = log_.term_at(request.previous_index);
  // Every leader has what is committed here, so a message that ends before it changes nothing and fits.
  const LogIndex end(request.previous_index.value() + request.entries.size());
  if (end <= log_.commit())
    send_after_persist(message.from, AppendReply{.success = true,
                                                 .match = log_.commit(),
                                                 .hint_index = {},
                                                 .hint_term = {},
                                                 .read_round = request.read_round,
                                                 .refused_index = {}});
  else if (request.previous_index < log_.commit() || ours == request.previous_term)
    accept_entries(message.from, request);
  else
    refuse_entries(message.from, request);
}

// They reach beyond commit, and begin at or before it, or fit.
void Raft::Core::accept_entries(NodeId sender, AppendRequest& request) {
  const LogIndex end(request.previous_index.value() + request.entries.size());
  const auto is_known = [&](const Entry& entry) {
    const std::optional<Term> ours = log_.term_at(entry.index);
    return ours ? *ours == entry.term : entry.index <= log_.commit();  // forgotten, so it was committed
  };
  const auto fresh = std::find_if_not(request.entries.begin(), request.entries.end(), is_known);
  if (fresh != request.entries.end()) {
    // Would take back what is committed: not from a leader.
    if (fresh->index <= log_.commit()) return;
    if (fresh->index <= log_.last()) log_.truncate_from(fresh->index);
    for (auto entry = fresh; entry != request.entries.end(); ++entry) log_.append(std::move(*entry));
  }
  log_.commit_to(std::min(request.commit, end));
  send_after_persist(sender, AppendReply{.success = true,
                                         .match = end,
                                         .hint_index = {},
                                         .hint_term = {},
                                         .read_round = request.read_round,
                                         .refused_index = {}});
}

// The hint skips all entries of terms that the leader cannot have at that place.
void Raft::Core::refuse_entries(NodeId sender, const AppendRequest& request) {
  const LogIndex hint = std::max(
      log_.commit(), log_.last_not_above(std::min(request.previous_index, log_.last()), request.previous_term));
  send_after_persist(sender, AppendReply{.success = false,
                                         .match = {},
                                         .hint_index = hint,
                                         .hint_term = log_.term_at(hint).value_or(Term()),
                                         .read_round = request.read_round,
                                         .refused_index = request.previous_index});
}

void Raft::Core::on(const Message& message, SnapshotChunk& chunk) {
  Follower* const following = follower_of(message);
  if (following != nullptr) accept_chunk(*following, message.from, chunk);
}

void Raft::Core::accept_chunk(Follower& follower, NodeId sender, SnapshotChunk& chunk) {
  std::optional<IncomingSnapshot>& incoming = follower.incoming;
  const SnapshotMeta& meta = chunk.meta;
  SnapshotReply reply{
      .index = meta.index, .next_offset = chunk.total_bytes, .installed = true, .read_round = chunk.read_round};
  // All of it is here, under way to the disk at least, and this answer behind it.
  if (meta.index <= log_.commit() || log_.term_at(meta.index) == meta.term) {
    log_.commit_to(meta.index);
    incoming.reset();
    return send_after_persist(sender, reply);
  }
  reply.installed = false;
  if (incoming &&
      (incoming->meta != meta || incoming->digest != chunk.digest || incoming->total_bytes != chunk.total_bytes))
    incoming.reset();
  if (!incoming) incoming = IncomingSnapshot{meta, chunk.total_bytes, chunk.digest, {}};
  if (incoming->data.size() == chunk.offset) incoming->data.append(chunk.data);
  reply.next_offset = incoming->data.size();
  if (incoming->data.size() == incoming->total_bytes) {
    if (snapshot_digest(incoming->data) == incoming->digest) {
      reply.installed = true;
      log_.install({std::move(incoming->meta), std::make_shared<const std::string>(std::move(incoming->data))});
    } else {
      reply.next_offset = 0;
    }
    incoming.reset();
  }
  send_after_persist(sender, reply);
}

}  // namespace sluice::raft
