// SPDX-License-Identifier: Apache-2.0
#include "board.h"

#include <algorithm>
#include <utility>

namespace sluice::node {
namespace {

// Only a balancer whose plane follows is counted on: another one must not hold the cluster up for longer than its
// lease.
bool earns_lease(const NodeReport& report) {
  return report.is_plane_live || !report.progress.has_plane;
}

}  // namespace

void Board::set_lease(Uptime lease) {
  lease_.set_length(lease);
  driver_.set_lease(lease);
}

std::optional<NodeReport> Board::own_report(NodeReport now_true, Uptime now) {
  if (last_sent_) {
    now_true.sequence = last_sent_->sequence;
    const raft::LogIndex applied = std::exchange(now_true.applied, last_sent_->applied);
    // The place in the log alone changes with every write, and nobody waits for it.
    if (now_true == *last_sent_ && now < sent_at_ + report_interval) return std::nullopt;
    now_true.applied = applied;
  }
  now_true.sequence = ++last_sequence_;
  sent_at_ = now;
  last_sent_ = now_true;
  if (earns_lease(now_true)) lease_.asked(now_true.sequence, now);
  return now_true;
}

ReportReply Board::reply_to(raft::NodeId node, Generation active, Uptime now, LeaseGrant grant) const {
  ReportReply reply;
  reply.active = active;
  for (const auto& [id, seen] : seen_) {
    if (id == node) {
      reply.sequence = seen.report.sequence;
      reply.has_lease = grant == LeaseGrant::granted && earns_lease(seen.report);
    }
    reply.board.push_back({id, seen.report, static_cast<std::uint32_t>((now - seen.at).count())});
  }
  return reply;
}

void Board::start_leading(Uptime now) {
  driver_.start(now);
  last_sent_.reset();
}

bool Board::heard_report(raft::NodeId node, const NodeReport& report, Uptime now) {
  const auto before = seen_.find(node);
  const bool is_changed = before == seen_.end() || before->second.report.progress != report.progress ||
                          before->second.report.is_fenced != report.is_fenced;
  seen_[node] = {report, now};
  driver_.heard(node, report.progress, now, earns_lease(report) ? LeaseGrant::granted : LeaseGrant::withheld);
  return is_changed;
}

void Board::heard_reply(const ReportReply& reply, Uptime now) {
  const bool is_answer = reply.sequence > first_sequence_ && reply.sequence <= last_sequence_;
  if (reply.has_lease && is_answer) {
    lease_.granted(reply.sequence);
    leader_active_ = std::max(leader_active_.value_or(Generation{}), reply.active);
  }
  seen_.clear();
  for (const BoardEntry& entry : reply.board) seen_[entry.node] = {entry.report, now - Uptime(entry.age_ms)};
}

void Board::keep_only(const std::vector<raft::NodeId>& members) {
  std::erase_if(seen_,
                [&](const auto& one) { return std::find(members.begin(), members.end(), one.first) == members.end(); });
  driver_.keep_only(members);
}

const Board::Seen* Board::find(raft::NodeId node) const {
  const auto found = seen_.find(node);
  return found == seen_.end() ? nullptr : &found->second;
}

bool Board::is_live(raft::NodeId node, Uptime now) const {
  const Seen* seen = find(node);
  return seen != nullptr && now < seen->at + live_for;
}

LiveProgress Board::live_progress(Generation generation, const std::vector<raft::NodeId>& members, Uptime now) const {
  LiveProgress unfenced{generation, 0, 0, 0};
  LiveProgress all{generation, 0, 0, 0};
  for (const raft::NodeId node : members) {
    const Seen* seen = find(node);
    if (seen == nullptr || !seen->report.progress.has_plane) continue;
    const std::uint32_t live = seen->report.progress.active >= generation ? 1 : 0;
    const std::uint32_t awaited = live == 0 && is_live(node, now) && earns_lease(seen->report) ? 1 : 0;
    ++all.planes;
    all.live += live;
    all.awaited += awaited;
    if (seen->report.is_fenced) continue;
    ++unfenced.planes;
    unfenced.live += live;
    unfenced.awaited += awaited;
  }
  // With all fenced, they are who forwards: "live on 0 of 0" would be no answer.
  return unfenced.planes > 0 ? unfenced : all;
}

}  // namespace sluice::node
