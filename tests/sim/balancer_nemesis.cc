// SPDX-License-Identifier: Apache-2.0
#include "balancer_nemesis.h"

#include <fmt/format.h>

namespace sluice::sim {
namespace {

// Of one run, those that have left among them: each costs as much to look after as the first.
constexpr std::size_t balancers_max = 9;

}  // namespace

void BalancerNemesis::start() {
  const FaultRates& faults = options_.base.faults;
  every(faults.crash, &BalancerNemesis::crash);
  every(faults.restart_all, &BalancerNemesis::crash_all);
  every(faults.pause, &BalancerNemesis::pause);
  every(faults.partition, &BalancerNemesis::partition);
  every(faults.disk_stall, &BalancerNemesis::stall_disk);
  every(options_.machine_crash, &BalancerNemesis::crash_machine);
  every(options_.plane_crash, &BalancerNemesis::crash_plane);
  every(options_.plane_cut, &BalancerNemesis::cut_plane);
  every(options_.backend_death, &BalancerNemesis::kill_backend);
  every(faults.membership, &BalancerNemesis::change_members);
}

void BalancerNemesis::every(Time mean, Fault fault) {
  if (mean == Time{}) return;
  world_.clock.after(Time(1) + world_.up_to(2 * mean), [this, mean, fault] {
    if (world_.is_healed) return;
    (this->*fault)();
    every(mean, fault);
  });
}

void BalancerNemesis::crash() {
  // The leader as often as all others together.
  SimBalancer* one = world_.random.percent(50) ? cluster_.leader() : cluster_.any_running();
  if (one != nullptr)
    one->crash(world_.up_to(
        world_.random.one_of({milliseconds(5), milliseconds(300), milliseconds(3000), milliseconds(9000)})));
}

void BalancerNemesis::crash_all() {
  for (SimBalancer* one : cluster_.running()) one->crash(world_.up_to(milliseconds(500)));
}

void BalancerNemesis::crash_machine() {
  victim()->lose_power(world_.between(milliseconds(100), seconds(3)));
}

void BalancerNemesis::crash_plane() {
  victim()->crash_plane(world_.up_to(world_.random.one_of({milliseconds(10), milliseconds(500), milliseconds(5000)})));
}

void BalancerNemesis::cut_plane() {
  victim()->cut_plane(world_.up_to(world_.random.one_of({milliseconds(10), milliseconds(500), milliseconds(5000)})));
}

void BalancerNemesis::pause() {
  SimBalancer* one = world_.random.percent(50) ? cluster_.leader() : cluster_.any_running();
  if (one != nullptr) one->pause(world_.between(milliseconds(100), seconds(5)));
}

void BalancerNemesis::stall_disk() {
  victim()->stall_disk(seconds(2));
}

void BalancerNemesis::kill_backend() {
  const std::string identity = fmt::format("b{0}@10.0.0.{0}", 1 + world_.random.below(options_.backends_most));
  world_.trace.note([&] { return identity + " loses all connections"; });
  cluster_.cover().backend_dies(identity);
  world_.clock.after(world_.up_to(seconds(3)), [this, identity] {
    cluster_.cover().backend_returns(identity);
    cluster_.look_later();
  });
}

// Whoever is asked may not lead, nor belong to the cluster.
void BalancerNemesis::change_members() {
  SimBalancer* asked = cluster_.any_running();
  if (asked == nullptr) return;
  if (world_.random.percent(50)) {
    add_member(*asked);
  } else {
    remove_member(*asked);
  }
}

// A machine with an empty store: one that was not taken in, or another one.
void BalancerNemesis::add_member(SimBalancer& asked) {
  if (const std::optional<raft::Member> spare = cluster_.any_newcomer(); spare && world_.random.percent(50)) {
    asked.add_member(*spare);
  } else if (cluster_.balancers().size() < balancers_max) {
    asked.add_member(cluster_.add_balancer());
  }
}

// They run on, and nobody tells them. Some are left, or there is nothing to see: half as many as there were founders.
void BalancerNemesis::remove_member(SimBalancer& asked) {
  const SimBalancer* leading = cluster_.leader();
  if (leading == nullptr || 2 * leading->status().configuration.members.size() <= options_.base.nodes) return;
  asked.remove_member(victim()->name());
}

// Mostly one who belongs to the cluster.
SimBalancer* BalancerNemesis::victim() {
  SimBalancer* member = world_.random.percent(75) ? cluster_.any_member() : nullptr;
  return member != nullptr ? member : cluster_.any();
}

void BalancerNemesis::partition() {
  const std::vector<SimBalancer*> all = cluster_.running();
  if (!cluster_.is_whole() || all.size() < 2) return;
  ++world_.counters.partitions;
  SimBalancer* leading = cluster_.leader();
  switch (world_.random.below(4)) {
    case 0:
      if (leading != nullptr) isolate(*leading, all);
      break;
    case 1:
      isolate(*victim(), all);
      break;
    case 2:
      split(all);
      break;
    default:
      cut_ways(all);
      break;
  }
  world_.clock.after(world_.between(milliseconds(200), seconds(8)), [this] {
    if (world_.is_healed) return;
    world_.trace.note([] { return std::string("the network is whole again"); });
    cluster_.mend();
  });
}

// Both ways, or only out, or only in.
void BalancerNemesis::isolate(const SimBalancer& alone, const std::vector<SimBalancer*>& all) {
  const std::uint32_t ways = 1 + world_.random.below(3);
  world_.trace.note([&] {
    return fmt::format("{} is alone ({})", alone.name(),
                       ways == 3   ? "both ways"
                       : ways == 1 ? "it hears nothing"
                                   : "nobody hears it");
  });
  for (const SimBalancer* other : all) {
    if (other == &alone) continue;
    if ((ways & 1) != 0) cluster_.cut(other->id(), alone.id());
    if ((ways & 2) != 0) cluster_.cut(alone.id(), other->id());
  }
}

void BalancerNemesis::split(const std::vector<SimBalancer*>& all) {
  const std::uint64_t sides = world_.random.next();
  world_.trace.note([&] { return fmt::format("the network is split, {:b}", sides & ((1U << all.size()) - 1)); });
  for (std::size_t a = 0; a < all.size(); ++a)
    for (std::size_t b = 0; b < all.size(); ++b)
      if ((sides >> a & 1) != (sides >> b & 1)) cluster_.cut(all[a]->id(), all[b]->id());
}

void BalancerNemesis::cut_ways(const std::vector<SimBalancer*>& all) {
  const auto count = static_cast<std::uint32_t>(all.size());
  for (std::uint32_t i = 0; i < count; ++i) {
    const SimBalancer* from = all[world_.random.below(count)];
    const SimBalancer* to = all[world_.random.below(count)];
    world_.trace.note([&] { return fmt::format("nothing gets from {} to {}", from->name(), to->name()); });
    cluster_.cut(from->id(), to->id());
  }
}

void BalancerNemesis::heal() {
  world_.trace.note([] { return std::string("---- everything is well from here on ----"); });
  world_.is_healed = true;
  cluster_.mend();
  cluster_.bring_all();
  for (const auto& one : cluster_.balancers()) one->heal();
}

}  // namespace sluice::sim
