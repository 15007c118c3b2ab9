// SPDX-License-Identifier: Apache-2.0
#include "fake_port.h"

#include <utility>

#include "write_outcome.h"

namespace sluice::api {
namespace {

using node::ApiCode;

model::ClusterSeed seed() {
  model::ClusterSeed seed;
  seed.cluster_id = "c0ffee";
  seed.name = "edge";
  seed.hash_key[0] = 1;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    model::BalancerRecord balancer;
    balancer.name = "lb" + std::to_string(i);
    balancer.node_id = i;
    seed.balancers.push_back(balancer);
  }
  return seed;
}

}  // namespace

class FakePort::TimerHold : public node::Subscription {
 public:
  TimerHold(std::list<Timer>& timers, std::list<Timer>::iterator timer) : timers_(timers), timer_(timer) {}
  ~TimerHold() override { timers_.erase(timer_); }

 private:
  std::list<Timer>& timers_;
  std::list<Timer>::iterator timer_;
};

class FakePort::FeedHold : public node::Subscription {
 public:
  FeedHold(std::list<node::EventFeed>& feeds, std::list<node::EventFeed>::iterator feed) : feeds_(feeds), feed_(feed) {}
  ~FeedHold() override { feeds_.erase(feed_); }

 private:
  std::list<node::EventFeed>& feeds_;
  std::list<node::EventFeed>::iterator feed_;
};

FakePort::FakePort() : state_(model::ClusterState::make(seed()).value()) {
  for (std::uint64_t i = 1; i <= 3; ++i) {
    node::NodeStatus node;
    node.id = raft::NodeId(i);
    node.name = "lb" + std::to_string(i);
    node.address = "192.0.2." + std::to_string(i) + ":7946";
    node.plane = "xdp";
    node.is_live = true;
    node.version = "0.1.0";
    nodes_.push_back(node);
  }
}

node::ApiError FakePort::leaderless() const {
  return node::api_error(ApiCode::no_leader,
                         "no leader: 1 of 3 balancers reachable; forwarding goes on with generation " +
                             std::to_string(state_.active()->number));
}

model::Outcome FakePort::apply(const model::Change& change) {
  const model::Outcome outcome = state_.apply(++index_, model::Command(change));
  while (state_.has_pending()) {
    const std::uint64_t next = state_.active()->number + 1;
    (void)state_.apply(++index_, model::Command(model::Prepare{next}));
    (void)state_.apply(++index_, model::Command(model::Activate{next, {}}));
    emit("generation", "generation " + std::to_string(next) + " is active");
  }
  return outcome;
}

void FakePort::write(model::Change change, node::Done<node::WriteReceipt> done) {
  if (keeps_silent) return kept_.push_back([done] { (void)done; });
  if (!has_leader) return done(leaderless());
  if (before_write) std::exchange(before_write, nullptr)();
  change.time_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(time_.time_since_epoch()).count());
  changes.push_back(change);
  const model::Outcome outcome = apply(change);
  if (outcome.code == model::OutcomeCode::accepted) emit("write", change.author.name + ": " + summary_of(change));
  done(node::receipt_of(outcome));
}

void FakePort::read(node::Consistency consistency, node::Done<node::StateView> done) {
  ++reads;
  if (!has_leader && consistency == node::Consistency::consistent) return done(leaderless());
  done(node::StateView{state_, raft::LogIndex(index_), std::chrono::milliseconds(has_leader ? 0 : 4000)});
}

node::ClusterStatus FakePort::status() const {
  node::ClusterStatus status;
  status.cluster_id = state_.cluster_id();
  status.cluster_name = state_.name();
  status.self = raft::NodeId(1);
  status.leader = has_leader ? leader_ : raft::NodeId();
  status.term = raft::Term(7);
  status.commit = raft::LogIndex(index_);
  status.generation = Generation(state_.active()->number);
  status.revision = state_.revision();
  status.voters = 3;
  status.quorum = 2;
  status.reachable = has_leader ? 3 : 1;
  status.is_plane_published = state_.active()->number != 0;
  if (!has_leader) status.reason = "1 of 3 balancers reachable";
  status.nodes = nodes_;
  for (node::NodeStatus& each : status.nodes) {
    each.role = has_leader && each.id == leader_ ? node::NodeRole::leader : each.role;
    each.applied = raft::LogIndex(index_);
    each.generation = status.generation;
    each.table_hash = state_.active()->table_hash;
    if (!has_leader && each.id != status.self) each.is_live = false;
  }
  return status;
}

void FakePort::wait_live(Generation generation, std::chrono::milliseconds,
                         std::function<void(const node::LiveProgress&)> progress, node::Done<node::LiveProgress> done) {
  const node::LiveProgress live{generation, live_planes, 3};
  if (progress) progress(live);
  if (live_planes == 3) return done(live);
  done(node::api_error(ApiCode::timeout, "not live everywhere in time"));
}

