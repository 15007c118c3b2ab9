// SPDX-License-Identifier: Apache-2.0
// Events, and what follows from them. The API's side is node_port.cc.
#include "node.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace sluice::node {
namespace {

// How often the leader looks whether a learner has caught up, or a record is missing.
constexpr Uptime membership_interval{500};

GenerationDriver::Options driver_options(const NodeOptions& options) {
  GenerationDriver::Options driver;
  driver.margin = lease_margin + 2 * options.replica.raft.election_ticks * options.tick;
  return driver;
}

}  // namespace

Result<std::unique_ptr<Node>> Node::make(const NodeOptions& options, raft::StoredState stored, NodeHost& host) {
  std::unique_ptr<Node> node(new Node(options, host));
  const auto random = [&host](std::uint32_t bound) { return static_cast<std::uint32_t>(host.random() % bound); };
  Result<std::unique_ptr<Replica>> replica = Replica::make(options.replica, std::move(stored), host, *node, random);
  if (!replica) return replica.error();
  node->replica_ = std::move(*replica);
  Requests::Options requests;
  requests.first_number = host.random() >> 2U;
  node->requests_ = std::make_unique<Requests>(
      requests, *node->replica_, [&host](raft::NodeId to, const NodeMessage& message) { host.send_node(to, message); },
      [raw = node.get()] { return raw->no_leader_reason(); });
  node->settle();
  return node;
}

Node::Node(const NodeOptions& options, NodeHost& host)
    : options_(options), host_(host), board_(driver_options(options), host.random() >> 2U) {
  if (options.has_plane) plane_.expect_plane();
}

void Node::applied(const raft::Entry& entry, const model::Outcome* outcome) {
  AppliedItem item{{entry.index, entry.term}, entry.type, std::nullopt};
  if (outcome != nullptr) item.outcome = *outcome;
  applied_.push_back(std::move(item));
}

void Node::replaced(raft::LogIndex) {
  is_replaced_ = true;
}

void Node::read_done(raft::ReadId id, ReadOutcome outcome) {
  finished_reads_.emplace_back(id, outcome);
}

// A process that stood still may be a leader no more and not know: others have been elected, and leases that it grants
// now, to itself or to whoever still asks it, nobody waits for. Two election timeouts of true ticks, and check-quorum
// has told it; until then it grants nothing.
void Node::on_tick() {
  const Uptime now = host_.uptime();
  if (last_tick_ && now > *last_tick_ + stall_max()) no_grant_before_ = now + 4 * stall_max();
  last_tick_ = now;
  replica_->tick();
  requests_->on_tick(host_.uptime());
  ask_again();
  settle();
}

void Node::on_raft(raft::Message message) {
  if (message.from == replica_->status().leader) leader_heard_ = host_.uptime();
  replica_->step(std::move(message));
  settle();
}

void Node::on_written() {
  replica_->written();
  settle();
}

void Node::on_snapshot_made(raft::SnapshotMeta meta, std::shared_ptr<const std::string> data) {
  replica_->snapshot_made(std::move(meta), std::move(data));
  settle();
}

void Node::on_node_message(raft::NodeId from, const NodeMessage& message) {
  if (const auto* report = std::get_if<NodeReport>(&message)) {
    if (!replica_->is_leader() || !replica_->has_state() || !may_have_lease(from)) return;
    is_board_changed_ |= board_.heard_report(from, *report, host_.uptime());
    if (is_settled_leader()) tell_board(from);
  } else if (const auto* reply = std::get_if<ReportReply>(&message)) {
    if (from == replica_->status().leader) board_.heard_reply(*reply, host_.uptime());
  } else if (const auto* forward = std::get_if<Forward>(&message)) {
    requests_->on_forward(from, *forward);
  } else if (const auto* forwarded = std::get_if<ForwardReply>(&message)) {
    requests_->on_forward_reply(*forwarded);
  }
  settle();
}

void Node::on_plane_connected(std::string kind, Generation generation, StatePhase phase) {
  plane_.connected(std::move(kind), generation, phase);
  settle();
}

