// SPDX-License-Identifier: Apache-2.0
#include "sim_trace.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstring>

namespace sluice::sim {

using namespace raft;

void Trace::mix(std::uint64_t value) {
  hash_ = (hash_ ^ value) * 0x9e3779b97f4a7c15;
  hash_ ^= hash_ >> 32;
}

void Trace::mix(std::string_view bytes) {
  mix(std::uint64_t{bytes.size()});
  while (!bytes.empty()) {
    std::uint64_t word = 0;
    const std::size_t count = std::min(bytes.size(), sizeof(word));
    std::memcpy(&word, bytes.data(), count);
    mix(word);
    bytes.remove_prefix(count);
  }
}

void Trace::name(NodeId id) {
  names_.emplace(id, fmt::format("n{}", names_.size() + 1));
}

std::string Trace::name_of(NodeId id) const {
  if (id == NodeId()) return "nobody";
  const auto found = names_.find(id);
  return found == names_.end() ? fmt::format("unknown {:x}", id.value()) : found->second;
}

void Trace::add(std::string line) {
  line = fmt::format("{:10.3f} ms  {}", static_cast<double>(clock_.now().count()) / 1000.0, line);
  if (mode_ == TraceMode::print) {
    std::puts(line.c_str());
    return;
  }
  lines_.push_back(std::move(line));
  if (lines_.size() > trace_lines_kept) lines_.pop_front();
}

namespace {

struct MessageText {
  const Trace& trace;

  std::string operator()(const VoteRequest& body) const {
    return fmt::format("{}vote? last {}@{}{}", body.pre_vote ? "pre-" : "", body.last_index.value(),
                       body.last_term.value(), body.is_transfer ? ", transfer" : "");
  }
  std::string operator()(const VoteReply& body) const {
    return fmt::format("{}vote {}", body.pre_vote ? "pre-" : "", body.granted ? "granted" : "refused");
  }
  std::string operator()(const AppendRequest& body) const {
    std::string entries;
    if (!body.entries.empty()) {
      entries =
          fmt::format(", entries {}@{}..{}@{}", body.entries.front().index.value(), body.entries.front().term.value(),
                      body.entries.back().index.value(), body.entries.back().term.value());
    }
    return fmt::format("append after {}@{}{}, commit {}, round {}", body.previous_index.value(),
                       body.previous_term.value(), entries, body.commit.value(), body.read_round);
  }
  std::string operator()(const AppendReply& body) const {
    if (body.success) return fmt::format("append ok to {}, round {}", body.match.value(), body.read_round);
    return fmt::format("append refused, hint {}@{}, round {}", body.hint_index.value(), body.hint_term.value(),
                       body.read_round);
  }
  std::string operator()(const SnapshotChunk& body) const {
    return fmt::format("snapshot {}@{} {}, bytes {}+{} of {}", body.meta.index.value(), body.meta.term.value(),
                       text_of(body.meta.configuration, trace), body.offset, body.data.size(), body.total_bytes);
  }
  std::string operator()(const SnapshotReply& body) const {
    return fmt::format("snapshot {} {}, next byte {}", body.index.value(), body.installed ? "installed" : "goes on",
                       body.next_offset);
  }
  std::string operator()(const TransferRequest&) const { return "start an election now"; }
  std::string operator()(const ReadRequest& body) const { return fmt::format("read? {:x}", body.id.value()); }
  std::string operator()(const ReadReply& body) const {
    return fmt::format("read {:x} at {}", body.id.value(), body.index.value());
  }
};

}  // namespace

std::string text_of(const Message& message, const Trace& trace) {
  return fmt::format("term {}: {}", message.term.value(), std::visit(MessageText{trace}, message.body));
}

std::string text_of(const Configuration& configuration, const Trace& trace) {
  std::string text = "{";
  for (const Member& member : configuration.members) {
    text += (text.size() > 1 ? " " : "") + trace.name_of(member.id);
    if (member.role == MemberRole::learner) text += "(learner)";
  }
  return text + "}";
}

}  // namespace sluice::sim
