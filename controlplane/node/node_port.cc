// SPDX-License-Identifier: Apache-2.0
// What the API asks of the node.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "byte_codec.h"
#include "node.h"
#include "raft_codec.h"
#include "suggest.h"
#include "write_outcome.h"

namespace sluice::node {
namespace {

ApiResult<WriteReceipt> receipt_of_applied(const ApiResult<Applied>& applied) {
  if (!applied) return applied.error();
  if (!applied->outcome) return api_error(ApiCode::internal, "a write was applied without an outcome");
  return receipt_of(*applied->outcome);
}

ApiError no_state() {
  return api_error(ApiCode::no_leader, "this balancer has not got the cluster's state yet",
                   "it joins; ask again in a moment, or ask another balancer");
}

}  // namespace

namespace {

// Of a status without a leader.
std::string why_no_leader(const ClusterStatus& status, const std::string& asked) {
  if (status.reachable < status.quorum)
    return fmt::format("{} of {} voting balancers can be reached from {}, and {} are needed", status.reachable,
                       status.voters, asked, status.quorum);
  return fmt::format(
      "{} of {} voting balancers were heard by {} a moment ago, enough to elect one; try again in a second",
      status.reachable, status.voters, asked);
}

}  // namespace

std::string Node::no_leader_reason() const {
  const ClusterStatus now = status();
  return fmt::format("no leader: {}; forwarding goes on with generation {}", why_no_leader(now, options_.name),
                     now.generation.value());
}

void Node::write(model::Change change, Done<WriteReceipt> done) {
  if (!replica_->has_state()) return done(no_state());
  change.time_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(host_.wall_clock().time_since_epoch()).count());
  // Every write can be asked for again, by us too when the leader changes.
  if (change.request_id == model::RequestId{}) {
    ByteWriter id;
    id.put(host_.random());
    id.put(host_.random() | 1U);
    std::copy(id.view().begin(), id.view().end(), reinterpret_cast<char*>(change.request_id.data()));
  }
  std::string command = model::encode_command(change);
  if (command.size() > command_bytes_max)
    return done(
        api_error(ApiCode::invalid, fmt::format("this change takes {} bytes, and {} is the most; make it in parts",
                                                command.size(), command_bytes_max)));
  requests_->submit(
      ForwardKind::command, std::move(command),
      [done = std::move(done)](const ApiResult<Applied>& applied) { done(receipt_of_applied(applied)); },
      host_.uptime());
  settle();
}

void Node::read(Consistency consistency, Done<StateView> done) {
  if (consistency == Consistency::local) {
    if (!replica_->has_state()) return done(no_state());
    const bool is_leader = replica_->is_leader();
    return done(StateView{replica_->state(), replica_->applied_index(),
                          is_leader ? Uptime{0} : host_.uptime() - leader_heard_});
  }
  const raft::ReadId id(host_.random());
  reads_.emplace(id, Read{std::move(done), host_.uptime()});
  replica_->read(id);
  settle();
}

ClusterStatus Node::status() const {
  const raft::RaftStatus raft = replica_->status();
  ClusterStatus status;
  if (replica_->has_state()) {
    const model::ClusterState& state = replica_->state();
    status.cluster_id = state.cluster_id();
    status.cluster_name = state.name();
    status.generation = Generation(state.active()->number);
    status.revision = state.revision();
  }
  status.self = raft.id;
  status.leader = raft.leader;
  status.term = raft.term;
  status.commit = raft.commit;
  status.is_plane_published = !options_.has_plane || plane_.progress().active.value() != 0;
  const Uptime now = host_.uptime();
  for (const raft::Member& member : raft.configuration.members) {
    NodeStatus one;
    one.id = member.id;
    one.name = member.name;
    one.address = member.address;
    const bool is_voter = member.role == raft::MemberRole::voter;
    one.role = member.id == raft.leader ? NodeRole::leader : is_voter ? NodeRole::voter : NodeRole::learner;
    const bool is_self = member.id == raft.id;
    const Board::Seen* seen = board_.find(member.id);
    const NodeReport report = is_self && replica_->has_state() ? true_report()
                              : seen != nullptr                ? seen->report
                                                               : NodeReport{};
    one.applied = report.applied;
    one.generation = report.progress.active;
    one.table_hash = report.table_hash;
    one.plane = report.plane;
    one.is_fenced = report.is_fenced;
    one.version = report.version;
    one.is_live = is_self || board_.is_live(member.id, now);
    one.lag = raft.commit > one.applied ? raft.commit.value() - one.applied.value() : 0;
    status.voters += is_voter ? 1 : 0;
    status.reachable += is_voter && one.is_live ? 1 : 0;
    status.nodes.push_back(std::move(one));
  }
  status.quorum = status.voters / 2 + 1;
  if (raft.leader == raft::NodeId{}) status.reason = why_no_leader(status, options_.name);
  std::sort(status.nodes.begin(), status.nodes.end(),
            [](const NodeStatus& a, const NodeStatus& b) { return a.name < b.name; });
  return status;
}