void Node::on_plane_lost() {
  if (!plane_.is_connected()) return;
  plane_.lost();
  note("plane", "the plane of this host does not answer; packets go on by what it was told last");
  settle();
}

void Node::on_published() {
  plane_.published();
  settle();
}

void Node::on_publish_refused(std::string why) {
  note("plane", "the plane refused a generation: " + why);
  plane_.refused(std::move(why), host_.uptime());
  settle();
}

// Everything that an event may have made due. Callbacks of clients ask for more at once: that waits for the next round.
void Node::settle() {
  if (is_settling_ || !replica_ || !requests_) return;
  is_settling_ = true;
  do {
    settle_applied();
    settle_reads();
    follow_roles();
    follow_configuration();
    if (replica_->has_state()) {
      follow_generations();
      drive_plane();
      drive_reports();
      drive_fence();
      if (is_settled_leader()) {
        drive_generations();
        drive_membership();
      }
    }
    drive_watches();
  } while (!applied_.empty() || !finished_reads_.empty() || is_replaced_);
  is_settling_ = false;
}

void Node::settle_applied() {
  if (std::exchange(is_replaced_, false)) requests_->on_replaced();
  while (!applied_.empty()) {
    const AppliedItem item = std::move(applied_.front());
    applied_.pop_front();
    note_outcome(item);
    requests_->on_applied(item.place, item.outcome);
  }
}

void Node::settle_reads() {
  const std::vector<std::pair<raft::ReadId, ReadOutcome>> finished = std::exchange(finished_reads_, {});
  for (const auto& [id, outcome] : finished) {
    auto read = reads_.extract(id);
    if (read.empty()) continue;
    if (outcome == ReadOutcome::confirmed && replica_->has_state()) {
      read.mapped().done(StateView{replica_->state(), replica_->applied_index(), {}});
    } else {
      waiting_reads_.push_back(std::move(read.mapped()));
    }
  }
}

// There may be a leader in a moment. Not before the next tick: without one the answer comes at once, and would for
// ever.
void Node::ask_again() {
  std::vector<Read> waiting = std::exchange(waiting_reads_, {});
  const bool has_leader = replica_->status().leader != raft::NodeId{};
  for (Read& read : waiting) {
    if (host_.uptime() >= read.asked + Requests::Options{}.leader_wait) {
      read.done(api_error(ApiCode::no_leader, no_leader_reason()));
    } else if (!has_leader) {
      waiting_reads_.push_back(std::move(read));
    } else {
      const raft::ReadId again(host_.random());
      reads_.emplace(again, std::move(read));
      replica_->read(again);
    }
  }
}

void Node::follow_roles() {
  const raft::RaftStatus status = replica_->status();
  if (status.role == raft::Role::leader && known_.role != raft::Role::leader) {
    board_.start_leading(host_.uptime());
    proposed_step_.reset();
    settled_at_ = status.last;  // its own first entry is there
    is_board_changed_ = true;
  }
  if (status.leader != known_.leader || status.term != known_.term) {
    if (status.leader != raft::NodeId{})
      note("leader", fmt::format("{} leads in term {}", name_of(status.leader), status.term.value()));
    else if (known_.leader != raft::NodeId{})
      note("leader", "there is no leader");
  }
  if (status.leader != raft::NodeId{} && status.leader != known_.leader) leader_heard_ = host_.uptime();
  known_.role = status.role;
  known_.leader = status.leader;
  known_.term = status.term;
}

void Node::follow_configuration() {
  const raft::RaftStatus status = replica_->status();
  follow_committed(status);
  if (status.configuration == known_.configuration) return;
  for (const raft::Member& member : status.configuration.members)
    if (known_.configuration.find(member.id) == nullptr && !known_.configuration.members.empty())
      note("member", fmt::format("{} has joined", member.name));
  for (const raft::Member& member : known_.configuration.members)
    if (status.configuration.find(member.id) == nullptr) note("member", fmt::format("{} has left", member.name));
  known_.configuration = status.configuration;
  board_.keep_only(awaited());
  host_.set_members(status.configuration);
}

