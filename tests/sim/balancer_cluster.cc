// SPDX-License-Identifier: Apache-2.0
#include "balancer_cluster.h"

#include <algorithm>

#include "raft_codec.h"

namespace sluice::sim {
namespace {

raft::StoredState founding_state(const raft::Configuration& founders, const BalancerOptions& options) {
  model::ClusterSeed seed;
  seed.cluster_id = "0123456789abcdef0123456789abcdef";
  seed.name = "simulated";
  seed.policy.lease_ms = static_cast<std::uint32_t>(options.lease / milliseconds(1));
  seed.policy.batch_ms = static_cast<std::uint32_t>(options.batch / milliseconds(1));
  // Clients change half of a small pool at once, and mean it.
  seed.policy.deletions_percent_max = 100;
  const auto state = model::ClusterState::make(seed);
  return raft::bootstrap_state(founders, std::make_shared<const std::string>(state->snapshot()));
}

}  // namespace

BalancerCluster::BalancerCluster(SimWorld& world, const BalancerOptions& options) : world_(world), options_(options) {}

void BalancerCluster::found() {
  raft::Configuration founders;
  for (std::uint32_t i = 0; i < options_.base.nodes; ++i)
    founders.members.push_back(
        {raft::NodeId(world_.random.next()), raft::MemberRole::voter, "n" + std::to_string(i + 1), "192.0.2.1:7471"});
  std::sort(founders.members.begin(), founders.members.end(),
            [](const raft::Member& a, const raft::Member& b) { return a.id < b.id; });
  for (std::size_t i = 0; i < founders.members.size(); ++i) founders.members[i].name = "n" + std::to_string(i + 1);
  const raft::StoredState state = founding_state(founders, options_);
  for (const raft::Member& member : founders.members) {
    balancers_.push_back(std::make_unique<SimBalancer>(world_, options_, *this, cover_, member, state));
    balancers_.back()->start_after(world_.up_to(milliseconds(500)));
  }
}

raft::Member BalancerCluster::add_balancer() {
  const raft::Member member{raft::NodeId(world_.random.next()), raft::MemberRole::learner,
                            "n" + std::to_string(balancers_.size() + 1), "192.0.2.1:7471"};
  balancers_.push_back(std::make_unique<SimBalancer>(world_, options_, *this, cover_, member, raft::StoredState{}));
  balancers_.back()->start_after(world_.up_to(milliseconds(500)));
  newcomers_.emplace(member.id, member);
  return member;
}

std::optional<raft::Member> BalancerCluster::any_newcomer() const {
  const SimBalancer* leading = leader();
  if (leading == nullptr) return std::nullopt;
  const raft::Configuration configuration = leading->status().configuration;
  std::vector<raft::Member> spare;
  for (const auto& [id, member] : newcomers_) {
    const auto& removed = configuration.removed;
    if (configuration.find(id) == nullptr && std::find(removed.begin(), removed.end(), id) == removed.end())
      spare.push_back(member);
  }
  if (spare.empty()) return std::nullopt;
  return spare[world_.random.below(static_cast<std::uint32_t>(spare.size()))];
}

void BalancerCluster::run_until(Time end) {
  while (!world_.oracle.failure() && world_.clock.run_next(end)) {
    // Between two things of one moment no packet comes.
    if (is_look_due_) look();
    if (cover_.failure()) world_.oracle.fail(*cover_.failure());
  }
}

void BalancerCluster::look() {
  is_look_due_ = false;
  std::vector<ChainCover::Forwarding> all;
  for (const auto& one : balancers_)
    if (one->is_preferred()) {
      all.push_back({one->name(), one->plane().form()});
      world_.counters.newcomers += newcomers_.erase(one->id());
    }
  cover_.look(all);
}

std::vector<SimBalancer*> BalancerCluster::running() const {
  std::vector<SimBalancer*> running;
  for (const auto& one : balancers_)
    if (one->is_up()) running.push_back(one.get());
  return running;
}

SimBalancer* BalancerCluster::any() const {
  return balancers_[world_.random.below(static_cast<std::uint32_t>(balancers_.size()))].get();
}

SimBalancer* BalancerCluster::any_running() const {
  const std::vector<SimBalancer*> all = running();
  return all.empty() ? nullptr : all[world_.random.below(static_cast<std::uint32_t>(all.size()))];
}

SimBalancer* BalancerCluster::any_member() const {
  const SimBalancer* leading = leader();
  if (leading == nullptr) return nullptr;
  std::vector<SimBalancer*> all = running();
  const raft::RaftStatus status = leading->status();
  std::erase_if(all, [&](const SimBalancer* one) { return status.configuration.find(one->id()) == nullptr; });
  return all.empty() ? nullptr : all[world_.random.below(static_cast<std::uint32_t>(all.size()))];
}

SimBalancer* BalancerCluster::leader() const {
  SimBalancer* leading = nullptr;
  raft::Term newest;
  for (SimBalancer* one : running()) {
    const raft::RaftStatus status = one->status();
    if (status.role != raft::Role::leader || status.term < newest) continue;
    newest = status.term;
    leading = one;
  }
  if (leading == nullptr) return nullptr;
  const raft::RaftStatus leads = leading->status();
  for (const SimBalancer* one : running()) {
    if (leads.configuration.find(one->id()) == nullptr) continue;
    const raft::RaftStatus status = one->status();
    if (status.leader != leading->id() || status.term != newest) return nullptr;
  }
  return leading;
}

// Loss, lateness and repetition as for the bare cores (sim_network.cc); reports and requests fare no better.
void BalancerCluster::send(raft::NodeId from, raft::NodeId to, ParcelKind kind, std::string bytes) {
  ++world_.counters.messages;
  const SimOptions& options = options_.base;
  if (world_.is_healed) return deliver_after(milliseconds(2), from, to, kind, bytes);
  if (world_.random.percent(options.drop_percent)) {
    ++world_.counters.dropped;
  } else {
    deliver_after(world_.between(options.delay_min, options.delay_max), from, to, kind, bytes);
  }
  if (world_.random.percent(options.duplicate_percent))
    deliver_after(world_.between(options.delay_min, options.delay_max), from, to, kind, bytes);
  if (world_.random.percent(options.late_percent))
    deliver_after(world_.between(milliseconds(200), late_max), from, to, kind, bytes);
}

void BalancerCluster::deliver_after(Time delay, raft::NodeId from, raft::NodeId to, ParcelKind kind,
                                    const std::string& bytes) {
  const std::pair way(from, to);
  if (cut_.contains(way)) {
    ++world_.counters.dropped;
    return;
  }
  const std::uint64_t number = ++last_parcel_;
  on_their_way_.emplace(number, Parcel{way, kind, bytes});
  world_.clock.after(delay, [this, number] { bring(number); });
}

void BalancerCluster::bring(std::uint64_t number) {
  const auto parcel = on_their_way_.extract(number);
  if (parcel.empty() || cut_.contains(parcel.mapped().way)) return;
  const auto& [way, kind, bytes] = parcel.mapped();
  const auto receiver = std::find_if(balancers_.begin(), balancers_.end(),
                                     [to = way.second](const auto& one) { return one->id() == to; });
  if (receiver != balancers_.end()) (*receiver)->receive(way.first, kind, bytes);
}

void BalancerCluster::bring_all() {
  for (const auto& [number, parcel] : on_their_way_)
    world_.clock.after(milliseconds(2), [this, number = number] { bring(number); });
}

}  // namespace sluice::sim