void Node::wait_live(Generation generation, std::chrono::milliseconds limit,
                     std::function<void(const LiveProgress&)> progress, Done<LiveProgress> done) {
  watches_.push_back({generation, host_.uptime() + limit, std::move(progress), std::move(done), std::nullopt});
  settle();
}

std::unique_ptr<Subscription> Node::subscribe_events(std::optional<std::uint64_t> after, EventFeed feed) {
  return events_.subscribe(after, std::move(feed));
}

void Node::add_member(raft::Member member, Done<raft::LogIndex> done) {
  requests_->submit(
      ForwardKind::add_member, raft::encode_configuration({{std::move(member)}, {}}),
      [done = std::move(done)](ApiResult<Applied> applied) {
        if (!applied) return done(applied.error());
        done(applied->index);
      },
      host_.uptime());
  settle();
}

void Node::submit_member(ForwardKind kind, const std::string& name, Done<raft::LogIndex> done) {
  const std::optional<raft::NodeId> id = find_member(name);
  if (!id) {
    const raft::RaftStatus raft = replica_->status();
    std::vector<std::string_view> names;
    for (const raft::Member& member : raft.configuration.members) names.push_back(member.name);
    return done(api_error(ApiCode::not_found,
                          fmt::format("no balancer {}{}", in_quotes(name), did_you_mean(name, names)),
                          "sluice node list shows them"));
  }
  ByteWriter payload;
  payload.put(*id);
  requests_->submit(
      kind, payload.take(),
      [done = std::move(done)](ApiResult<Applied> applied) {
        if (!applied) return done(applied.error());
        done(applied->index);
      },
      host_.uptime());
  settle();
}

void Node::promote_member(std::string name, Done<raft::LogIndex> done) {
  submit_member(ForwardKind::promote, name, std::move(done));
}

void Node::remove_member(std::string name, Done<raft::LogIndex> done) {
  submit_member(ForwardKind::remove_member, name, std::move(done));
}

void Node::transfer_leadership(std::string to, Done<raft::LogIndex> done) {
  submit_member(ForwardKind::transfer, to, std::move(done));
}

void Node::snapshot(Done<std::shared_ptr<const std::string>> done) {
  if (!replica_->has_state()) return done(no_state());
  Result<SnapshotOrder> copy = replica_->copy();
  if (!copy) return done(api_error(ApiCode::internal, copy.error().context));
  host_.back_up(std::move(*copy), std::move(done));
}

std::unique_ptr<Subscription> Node::call_after(std::chrono::milliseconds delay, std::function<void()> then) {
  return host_.call_after(delay, std::move(then));
}

void Node::explain(ExplainQuery query, Done<std::string> done) {
  host_.explain(std::move(query), std::move(done));
}

std::vector<Metric> Node::metrics() const {
  const raft::RaftStatus raft = replica_->status();
  const auto gauge = [](std::string name, std::string help, double value) {
    return Metric{std::move(name), std::move(help), Metric::Kind::gauge, {{{}, value}}};
  };
  std::vector<Metric> metrics;
  metrics.push_back(gauge("sluice_raft_term", "Raft term", static_cast<double>(raft.term.value())));
  metrics.push_back(gauge("sluice_raft_is_leader", "1 on the leader", raft.role == raft::Role::leader ? 1 : 0));
  metrics.push_back(gauge("sluice_raft_commit_index", "Newest entry known to be committed",
                          static_cast<double>(raft.commit.value())));
  metrics.push_back(gauge("sluice_raft_applied_index", "Newest entry applied here",
                          static_cast<double>(replica_->applied_index().value())));
  metrics.push_back(gauge("sluice_raft_log_entries", "Entries kept in the log",
                          static_cast<double>(raft.last.value() + 1 - raft.first.value())));
  metrics.push_back(gauge("sluice_requests_open", "Writes of this node's clients without an answer yet",
                          static_cast<double>(requests_->open_count())));
  metrics.push_back(gauge("sluice_fenced", "1 while this balancer is fenced", is_fenced_ ? 1 : 0));
  metrics.push_back(gauge("sluice_plane_generation", "Generation that this host's plane forwards by",
                          static_cast<double>(plane_.progress().active.value())));
  if (replica_->has_state())
    metrics.push_back(gauge("sluice_generation", "Newest generation that was activated",
                            static_cast<double>(replica_->state().active()->number)));
  return metrics;
}

}  // namespace sluice::node