// Whoever leads may have granted leases to one who goes until that is committed, whatever stood in this log meanwhile.
// Of those that this process has not known as members, that may have been just now.
void Node::follow_committed(const raft::RaftStatus& status) {
  if (!status.is_configuration_committed || committed_ == status.configuration) return;
  const std::vector<raft::NodeId>& before = committed_.removed;
  for (const raft::NodeId removed : status.configuration.removed)
    if (std::find(before.begin(), before.end(), removed) == before.end()) board_.left(removed, host_.uptime());
  committed_ = status.configuration;
  board_.keep_only(awaited());
}

void Node::follow_generations() {
  const model::ClusterState& state = replica_->state();
  board_.set_lease(Uptime(state.policy().lease_ms));
  board_.set_rest(Uptime(state.policy().batch_ms));
  if (state.newest_generation() == 0) return;
  const StatePhase phase = state.prepared() ? StatePhase::prepared : StatePhase::active;
  const std::pair<std::uint64_t, StatePhase> newest(state.newest_generation(), phase);
  if (wanted_ == newest) return;
  wanted_ = newest;
  if (std::optional<ForwardingState> forwarding = state.forwarding_state(phase))
    plane_.want(std::make_shared<const ForwardingState>(std::move(*forwarding)));
}

void Node::drive_plane() {
  if (std::shared_ptr<const ForwardingState> next = plane_.take_next(host_.uptime(), knowledge()))
    host_.publish(std::move(next));
}

// A leader that has just been elected may have applied less than was activated in the terms before.
bool Node::is_settled_leader() const {
  return replica_->is_leader() && replica_->applied_index() >= settled_at_;
}

Knowledge Node::knowledge() const {
  const bool is_current =
      board_.leader_active() && Generation(replica_->state().active()->number) >= *board_.leader_active();
  // A plane of this cluster is at most one generation ahead of what is active: the one that is being prepared, which
  // this balancer may have prepared in its life before and not know yet in this one.
  const bool is_foreign =
      board_.leader_active() && plane_.progress().prepared.value() > board_.leader_active()->value() + 1;
  return is_current && is_foreign ? Knowledge::current : Knowledge::behind;
}

NodeReport Node::true_report() const {
  NodeReport report;
  report.applied = replica_->applied_index();
  report.progress = plane_.progress();
  report.table_hash = plane_.table_hash();
  report.plane = plane_.kind();
  report.is_plane_live = plane_.is_connected() && plane_.trouble().empty();
  report.is_fenced = is_fenced_;
  report.feature_level = model::feature_level_supported;
  report.api_address = options_.api_address;
  report.version = options_.version;
  return report;
}

void Node::drive_reports() {
  const raft::RaftStatus status = replica_->status();
  if (status.leader == raft::NodeId{}) return;
  const Uptime now = host_.uptime();
  if (status.role != raft::Role::leader) {
    if (const auto report = board_.own_report(true_report(), now)) host_.send_node(status.leader, *report);
    return;
  }
  // A leader that removes itself leads until that is committed, and is like anybody else who goes.
  if (may_have_lease(status.id)) {
    const std::optional<NodeReport> report = board_.own_report(true_report(), now);
    if (report) is_board_changed_ |= board_.heard_report(status.id, *report, now);
    if (is_settled_leader() && (report || is_board_changed_))
      board_.heard_reply(board_.reply_to(status.id, needed_to_forward(), now, grant()), now);
  }
  if (!is_settled_leader()) return;
  // Somebody waits on every balancer for "live on k of n".
  if (std::exchange(is_board_changed_, false))
    for (const raft::NodeId member : members())
      if (member != status.id) tell_board(member);
}

void Node::tell_board(raft::NodeId only) {
  host_.send_node(only, board_.reply_to(only, needed_to_forward(), host_.uptime(), grant()));
}

// Nobody waits for who has been removed, from the moment on that some log says so. And the entry that takes somebody in
// may be lost until it is committed: the next leader would not know of it, and not wait.
bool Node::may_have_lease(raft::NodeId node) const {
  return known_.configuration.find(node) != nullptr && committed_.find(node) != nullptr;
}

Uptime Node::stall_max() const {
  return options_.replica.raft.election_ticks * options_.tick / 2;
}

