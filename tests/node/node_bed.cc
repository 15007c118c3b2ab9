// SPDX-License-Identifier: Apache-2.0
#include "node_bed.h"

#include <algorithm>
#include <utility>

namespace sluice::node {
namespace {

raft::StoredState founding_state(std::size_t count) {
  raft::Configuration configuration;
  for (std::size_t i = 0; i < count; ++i)
    configuration.members.push_back(
        {raft::NodeId(i + 1), raft::MemberRole::voter, "lb" + std::to_string(i + 1), "192.0.2.1:7471"});
  model::ClusterSeed seed;
  seed.cluster_id = "0123456789abcdef0123456789abcdef";
  seed.name = "test";
  const auto state = model::ClusterState::make(seed);
  return raft::bootstrap_state(configuration, std::make_shared<const std::string>(state->snapshot()));
}

}  // namespace

NodeBed::NodeBed(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    hosts_.push_back(std::make_unique<Host>(*this, i, "lb" + std::to_string(i + 1), founding_state(count)));
  for (const auto& host : hosts_) host->start();
}

NodeBed::~NodeBed() = default;

Node& NodeBed::node(std::size_t index) {
  return *hosts_.at(index)->node;
}

NodeBed::Host& NodeBed::host(std::size_t index) {
  return *hosts_.at(index);
}

std::optional<std::size_t> NodeBed::leader() const {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    const raft::RaftStatus status = hosts_[i]->node->replica().status();
    if (is_deaf(i) || status.role != raft::Role::leader) continue;
    if (!found || status.term > hosts_[*found]->node->replica().status().term) found = i;
  }
  return found;
}

// One tick of the clock, and all that follows from it.
void NodeBed::step() {
  run_timers_until(now_ + Uptime{10});
  for (std::size_t i = 0; i < hosts_.size(); ++i)
    if (!stopped_.contains(i)) hosts_[i]->node->on_tick();
  drain();
}

void NodeBed::run_timers_until(Uptime end) {
  drain();
  while (!timers_.empty() && timers_.begin()->first <= end) {
    const auto timer = timers_.extract(timers_.begin());
    const Due& due = timer.mapped();
    if (stopped_.contains(due.index)) {
      timers_.emplace(end + Uptime{10}, due);
      continue;
    }
    now_ = std::max(now_, timer.key());
    if (const auto then = due.then.lock()) (*then)();
    drain();
  }
  now_ = end;
}

void NodeBed::drain() {
  for (std::size_t guard = 0; !queue_.empty() && guard < 100000; ++guard) {
    const std::function<void()> action = std::move(queue_.front());
    queue_.pop_front();
    action();
  }
}

bool NodeBed::run_until(const std::function<bool()>& done, Uptime limit) {
  for (const Uptime end = now_ + limit; now_ < end;) {
    if (done()) return true;
    step();
  }
  return done();
}

void NodeBed::run_for(Uptime length) {
  for (const Uptime end = now_ + length; now_ < end;) step();
}

bool NodeBed::elect() {
  return run_until([this] { return leader().has_value(); });
}

void NodeBed::restart(std::size_t index) {
  hosts_.at(index)->start();
}

std::size_t NodeBed::add_process(const std::string& name) {
  hosts_.push_back(std::make_unique<Host>(*this, hosts_.size(), name, raft::StoredState{}));
  hosts_.back()->start();
  return hosts_.size() - 1;
}

ApiResult<WriteReceipt> NodeBed::write(std::size_t index, std::vector<model::Operation> operations) {
  model::Change change;
  change.author = {"tester", "admin", "unix"};
  change.operations = std::move(operations);
  std::optional<ApiResult<WriteReceipt>> answer;
  node(index).write(std::move(change), [&answer](ApiResult<WriteReceipt> result) { answer = std::move(result); });
  run_until([&answer] { return answer.has_value(); });
  if (!answer) return api_error(ApiCode::internal, "no answer at all");
  return *answer;
}

NodeBed::Host::Host(NodeBed& bed, std::size_t index, std::string name, raft::StoredState disk)
    : bed_(bed), index_(index), name_(std::move(name)), disk_(std::move(disk)), random_(index * 7919 + 1) {}

