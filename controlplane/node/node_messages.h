// SPDX-License-Identifier: Apache-2.0
// What balancers say to each other beside Raft: how far each has got, leases, and requests that only the leader can
// answer. Values and their bytes; decoders take anything and never throw.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "error.h"
#include "generation_driver.h"
#include "model_types.h"
#include "raft_types.h"

namespace sluice::node {

// Of one balancer about itself. To the leader, several times a second and at once when something has changed.
struct NodeReport {
  std::uint64_t sequence = 0;  // grows with every report of one process
  raft::LogIndex applied;
  PlaneProgress progress;
  std::uint64_t table_hash = 0;  // of progress.active, as this balancer has it
  std::string plane;             // "xdp", "dpdk", "replay"; empty: none
  bool is_plane_live = false;    // it answers, and took the last generation
  bool is_fenced = false;
  std::uint16_t feature_level = 0;
  std::string api_address;  // host:port, or empty
  std::string version;      // of its sluiced
  friend bool operator==(const NodeReport&, const NodeReport&) = default;
};

// The leader's picture of one balancer.
struct BoardEntry {
  raft::NodeId node;
  NodeReport report;
  std::uint32_t age_ms = 0;  // since it was heard
  friend bool operator==(const BoardEntry&, const BoardEntry&) = default;
};
// The answer to a report: a lease, and the whole picture, so that any balancer can tell an operator.
struct ReportReply {
  std::uint64_t sequence = 0;  // the newest report of the receiver that has been heard
  bool has_lease = false;      // counted from when that report was sent
  Generation active;           // as the leader has applied it: a fenced balancer needs at least this one to come back
  std::vector<BoardEntry> board;
  friend bool operator==(const ReportReply&, const ReportReply&) = default;
};

// A request of a follower's client, and its answer. `number` is the sender's; lives of one node do not share any.
enum class ForwardKind : std::uint8_t { command = 1, add_member = 2, promote = 3, remove_member = 4, transfer = 5 };
struct Forward {
  std::uint64_t number = 0;
  ForwardKind kind = ForwardKind::command;
  std::string payload;  // command: as in the log; add_member: a Configuration of one; others: u64 node id
  friend bool operator==(const Forward&, const Forward&) = default;
};
// Sent once the leader has applied it, or refused it.
struct ForwardReply {
  std::uint64_t number = 0;
  bool is_elsewhere = false;              // the receiver does not lead (any more): ask whoever does
  raft::LogIndex index;                   // 0: refused
  std::optional<model::Outcome> outcome;  // of a command
  ErrorCode code = ErrorCode::conflict;   // refused: why
  std::string reason;
  friend bool operator==(const ForwardReply&, const ForwardReply&) = default;
};

using NodeMessage = std::variant<NodeReport, ReportReply, Forward, ForwardReply>;
[[nodiscard]] std::string encode_node_message(const NodeMessage& message);
[[nodiscard]] Result<NodeMessage> decode_node_message(std::string_view bytes);

}  // namespace sluice::node
