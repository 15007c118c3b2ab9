// SPDX-License-Identifier: Apache-2.0
#include "raft_codec.h"

#include <cstddef>
#include <type_traits>
#include <utility>
#include <variant>

#include "byte_codec.h"
#include "raft_membership.h"

namespace sluice::raft {
namespace {

// Shortest encodings, so that a count that cannot be is refused before anything is allocated.
constexpr std::size_t member_bytes_min = 8 + 1 + 4 + 4;
constexpr std::size_t removed_bytes = 8;
constexpr std::size_t entry_bytes_min = 8 + 8 + 1 + 4;
// Room for everything of a message but its entries and data.
constexpr std::size_t head_bytes = 128;

void put(ByteWriter& out, const Configuration& configuration) {
  out.put(static_cast<std::uint32_t>(configuration.members.size()));
  for (const Member& member : configuration.members) {
    out.put(member.id);
    out.put(static_cast<std::uint8_t>(member.role));
    out.put_text(member.name);
    out.put_text(member.address);
  }
  out.put(static_cast<std::uint32_t>(configuration.removed.size()));
  for (const NodeId id : configuration.removed) out.put(id);
}

void get(ByteReader& in, Configuration& configuration) {
  for (std::uint32_t left = in.get_count(member_bytes_min); left > 0 && in.ok(); --left) {
    Member member;
    member.id = in.get<NodeId>();
    const auto role = in.get<std::uint8_t>();
    if (role < static_cast<std::uint8_t>(MemberRole::voter) || role > static_cast<std::uint8_t>(MemberRole::learner))
      in.fail();
    member.role = static_cast<MemberRole>(role);
    member.name = in.get_text();
    member.address = in.get_text();
    configuration.members.push_back(std::move(member));
  }
  for (std::uint32_t left = in.get_count(removed_bytes); left > 0 && in.ok(); --left)
    configuration.removed.push_back(in.get<NodeId>());
  if (!is_well_formed(configuration)) in.fail();
}

void put(ByteWriter& out, const Entry& entry) {
  out.put(entry.term);
  out.put(entry.index);
  out.put(static_cast<std::uint8_t>(entry.type));
  out.put_text(entry.data);
}

void get(ByteReader& in, Entry& entry) {
  entry.term = in.get<Term>();
  entry.index = in.get<LogIndex>();
  const auto type = in.get<std::uint8_t>();
  if (type < static_cast<std::uint8_t>(EntryType::noop) || type > static_cast<std::uint8_t>(EntryType::configuration))
    in.fail();
  entry.type = static_cast<EntryType>(type);
  entry.data = in.get_text();
}

void put(ByteWriter& out, const VoteRequest& body) {
  out.put_flag(body.pre_vote);
  out.put_flag(body.is_transfer);
  out.put(body.last_index);
  out.put(body.last_term);
}
void get(ByteReader& in, VoteRequest& body) {
  body.pre_vote = in.get_flag();
  body.is_transfer = in.get_flag();
  body.last_index = in.get<LogIndex>();
  body.last_term = in.get<Term>();
}

void put(ByteWriter& out, const VoteReply& body) {
  out.put_flag(body.pre_vote);
  out.put_flag(body.granted);
}
void get(ByteReader& in, VoteReply& body) {
  body.pre_vote = in.get_flag();
  body.granted = in.get_flag();
}

void put(ByteWriter& out, const AppendRequest& body) {
  out.put(body.previous_index);
  out.put(body.previous_term);
  out.put(body.commit);
  out.put(body.read_round);
  out.put(static_cast<std::uint32_t>(body.entries.size()));
  for (const Entry& entry : body.entries) put(out, entry);
}
void get(ByteReader& in, AppendRequest& body) {
  body.previous_index = in.get<LogIndex>();
  body.previous_term = in.get<Term>();
  body.commit = in.get<LogIndex>();
  body.read_round = in.get<std::uint64_t>();
  for (std::uint32_t left = in.get_count(entry_bytes_min); left > 0 && in.ok(); --left)
    get(in, body.entries.emplace_back());
}

void put(ByteWriter& out, const AppendReply& body) {
  out.put_flag(body.success);
  out.put(body.match);
  out.put(body.hint_index);
  out.put(body.hint_term);
  out.put(body.read_round);
  out.put(body.refused_index);
}
void get(ByteReader& in, AppendReply& body) {
  body.success = in.get_flag();
  body.match = in.get<LogIndex>();
  body.hint_index = in.get<LogIndex>();
  body.hint_term = in.get<Term>();
  body.read_round = in.get<std::uint64_t>();
  body.refused_index = in.get<LogIndex>();
}

void put(ByteWriter& out, const SnapshotChunk& body) {
  out.put(body.meta.index);
  out.put(body.meta.term);
  put(out, body.meta.configuration);
  out.put(body.offset);
  out.put(body.total_bytes);
  out.put(body.digest);
  out.put_text(body.data);
  out.put(body.read_round);
}
void get(ByteReader& in, SnapshotChunk& body) {
  body.meta.index = in.get<LogIndex>();
  body.meta.term = in.get<Term>();
  get(in, body.meta.configuration);
  body.offset = in.get<std::uint64_t>();
  body.total_bytes = in.get<std::uint64_t>();
  body.digest = in.get<std::uint64_t>();
  body.data = in.get_text();
  body.read_round = in.get<std::uint64_t>();
}

void put(ByteWriter& out, const SnapshotReply& body) {
  out.put(body.index);
  out.put(body.next_offset);
  out.put_flag(body.installed);
  out.put(body.read_round);
}
void get(ByteReader& in, SnapshotReply& body) {
  body.index = in.get<LogIndex>();
  body.next_offset = in.get<std::uint64_t>();
  body.installed = in.get_flag();
  body.read_round = in.get<std::uint64_t>();
}

void put(ByteWriter&, const TransferRequest&) {}
void get(ByteReader&, TransferRequest&) {}

void put(ByteWriter& out, const ReadRequest& body) {
  out.put(body.id);
}
void get(ByteReader& in, ReadRequest& body) {
  body.id = in.get<ReadId>();
}

void put(ByteWriter& out, const ReadReply& body) {
  out.put(body.id);
  out.put(body.index);
}
void get(ByteReader& in, ReadReply& body) {
  body.id = in.get<ReadId>();
  body.index = in.get<LogIndex>();
}

// The kind on the wire is the place in MessageBody's list: new kinds go to its end.
template <std::size_t kind = 0>
void get_body(ByteReader& in, std::size_t wanted, MessageBody& body) {
  if constexpr (kind == std::variant_size_v<MessageBody>) {
    in.fail();
  } else if (kind == wanted) {
    get(in, body.emplace<kind>());
  } else {
    get_body<kind + 1>(in, wanted, body);
  }
}

std::size_t data_bytes(const MessageBody& body) {
  if (const auto* chunk = std::get_if<SnapshotChunk>(&body)) return chunk->data.size();
  std::size_t bytes = 0;
  if (const auto* request = std::get_if<AppendRequest>(&body))
    for (const Entry& entry : request->entries) bytes += entry_bytes_min + entry.data.size();
  return bytes;
}

}  // namespace

std::string encode_configuration(const Configuration& configuration) {
  ByteWriter out;
  put(out, configuration);
  return out.take();
}

Result<Configuration> decode_configuration(std::string_view bytes) {
  ByteReader in(bytes);
  Configuration configuration;
  get(in, configuration);
  if (!in.is_finished()) return make_error(ErrorCode::invalid_argument, "these bytes are no configuration");
  return configuration;
}

std::string encode_message(const Message& message) {
  ByteWriter out;
  out.reserve(head_bytes + data_bytes(message.body));
  out.put(static_cast<std::uint8_t>(message.body.index()));
  out.put(message.from);
  out.put(message.to);
  out.put(message.term);
  std::visit([&](const auto& body) { put(out, body); }, message.body);
  return out.take();
}

Result<Message> decode_message(std::string_view bytes) {
  ByteReader in(bytes);
  Message message;
  const auto kind = in.get<std::uint8_t>();
  message.from = in.get<NodeId>();
  message.to = in.get<NodeId>();
  message.term = in.get<Term>();
  get_body(in, kind, message.body);
  if (!in.is_finished()) return make_error(ErrorCode::invalid_argument, "these bytes are no Raft message");
  return message;
}

// Against accidents, not against forgery (the transport is authenticated). A word at a time: a snapshot of 100 MB takes
// tens of milliseconds. Multiplying by an odd number and folding the upper half down are both bijective, so a change in
// any one word always shows.
std::uint64_t snapshot_digest(std::string_view data) {
  constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio
  std::uint64_t digest = odd ^ data.size();
  const auto mix = [&](std::uint64_t word) {
    digest = (digest ^ word) * odd;
    digest ^= digest >> 32;
  };
  ByteReader in(data);
  while (in.left() >= sizeof(std::uint64_t)) mix(in.get<std::uint64_t>());
  while (in.left() > 0) mix(in.get<std::uint8_t>());
  return digest;
}

}  // namespace sluice::raft