LeaseGrant Node::grant() const {
  const Uptime now = host_.uptime();
  const bool has_stalled = !last_tick_ || now > *last_tick_ + stall_max() || now < no_grant_before_;
  return has_stalled ? LeaseGrant::withheld : LeaseGrant::granted;
}

// An ACTIVATE that is on its way through the log will happen, whatever is heard from now on.
Generation Node::needed_to_forward() const {
  const Generation active(replica_->state().active()->number);
  const bool is_activating = proposed_step_ && proposed_step_->first == GenerationStep::Kind::activate &&
                             proposed_in_ == replica_->status().term;
  return is_activating ? std::max(active, Generation(proposed_step_->second)) : active;
}

void Node::drive_fence() {
  if (!options_.has_plane) return;
  const bool is_held = board_.is_lease_held(host_.uptime());
  // Only with what the others forward by by now, and with all that they count on here: a plane may come back without
  // what it had.
  const bool is_current =
      board_.leader_active() && plane_.progress().prepared >= *board_.leader_active() && !plane_.is_behind_itself();
  const bool is_fenced = !(is_held && is_current);
  const Uptime lease_end = board_.lease_until();
  if (!is_fenced && std::exchange(unfenced_until_, lease_end) != lease_end) host_.unfence_until(lease_end);
  if (is_fenced == is_fenced_) return;
  is_fenced_ = is_fenced;
  note("fence", !is_fenced ? "no longer fenced"
                : is_held  ? "fenced: the plane does not know what the others forward by"
                           : "fenced: the leader has not been heard within the lease");
  // A process that has just started has not been granted anything, and its plane still has the lease of the one before:
  // it counts until it is over.
  const bool has_to_be_told = is_held || unfenced_until_ != Uptime{0};
  if (!is_fenced || !has_to_be_told) return;
  unfenced_until_ = Uptime{0};
  host_.fence();
}

void Node::drive_generations() {
  const model::ClusterState& state = replica_->state();
  GenerationView view{Generation(state.active()->number), std::nullopt, state.has_pending()};
  if (state.prepared()) view.prepared = Generation(state.prepared()->number);
  const GenerationStep step = board_.decide(view, awaited(), host_.uptime());
  if (step.kind == GenerationStep::Kind::none) {
    if (step.due) wake_at(*step.due);
    return;
  }
  const std::pair<GenerationStep::Kind, std::uint64_t> wanted(step.kind, step.generation.value());
  const raft::Term term = replica_->status().term;
  if (proposed_step_ == wanted && proposed_in_ == term) return;
  std::optional<model::Command> command;
  if (step.kind == GenerationStep::Kind::prepare) {
    command = model::Prepare{step.generation.value()};
  } else {
    model::Activate activate{step.generation.value(), {}};
    for (const raft::NodeId node : step.laggards) activate.laggards.push_back(node.value());
    command = std::move(activate);
  }
  if (!replica_->propose(*command)) return;
  proposed_step_ = wanted;
  proposed_in_ = term;
}

// A tick may be a while off, and somebody waits for the change.
void Node::wake_at(Uptime due) {
  if (rest_timer_) return;
  rest_timer_ = host_.call_after(due - host_.uptime(), [this] {
    rest_timer_.reset();
    settle();
  });
}

void Node::propose_quietly(const model::Command& command) {
  // Refused while the leader steps down or is full: the next look tries again.
  [[maybe_unused]] const Result<Place> ignored = replica_->propose(command);
}