void NodeBed::Host::start() {
  ++life_;
  NodeOptions options;
  options.name = name_;
  options.replica.raft.id = id();
  options.replica.raft.trailing_entries = 5;
  options.replica.snapshot_entries = 20;
  node.reset();
  auto made = Node::make(options, disk_, *this);
  if (!made) {
    failure = made.error().context;
    return;
  }
  node = std::move(*made);
  later([](Node& one) { one.on_plane_connected("test", Generation(0), StatePhase::active); });
}

raft::Member NodeBed::Host::member() const {
  return {id(), raft::MemberRole::learner, name_, "192.0.2.1:7471"};
}

void NodeBed::Host::later(std::function<void(Node&)> event) {
  bed_.queue_.emplace_back([this, life = life_, event = std::move(event)] {
    if (life == life_) event(*node);
  });
}

void NodeBed::Host::send(const raft::Message& message) {
  const std::size_t to = message.to.value() - 1;
  bed_.queue_.emplace_back([this, to, bytes = raft::encode_message(message)] {
    if (bed_.is_deaf(index_) || bed_.is_deaf(to) || to >= bed_.size()) return;
    bed_.node(to).on_raft(*raft::decode_message(bytes));
  });
}

void NodeBed::Host::send_node(raft::NodeId receiver, const NodeMessage& message) {
  const std::size_t to = receiver.value() - 1;
  if (const auto* forward = std::get_if<Forward>(&message)) last_forward = forward->number;
  bed_.queue_.emplace_back([this, to, bytes = encode_node_message(message)] {
    if (bed_.is_deaf(index_) || bed_.is_deaf(to) || to >= bed_.size()) return;
    bed_.node(to).on_node_message(id(), *decode_node_message(bytes));
  });
}

void NodeBed::Host::write(raft::WriteBatch batch) {
  later([this, batch = std::move(batch)](Node& one) {
    to_disk(batch);
    one.on_written();
  });
}

void NodeBed::Host::to_disk(const raft::WriteBatch& batch) {
  if (batch.hard_state) disk_.hard_state = *batch.hard_state;
  if (batch.install) {
    disk_.snapshot = batch.install;
    disk_.entries.clear();
  }
  if (batch.truncate_from)
    std::erase_if(disk_.entries, [&](const raft::Entry& one) { return one.index >= *batch.truncate_from; });
  disk_.entries.insert(disk_.entries.end(), batch.append.begin(), batch.append.end());
  if (batch.compact) {
    disk_.snapshot = batch.compact;
    std::erase_if(disk_.entries, [&](const raft::Entry& one) { return one.index < batch.first_kept; });
  }
}

void NodeBed::Host::make_snapshot(SnapshotOrder order) {
  later([order = std::move(order)](Node& one) {
    one.on_snapshot_made(order.meta, std::make_shared<const std::string>(order.state->snapshot()));
  });
}

void NodeBed::Host::publish(std::shared_ptr<const ForwardingState> state) {
  if (plane_holds) {
    held_ = std::move(state);
  } else {
    take_over(state);
  }
}

void NodeBed::Host::release_plane() {
  plane_holds = false;
  if (held_) take_over(std::exchange(held_, nullptr));
}

void NodeBed::Host::take_over(const std::shared_ptr<const ForwardingState>& state) {
  later([this, state](Node& one) {
    if (!plane_answers) return one.on_plane_lost();
    published.push_back(state);
    one.on_published();
  });
}

void NodeBed::Host::explain(ExplainQuery, Done<std::string> done) {
  done(std::string("{}"));
}

std::unique_ptr<Subscription> NodeBed::Host::call_after(std::chrono::milliseconds delay, std::function<void()> then) {
  auto timer = std::make_unique<Timer>();
  timer->then = std::make_shared<std::function<void()>>(std::move(then));
  bed_.timers_.emplace(bed_.now_ + delay, Due{index_, timer->then});
  return timer;
}

std::chrono::system_clock::time_point NodeBed::Host::wall_clock() const {
  return std::chrono::system_clock::time_point(bed_.now_);
}

std::uint64_t NodeBed::Host::random() {
  // splitmix64 (Steele, Lea and Flood, 2014): enough for a test, and the same everywhere.
  random_ += 0x9e3779b97f4a7c15;
  std::uint64_t mixed = random_;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

}  // namespace sluice::node
