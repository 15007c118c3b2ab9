// SPDX-License-Identifier: Apache-2.0
#include "raft_message_check.h"

#include <variant>

#include "raft_codec.h"
#include "raft_membership.h"

namespace sluice::raft {
namespace {

template <typename T>
bool is_small(T value) {
  return value.value() <= number_max;
}

// The place before the first entry has index 0 and term 0, and no entry has either.
bool is_place(LogIndex index, Term term, Term term_max) {
  return is_small(index) && term <= term_max && (index == LogIndex()) == (term == Term());
}

bool is_possible(const VoteRequest& request, Term term) {
  return term != Term() && is_place(request.last_index, request.last_term, term);
}

bool is_possible(const VoteReply&, Term) {
  return true;
}

bool is_possible(const AppendRequest& request, Term term) {
  if (term == Term() || !is_place(request.previous_index, request.previous_term, term)) return false;
  LogIndex index = request.previous_index;
  Term entry_term = request.previous_term;
  for (const Entry& entry : request.entries) {
    index = next(index);
    if (entry.index != index || entry.term < entry_term || entry.term == Term()) return false;
    entry_term = entry.term;
    if (entry.type < EntryType::noop || entry.type > EntryType::configuration) return false;
    if (entry.type == EntryType::configuration && !decode_configuration(entry.data)) return false;
  }
  return entry_term <= term && is_small(request.commit);
}

bool is_possible(const AppendReply& reply, Term) {
  return is_small(reply.match) && is_small(reply.hint_index) && is_small(reply.refused_index);
}

bool is_possible(const SnapshotChunk& chunk, Term term) {
  return chunk.meta.index != LogIndex() && is_place(chunk.meta.index, chunk.meta.term, term) &&
         chunk.total_bytes <= number_max && chunk.offset <= chunk.total_bytes &&
         chunk.data.size() <= chunk.total_bytes - chunk.offset && is_well_formed(chunk.meta.configuration);
}

bool is_possible(const SnapshotReply& reply, Term) {
  return is_small(reply.index);
}

bool is_possible(const TransferRequest&, Term) {
  return true;
}

bool is_possible(const ReadRequest&, Term) {
  return true;
}

bool is_possible(const ReadReply& reply, Term) {
  return is_small(reply.index);
}

}  // namespace

bool is_possible(const Message& message) {
  if (message.from == NodeId() || message.from == message.to || !is_small(message.term)) return false;
  return std::visit([&](const auto& body) { return is_possible(body, message.term); }, message.body);
}

}  // namespace sluice::raft
