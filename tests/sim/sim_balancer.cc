// SPDX-License-Identifier: Apache-2.0
#include "sim_balancer.h"

#include <fmt/format.h>

#include <algorithm>

#include "node_messages.h"
#include "raft_codec.h"

namespace sluice::sim {
namespace {

constexpr Time look_for_plane_every = milliseconds(200);

PlaneKind draw_kind(SimWorld& world, const BalancerOptions& options) {
  return world.random.percent(options.pinned_percent) ? PlaneKind::pinned : PlaneKind::in_memory;
}

}  // namespace

SimBalancer::SimBalancer(SimWorld& world, const BalancerOptions& options, BalancerPeers& peers, ChainCover& cover,
                         const raft::Member& member, const raft::StoredState& state)
    : world_(world),
      options_(options),
      peers_(peers),
      cover_(cover),
      member_(member),
      disk_(state),
      plane_(draw_kind(world, options)) {
  world_.trace.name(member.id);
  world_.oracle.add_node(member.id, disk_);
  const double drift = static_cast<double>(options.drift_permille) / 1000.0;
  clock_rate_ = 1.0 - drift / 2 + drift * world.random.below(1001) / 1000.0;
}

node::Uptime SimBalancer::uptime() const {
  // Since a start that means nothing to anybody else.
  const double us = static_cast<double>(world_.clock.now().count()) * clock_rate_;
  return node::Uptime(1000 * (member_.id.value() % 1000) + static_cast<std::uint64_t>(us) / 1000);
}

std::chrono::system_clock::time_point SimBalancer::wall_clock() const {
  return std::chrono::system_clock::time_point(seconds(1'700'000'000) + world_.clock.now());
}

bool SimBalancer::is_preferred() const {
  return plane_.is_forwarding() && uptime() < plane_.unfenced_until;
}

void SimBalancer::start_after(Time delay) {
  world_.clock.after(delay, [this] {
    start_plane();
    start();
  });
}

void SimBalancer::start() {
  if (is_up()) return;
  ++life_;
  node::NodeOptions options;
  const SimOptions& base = options_.base;
  options.name = member_.name;
  options.tick = std::chrono::duration_cast<node::Uptime>(base.tick);
  options.replica.snapshot_entries = options_.snapshot_entries;
  raft::RaftOptions& raft = options.replica.raft;
  raft.id = member_.id;
  raft.heartbeat_ticks = base.heartbeat_ticks;
  raft.election_ticks = base.election_ticks;
  raft.entries_per_message = base.entries_per_message;
  raft.messages_in_flight = base.messages_in_flight;
  raft.snapshot_chunk_bytes = base.snapshot_chunk_bytes;
  raft.trailing_entries = base.trailing_entries;
  unfenced_until_.reset();
  generations_seen_ = {};
  world_.trace.note([&] { return name() + " starts"; });
  auto made = node::Node::make(options, disk_.stored(), *this);
  if (!made) return fail("does not start: " + made.error().context);
  node_ = std::move(*made);
  after_event();
  schedule_tick();
  connect_plane_after(world_.up_to(milliseconds(50)));
}

void SimBalancer::stop() {
  lose_link();
  ++life_;
  node_.reset();
  deferred_.clear();
  writing_.reset();
  paused_until_ = {};
}

void SimBalancer::crash(Time down) {
  if (!is_up()) return;
  ++world_.counters.crashes;
  const bool survives = writing_ && world_.random.percent(50);
  world_.trace.note([&] { return name() + ": sluiced is killed"; });
  if (survives) world_.oracle.written(id(), disk_.write(*writing_));
  if (writing_ && !survives) ++world_.counters.batches_lost;
  stop();
  world_.clock.after(down, [this] { start(); });
}

void SimBalancer::start_plane() {
  if (plane_.is_running()) return;
  const bool forgets = !world_.is_healed && world_.random.percent(options_.plane_forgets_percent);
  plane_.start(forgets ? 1 + world_.random.below(3) : 0);
  world_.trace.note([&] {
    return fmt::format("{}: its plane starts with {} generation {}", name(),
                       plane_.form() == nullptr ? "no" : to_text(plane_.form()->phase),
                       plane_.form() == nullptr ? 0 : plane_.form()->generation);
  });
  peers_.look_later();
}

void SimBalancer::crash_plane(Time down) {
  if (!plane_.is_running()) return;
  world_.trace.note([&] { return name() + ": its plane is killed"; });
  lose_link();
  plane_.crash();
  world_.clock.after(down, [this] { start_plane(); });
}

void SimBalancer::lose_power(Time down) {
  world_.trace.note([&] { return name() + " loses power"; });
  crash(down + world_.up_to(milliseconds(300)));
  lose_link();
  plane_.lose_power();
  world_.clock.after(down, [this] { start_plane(); });
}

void SimBalancer::cut_plane(Time away) {
  if (!is_linked_) return;
  world_.trace.note([&] { return name() + ": sluiced and plane lose each other"; });
  lose_link();
  unreachable_until_ = world_.clock.now() + away;
}

// What was under way has been taken or not, and nobody says which.
void SimBalancer::lose_link() {
  if (!is_linked_) return;
  is_linked_ = false;
  ++link_;
  if (const auto state = std::exchange(sent_, nullptr); state && plane_.is_running() && world_.random.percent(30)) {
    plane_.take(cover_.read(*state));
    peers_.look_later();
  }
  later(world_.up_to(milliseconds(50)), [](node::Node& node) { node.on_plane_lost(); });
  connect_plane_after(milliseconds(60));
}

void SimBalancer::connect_plane_after(Time delay) {
  world_.clock.after(delay, [this, mine = life_] {
    if (mine == life_ && is_up() && !is_linked_) connect_plane();
  });
}

void SimBalancer::connect_plane() {
  if (!plane_.is_running() || world_.clock.now() < unreachable_until_ || is_paused())
    return connect_plane_after(look_for_plane_every);
  is_linked_ = true;
  ++link_;
  later(Time(1), [this, link = link_](node::Node& node) {
    if (link != link_) return;
    const CoverForm* form = plane_.form();
    node.on_plane_connected("simulated", Generation(form == nullptr ? 0 : form->generation),
                            form == nullptr ? StatePhase::active : form->phase);
    if (unfenced_until_) plane_.unfenced_until = *unfenced_until_;
    peers_.look_later();
  });
}

void SimBalancer::publish(std::shared_ptr<const ForwardingState> state) {
  if (!is_linked_) return;
  sent_ = std::move(state);
  const Time most =
      world_.is_healed ? std::min<Time>(options_.plane_take_max, milliseconds(20)) : options_.plane_take_max;
  world_.clock.after(Time(1) + world_.up_to(most), [this, link = link_] { publish_ends(link); });
}

void SimBalancer::publish_ends(std::uint64_t link) {
  if (link != link_) return;
  const std::shared_ptr<const ForwardingState> state = std::exchange(sent_, nullptr);
  if (!world_.is_healed && world_.random.percent(options_.plane_refuses_percent))
    return later(Time(1), [this, link](node::Node& node) {
      if (link == link_) node.on_publish_refused("no room");
    });
  world_.trace.mix(state->table_hash + state->generation);
  world_.trace.note([&] {
    return fmt::format("{}: its plane takes {} generation {}", name(), to_text(state->phase), state->generation);
  });
  plane_.take(cover_.read(*state));
  peers_.look_later();
  later(Time(1) + world_.up_to(milliseconds(2)), [this, link](node::Node& node) {
    if (link == link_) node.on_published();
  });
}

void SimBalancer::tell_fence(node::Uptime unfenced_until) {
  const bool is_change =
      (unfenced_until == node::Uptime{0}) != (unfenced_until_.value_or(node::Uptime{0}) == node::Uptime{0});
  if (is_change)
    world_.trace.note(
        [&] { return name() + (unfenced_until == node::Uptime{0} ? " is fenced" : " is no longer fenced"); });
  unfenced_until_ = unfenced_until;
  if (!is_linked_) return;
  const bool was_preferred = is_preferred();
  plane_.unfenced_until = unfenced_until;
  if (is_preferred() != was_preferred) peers_.look_later();
}

void SimBalancer::pause(Time length) {
  if (!is_up() || is_paused()) return;
  ++world_.counters.pauses;
  world_.trace.note([&] { return fmt::format("{}: sluiced stands still for {} ms", name(), length.count() / 1000); });
  paused_until_ = world_.clock.now() + length;
  world_.clock.at(paused_until_, [this, mine = life_] {
    if (mine == life_) resume();
  });
}

void SimBalancer::resume() {
  const std::vector<Event> due = std::exchange(deferred_, {});
  for (const Event& event : due)
    if (is_up()) run(event);
  peers_.look_later();
}

void SimBalancer::heal() {
  stall_disk_until_ = unreachable_until_ = {};
  start_plane();
  start();
  paused_until_ = {};
  resume();
  if (is_up()) end_write();
}

void SimBalancer::later(Time delay, Event event) {
  if (!is_up()) return;
  world_.clock.after(delay, [this, mine = life_, event = std::move(event)] {
    if (mine == life_ && is_up()) deliver(event);
  });
}

void SimBalancer::deliver(const Event& event) {
  if (is_paused()) {
    deferred_.push_back(event);
  } else {
    run(event);
  }
}

void SimBalancer::run(const Event& event) {
  event(*node_);
  if (is_up()) after_event();
}

void SimBalancer::after_event() {
  if (!node_->replica().has_state()) return;
  const model::ClusterState& state = node_->replica().state();
  const std::pair seen(state.newest_generation(), state.active()->number);
  if (seen == generations_seen_) return;
  generations_seen_ = seen;
  world_.trace.note([&] { return fmt::format("{} has generation {}, active {}", name(), seen.first, seen.second); });
  cover_.has_generation(name(), *state.active());
  if (state.prepared()) cover_.has_generation(name(), *state.prepared());
  cover_.has_activated(seen.second);
  peers_.look_later();
}

void SimBalancer::schedule_tick() {
  const Time tick(static_cast<std::int64_t>(static_cast<double>(options_.base.tick.count()) / clock_rate_));
  later(tick, [this](node::Node& node) {
    node.on_tick();
    schedule_tick();
  });
}

void SimBalancer::receive(raft::NodeId from, ParcelKind kind, const std::string& bytes) {
  if (!is_up()) return;
  world_.trace.mix(bytes);
  if (kind == ParcelKind::raft) {
    deliver([this, bytes](node::Node& node) {
      auto message = raft::decode_message(bytes);
      if (!message) return fail("cannot read a message of ours: " + message.error().context);
      node.on_raft(std::move(*message));
    });
  } else {
    deliver([this, from, bytes](node::Node& node) {
      const auto message = node::decode_node_message(bytes);
      if (!message) return fail("cannot read a message of ours: " + message.error().context);
      node.on_node_message(from, *message);
    });
  }
}

void SimBalancer::write(const model::Change& change, node::Done<node::WriteReceipt> done) {
  if (!is_up()) return;
  deliver([change, done = std::move(done)](node::Node& node) { node.write(change, done); });
}

void SimBalancer::add_member(const raft::Member& member) {
  if (!is_up()) return;
  world_.trace.note([&] { return fmt::format("{} is asked to take {} in", name(), member.name); });
  ++world_.counters.membership_changes;
  deliver([member](node::Node& node) { node.add_member(member, [](const node::ApiResult<raft::LogIndex>&) {}); });
}

void SimBalancer::remove_member(const std::string& name) {
  if (!is_up()) return;
  world_.trace.note([&] { return fmt::format("{} is asked to remove {}", this->name(), name); });
  ++world_.counters.membership_changes;
  deliver([name](node::Node& node) { node.remove_member(name, [](const node::ApiResult<raft::LogIndex>&) {}); });
}

void SimBalancer::send(const raft::Message& message) {
  world_.oracle.sends(message);
  peers_.send(id(), message.to, ParcelKind::raft, raft::encode_message(message));
}

void SimBalancer::send_node(raft::NodeId to, const node::NodeMessage& message) {
  peers_.send(id(), to, ParcelKind::node, node::encode_node_message(message));
}

std::unique_ptr<node::Subscription> SimBalancer::call_after(std::chrono::milliseconds delay,
                                                            std::function<void()> then) {
  struct Timer final : node::Subscription {
    std::shared_ptr<const std::function<void()>> then;
  };
  auto timer = std::make_unique<Timer>();
  timer->then = std::make_shared<const std::function<void()>>(std::move(then));
  later(delay, [weak = std::weak_ptr(timer->then)](node::Node&) {
    if (const auto alive = weak.lock()) (*alive)();
  });
  return timer;
}

Time SimBalancer::disk_time() {
  if (world_.is_healed) return Time(1) + world_.up_to(milliseconds(1));
  return std::max(Time(1) + world_.up_to(options_.base.fsync_max), stall_disk_until_ - world_.clock.now());
}

void SimBalancer::write(raft::WriteBatch batch) {
  writing_ = std::move(batch);
  if (!writing_->is_empty()) ++world_.counters.batches;
  if (writing_->install) ++world_.counters.installs;
  const Time length = writing_->is_empty() ? Time(1) : disk_time();
  world_.clock.after(length, [this, mine = life_, write = ++writes_] {
    if (mine == life_ && write == writes_) end_write();
  });
}

void SimBalancer::end_write() {
  if (!writing_) return;
  world_.oracle.written(id(), disk_.write(*writing_));
  writing_.reset();
  deliver([](node::Node& node) { node.on_written(); });
}

void SimBalancer::make_snapshot(node::SnapshotOrder order) {
  ++world_.counters.compactions;
  later(Time(1) + world_.up_to(milliseconds(5)), [order = std::move(order)](node::Node& node) {
    node.on_snapshot_made(order.meta, std::make_shared<const std::string>(order.state->snapshot()));
  });
}

void SimBalancer::fail(const std::string& why) {
  world_.oracle.fail(fmt::format("STOPPED: {}: {}", name(), why));
}

}  // namespace sluice::sim
