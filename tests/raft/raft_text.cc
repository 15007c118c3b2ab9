// SPDX-License-Identifier: Apache-2.0
#include "raft_text.h"

#include <sstream>
#include <string_view>

#include "raft_codec.h"

namespace sluice::raft {
namespace {

template <typename... Parts>
std::string join(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

template <typename T>
std::uint64_t n(T strong) {
  return strong.value();
}

std::string place(LogIndex index, Term term) {
  return join(n(index), "/", n(term));
}

std::string round_text(std::uint64_t round) {
  return round == 0 ? "" : join(" round ", round);
}

std::string body_text(const VoteRequest& body) {
  return join(body.pre_vote ? "pre-vote?" : "vote?", body.is_transfer ? " (transfer)" : "", " last ",
              place(body.last_index, body.last_term));
}
std::string body_text(const VoteReply& body) {
  return join(body.pre_vote ? "pre-vote " : "vote ", body.granted ? "granted" : "refused");
}
std::string body_text(const AppendRequest& body) {
  std::string text = join("append after ", place(body.previous_index, body.previous_term), " commit ", n(body.commit));
  if (!body.entries.empty()) text += ":";
  for (const Entry& entry : body.entries) text += " " + text_of(entry);
  return text + round_text(body.read_round);
}
std::string body_text(const AppendReply& body) {
  if (body.success) return join("has ", n(body.match), round_text(body.read_round));
  return join("lacks ", n(body.refused_index), ", try ", place(body.hint_index, body.hint_term),
              round_text(body.read_round));
}
std::string body_text(const SnapshotChunk& body) {
  return join("snapshot ", place(body.meta.index, body.meta.term), " bytes ", body.offset, "..",
              body.offset + body.data.size(), " of ", body.total_bytes, round_text(body.read_round));
}
std::string body_text(const SnapshotReply& body) {
  return join("snapshot ", n(body.index), body.installed ? " installed" : " bytes held ",
              body.installed ? "" : std::to_string(body.next_offset), round_text(body.read_round));
}
std::string body_text(const TransferRequest&) {
  return "lead now";
}
std::string body_text(const ReadRequest& body) {
  return join("read? ", n(body.id));
}
std::string body_text(const ReadReply& body) {
  return join("read ", n(body.id), body.index == LogIndex() ? " refused" : join(" at ", n(body.index)));
}

std::string_view text_of(Progress progress) {
  switch (progress) {
    case Progress::probing:
      return "probing";
    case Progress::replicating:
      return "replicating";
    case Progress::snapshotting:
      return "snapshotting";
  }
  return "?";
}

}  // namespace

std::string text_of(const Configuration& configuration) {
  std::string text = "voters";
  for (const Member& member : configuration.members)
    if (member.role == MemberRole::voter) text += join(" ", n(member.id));
  bool is_first = true;
  for (const Member& member : configuration.members) {
    if (member.role != MemberRole::learner) continue;
    text += join(is_first ? " learners " : " ", n(member.id));
    is_first = false;
  }
  is_first = true;
  for (const NodeId id : configuration.removed) {
    text += join(is_first ? " removed " : " ", n(id));
    is_first = false;
  }
  return text;
}

std::string text_of(const Entry& entry) {
  std::string what = entry.data;
  if (entry.type == EntryType::noop) what = "noop";
  if (entry.type == EntryType::configuration) what = "{" + text_of(decode_configuration(entry.data).value()) + "}";
  return join("[", place(entry.index, entry.term), " ", what, "]");
}

std::string text_of(const Message& message) {
  return join(n(message.from), "->", n(message.to), " t", n(message.term), " ",
              std::visit([](const auto& body) { return body_text(body); }, message.body));
}

std::string text_of(const WriteBatch& batch) {
  std::string text;
  if (batch.hard_state) text += join(" term ", n(batch.hard_state->term), " vote ", n(batch.hard_state->vote));
  if (batch.install) text += join(" snapshot ", place(batch.install->meta.index, batch.install->meta.term), " for all");
  if (batch.truncate_from) text += join(" drop ", n(*batch.truncate_from), "..");
  for (const Entry& entry : batch.append) text += " " + text_of(entry);
  if (batch.compact)
    text += join(" snapshot ", place(batch.compact->meta.index, batch.compact->meta.term), " keep ",
                 n(batch.first_kept), "..");
  return text;
}

std::string text_of(Role role) {
  switch (role) {
    case Role::follower:
      return "follower";
    case Role::pre_candidate:
      return "pre-candidate";
    case Role::candidate:
      return "candidate";
    case Role::leader:
      return "leader";
  }
  return "?";
}

std::string text_of(const RaftStatus& status) {
  std::string text = join(n(status.id), " ", text_of(status.role), " t", n(status.term), " vote ", n(status.vote),
                          " leader ", n(status.leader), " log ", n(status.first), "..", n(status.last), " stable ",
                          n(status.stable), " commit ", n(status.commit), " applied ", n(status.applied), " ",
                          text_of(status.configuration), status.is_configuration_committed ? "" : " (uncommitted)");
  if (status.transferring_to != NodeId()) text += join(" hands over to ", n(status.transferring_to));
  for (const PeerStatus& peer : status.peers)
    text += join("\n    ", n(peer.id), " ", text_of(peer.progress), " match ", n(peer.match), " next ", n(peer.next),
                 peer.is_recent ? "" : " silent");
  return text;
}

}  // namespace sluice::raft
