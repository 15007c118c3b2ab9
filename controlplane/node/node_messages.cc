// SPDX-License-Identifier: Apache-2.0
#include "node_messages.h"

#include <utility>

#include "byte_codec.h"

namespace sluice::node {
namespace {

// The first byte of every message. Never reused for another meaning.
enum class Kind : std::uint8_t { report = 1, report_reply = 2, forward = 3, forward_reply = 4 };

void put(ByteWriter& out, const NodeReport& report) {
  out.put(report.sequence);
  out.put(report.applied);
  out.put_flag(report.progress.has_plane);
  out.put(report.progress.active);
  out.put(report.progress.prepared);
  out.put(report.table_hash);
  out.put_text(report.plane);
  out.put_flag(report.is_plane_live);
  out.put_flag(report.is_fenced);
  out.put(report.feature_level);
  out.put_text(report.api_address);
  out.put_text(report.version);
}

NodeReport get_report(ByteReader& in) {
  NodeReport report;
  report.sequence = in.get<std::uint64_t>();
  report.applied = in.get<raft::LogIndex>();
  report.progress.has_plane = in.get_flag();
  report.progress.active = in.get<Generation>();
  report.progress.prepared = in.get<Generation>();
  report.table_hash = in.get<std::uint64_t>();
  report.plane = in.get_text();
  report.is_plane_live = in.get_flag();
  report.is_fenced = in.get_flag();
  report.feature_level = in.get<std::uint16_t>();
  report.api_address = in.get_text();
  report.version = in.get_text();
  return report;
}

void put(ByteWriter& out, const model::Outcome& outcome) {
  out.put(std::uint8_t(outcome.code));
  out.put(outcome.index);
  out.put(outcome.revision);
  out.put(outcome.generation);
  out.put_text(outcome.message);
  out.put_text(outcome.hint);
  out.put_flag(outcome.base_revision.has_value());
  out.put(outcome.base_revision.value_or(0));
  out.put_flag(outcome.is_repeated);
}

model::Outcome get_outcome(ByteReader& in) {
  model::Outcome outcome;
  const auto code = in.get<std::uint8_t>();
  if (code > std::uint8_t(model::OutcomeCode::malformed)) in.fail();
  outcome.code = model::OutcomeCode(code);
  outcome.index = in.get<std::uint64_t>();
  outcome.revision = in.get<std::uint64_t>();
  outcome.generation = in.get<std::uint64_t>();
  outcome.message = in.get_text();
  outcome.hint = in.get_text();
  const bool has_base = in.get_flag();
  const auto base = in.get<std::uint64_t>();
  if (has_base) outcome.base_revision = base;
  outcome.is_repeated = in.get_flag();
  return outcome;
}

struct Encoder {
  ByteWriter& out;

  void operator()(const NodeReport& report) const {
    out.put(std::uint8_t(Kind::report));
    put(out, report);
  }
  void operator()(const ReportReply& reply) const {
    out.put(std::uint8_t(Kind::report_reply));
    out.put(reply.sequence);
    out.put_flag(reply.has_lease);
    out.put(reply.active);
    out.put(static_cast<std::uint32_t>(reply.board.size()));
    for (const BoardEntry& entry : reply.board) {
      out.put(entry.node);
      put(out, entry.report);
      out.put(entry.age_ms);
    }
  }
  void operator()(const Forward& forward) const {
    out.put(std::uint8_t(Kind::forward));
    out.put(forward.number);
    out.put(std::uint8_t(forward.kind));
    out.put_text(forward.payload);
  }
  void operator()(const ForwardReply& reply) const {
    out.put(std::uint8_t(Kind::forward_reply));
    out.put(reply.number);
    out.put_flag(reply.is_elsewhere);
    out.put(reply.index);
    out.put_flag(reply.outcome.has_value());
    if (reply.outcome) put(out, *reply.outcome);
    out.put(std::uint8_t(reply.code));
    out.put_text(reply.reason);
  }
};

ReportReply get_report_reply(ByteReader& in) {
  ReportReply reply;
  reply.sequence = in.get<std::uint64_t>();
  reply.has_lease = in.get_flag();
  reply.active = in.get<Generation>();
  const std::uint32_t count = in.get_count(sizeof(std::uint64_t));
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    BoardEntry entry;
    entry.node = in.get<raft::NodeId>();
    entry.report = get_report(in);
    entry.age_ms = in.get<std::uint32_t>();
    reply.board.push_back(std::move(entry));
  }
  return reply;
}

Forward get_forward(ByteReader& in) {
  Forward forward;
  forward.number = in.get<std::uint64_t>();
  const auto kind = in.get<std::uint8_t>();
  if (kind < std::uint8_t(ForwardKind::command) || kind > std::uint8_t(ForwardKind::transfer)) in.fail();
  forward.kind = ForwardKind(kind);
  forward.payload = in.get_text();
  return forward;
}

ForwardReply get_forward_reply(ByteReader& in) {
  ForwardReply reply;
  reply.number = in.get<std::uint64_t>();
  reply.is_elsewhere = in.get_flag();
  reply.index = in.get<raft::LogIndex>();
  if (in.get_flag()) reply.outcome = get_outcome(in);
  const auto code = in.get<std::uint8_t>();
  if (code > std::uint8_t(ErrorCode::internal)) in.fail();
  reply.code = ErrorCode(code);
  reply.reason = in.get_text();
  return reply;
}

NodeMessage get_message(ByteReader& in) {
  switch (Kind(in.get<std::uint8_t>())) {
    case Kind::report:
      return get_report(in);
    case Kind::report_reply:
      return get_report_reply(in);
    case Kind::forward:
      return get_forward(in);
    case Kind::forward_reply:
      return get_forward_reply(in);
  }
  in.fail();
  return NodeReport{};
}

}  // namespace

std::string encode_node_message(const NodeMessage& message) {
  ByteWriter out;
  std::visit(Encoder{out}, message);
  return out.take();
}

Result<NodeMessage> decode_node_message(std::string_view bytes) {
  ByteReader in(bytes);
  NodeMessage message = get_message(in);
  if (!in.is_finished()) return make_error(ErrorCode::invalid_argument, "not a message between balancers");
  return message;
}

}  // namespace sluice::node