std::unique_ptr<node::Subscription> FakePort::subscribe_events(std::optional<std::uint64_t> after,
                                                               node::EventFeed feed) {
  if (after && !events_.empty() && *after + 1 < events_.front().index && *after != 0)
    feed.gap(*after, events_.front().index);
  for (const node::Event& event : events_) {
    if (after && event.index > *after) feed.event(event);
  }
  return std::make_unique<FeedHold>(feeds_, feeds_.insert(feeds_.end(), std::move(feed)));
}

void FakePort::emit(const std::string& kind, const std::string& text) {
  constexpr std::size_t ring = 16;
  events_.push_back({++event_index_, time_, kind, text, {{"revision", std::to_string(state_.revision())}}});
  if (events_.size() > ring) events_.pop_front();
  for (const node::EventFeed& feed : feeds_) feed.event(events_.back());
}

void FakePort::add_member(raft::Member member, node::Done<raft::LogIndex> done) {
  if (!has_leader) return done(leaderless());
  for (const node::NodeStatus& each : nodes_) {
    if (each.name == member.name)
      return done(node::api_error(ApiCode::conflict, "there is a member named \"" + member.name + "\""));
  }
  node::NodeStatus node;
  node.id = member.id;
  node.name = member.name;
  node.address = member.address;
  node.role = node::NodeRole::learner;
  nodes_.push_back(node);
  done(raft::LogIndex(++index_));
}

void FakePort::promote_member(std::string name, node::Done<raft::LogIndex> done) {
  for (node::NodeStatus& each : nodes_) {
    if (each.name != name) continue;
    each.role = node::NodeRole::voter;
    return done(raft::LogIndex(++index_));
  }
  done(node::api_error(ApiCode::not_found, "no member \"" + name + "\""));
}

void FakePort::remove_member(std::string name, node::Done<raft::LogIndex> done) {
  const auto gone = std::erase_if(nodes_, [&](const node::NodeStatus& each) { return each.name == name; });
  if (gone == 0) return done(node::api_error(ApiCode::not_found, "no member \"" + name + "\""));
  done(raft::LogIndex(++index_));
}

void FakePort::transfer_leadership(std::string to, node::Done<raft::LogIndex> done) {
  for (const node::NodeStatus& each : nodes_) {
    if (each.name != to) continue;
    leader_ = each.id;
    return done(raft::LogIndex(index_));
  }
  done(node::api_error(ApiCode::not_found, "no member \"" + to + "\""));
}

void FakePort::snapshot(node::Done<std::shared_ptr<const std::string>> done) {
  done(std::make_shared<const std::string>(state_.snapshot()));
}

std::unique_ptr<node::Subscription> FakePort::call_after(std::chrono::milliseconds delay, std::function<void()> then) {
  return std::make_unique<TimerHold>(timers_, timers_.insert(timers_.end(), {time_ + delay, std::move(then)}));
}

void FakePort::advance(std::chrono::milliseconds by) {
  time_ += by;
  std::vector<std::function<void()>> due;
  for (Timer& timer : timers_) {
    if (timer.then && timer.due <= time_) due.push_back(std::exchange(timer.then, nullptr));
  }
  for (const auto& then : due) then();
}

void FakePort::explain(node::ExplainQuery query, node::Done<std::string> done) {
  if (query.destination != "203.0.113.10:80")
    return done(node::api_error(ApiCode::invalid, query.destination + " is no destination of this fake"));
  done(
      std::string(R"({"vip":"203.0.113.10:80/tcp","service":"http","pool":"web","slot":7,"slots":16381,"generation":1,)"
                  R"("backend":"b1","backend_address":"10.0.1.11","encapsulation":"ipip","candidates":["b1"],)"
                  R"("remembered":false,"verdict":"forward","reason":"forwarded","reason_text":"sent to a backend"})"));
}

std::vector<node::Metric> FakePort::metrics() const {
  return {{"sluice_rx_packets_total", "Packets received.", node::Metric::Kind::counter, {{{{"plane", "xdp"}}, 12}}}};
}

void fill_sample(FakePort& port) {
  model::Change change;
  change.author = {"setup", "admin", "unix"};
  PoolConfig web;
  web.name = "web";
  web.slots_count = 16381;
  web.members = {{"b1", *IpAddress::parse("10.0.1.11"), 100}, {"b2", *IpAddress::parse("10.0.1.12"), 100}};
  change.operations.emplace_back(model::PutPool{web, model::PutMode::create});
  PoolConfig spare;
  spare.name = "spare";
  spare.slots_count = 16381;
  change.operations.emplace_back(model::PutPool{spare, model::PutMode::create});
  model::ServiceRecord http;
  http.config.name = "http";
  http.config.address = *IpAddress::parse("203.0.113.10");
  http.config.port = PortHost(80);
  http.pool = "web";
  change.operations.emplace_back(model::PutService{http, model::PutMode::create});
  port.write(change, [](const node::ApiResult<node::WriteReceipt>&) {});
}

}  // namespace sluice::api