void Node::drive_membership() {
  const Uptime now = host_.uptime();
  if (now < next_membership_) return;
  next_membership_ = now + membership_interval;
  const raft::RaftStatus status = replica_->status();
  const auto& members = status.configuration.members;
  const auto voters = static_cast<std::size_t>(std::count_if(
      members.begin(), members.end(), [](const raft::Member& one) { return one.role == raft::MemberRole::voter; }));
  for (const raft::Member& member : members) {
    if (member.role == raft::MemberRole::learner && voters < options_.voters_max && board_.is_live(member.id, now)) {
      // Refused as long as it has not caught up.
      [[maybe_unused]] const Result<Place> ignored = replica_->promote(member.id);
      break;
    }
  }
  const model::ClusterState& state = replica_->state();
  model::Change records;
  records.author = {"cluster", "admin", name_of(status.id)};
  records.comment = "balancer records";
  records.time_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(host_.wall_clock().time_since_epoch()).count());
  for (const raft::Member& member : members) {
    const Board::Seen* seen = board_.find(member.id);
    if (seen == nullptr) continue;
    const model::BalancerRecord record{member.name, member.id.value(), seen->report.api_address,
                                       seen->report.feature_level};
    const auto found = state.balancers().find(member.name);
    if (found == state.balancers().end() || found->second != record)
      records.operations.emplace_back(model::PutBalancer{record});
  }
  for (const auto& [name, record] : state.balancers())
    if (status.configuration.find(raft::NodeId(record.node_id)) == nullptr && status.is_configuration_committed)
      records.operations.emplace_back(model::DeleteBalancer{name});
  if (!records.operations.empty()) return propose_quietly(records);
  if (state.feature_level_possible() > state.feature_level())
    propose_quietly(model::SetFeatureLevel{state.feature_level_possible()});
}

void Node::drive_watches() {
  std::deque<Watch> open = std::exchange(watches_, {});
  const std::vector<raft::NodeId> all = members();
  for (Watch& watch : open) {
    const LiveProgress progress = board_.live_progress(watch.generation, all, host_.uptime());
    if (watch.progress && watch.last_live != progress.live) watch.progress(progress);
    watch.last_live = progress.live;
    const bool is_active = replica_->has_state() && Generation(replica_->state().active()->number) >= watch.generation;
    // Active, so the leases of those that do not answer have run out: nobody knows when they come back.
    if (is_active && progress.awaited == 0) {
      watch.done(progress);
    } else if (host_.uptime() >= watch.until) {
      watch.done(api_error(ApiCode::timeout, fmt::format("generation {} is live on {} of {} planes",
                                                         watch.generation.value(), progress.live, progress.planes)));
    } else {
      watches_.push_back(std::move(watch));
    }
  }
}

std::vector<raft::NodeId> Node::members() const {
  std::vector<raft::NodeId> ids;
  for (const raft::Member& member : known_.configuration.members) ids.push_back(member.id);
  return ids;
}

// All that may forward and be counted on to do so.
std::vector<raft::NodeId> Node::awaited() const {
  std::vector<raft::NodeId> ids = members();
  for (const raft::Member& member : committed_.members)
    if (known_.configuration.find(member.id) == nullptr) ids.push_back(member.id);
  return ids;
}

std::string Node::name_of(raft::NodeId node) const {
  const raft::RaftStatus status = replica_->status();
  const raft::Member* member = status.configuration.find(node);
  if (member == nullptr) member = known_.configuration.find(node);
  return member != nullptr ? member->name : fmt::format("{:016x}", node.value());
}

std::optional<raft::NodeId> Node::find_member(std::string_view name) const {
  const raft::RaftStatus status = replica_->status();
  for (const raft::Member& member : status.configuration.members)
    if (member.name == name) return member.id;
  return std::nullopt;
}

void Node::note(std::string kind, std::string text, std::vector<std::pair<std::string, std::string>> fields) {
  events_.add(host_.wall_clock(), std::move(kind), std::move(text), std::move(fields));
}

void Node::note_outcome(const AppliedItem& item) {
  if (!item.outcome || !item.outcome->ok() || !replica_->has_state()) return;
  const model::Outcome& outcome = *item.outcome;
  const model::ClusterState& state = replica_->state();
  const bool is_write = !state.audit().empty() && state.audit().back().index == item.place.index.value();
  if (is_write && outcome.code == model::OutcomeCode::accepted) {
    const model::AuditEntry& entry = state.audit().back();
    note("write", fmt::format("revision {}: {}", entry.revision, entry.summary),
         {{"author", entry.author.name}, {"revision", std::to_string(entry.revision)}});
  } else if (!is_write && state.active()->number == outcome.generation && outcome.generation != 0 &&
             !state.prepared()) {
    note("generation", fmt::format("generation {} is active", outcome.generation),
         {{"generation", std::to_string(outcome.generation)}});
  }
}

}  // namespace sluice::node
