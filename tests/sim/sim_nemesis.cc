// SPDX-License-Identifier: Apache-2.0
#include "sim_nemesis.h"

#include <fmt/format.h>

namespace sluice::sim {

void SimNemesis::start() {
  const FaultRates& faults = world_.options.faults;
  every(faults.crash, &SimNemesis::crash);
  every(faults.restart_all, &SimNemesis::restart_all);
  every(faults.pause, &SimNemesis::pause);
  every(faults.partition, &SimNemesis::partition);
  every(faults.disk_stall, &SimNemesis::stall_disk);
  every(faults.write_error, &SimNemesis::break_write);
  every(faults.disk_full, &SimNemesis::fill_disk);
  every(faults.compaction, &SimNemesis::compact);
}

void SimNemesis::every(Time mean, Fault fault) {
  if (mean == Time{}) return;
  world_.clock.after(Time(1) + world_.up_to(2 * mean), [this, mean, fault] {
    if (world_.is_healed) return;
    (this->*fault)();
    every(mean, fault);
  });
}

void SimNemesis::crash_and_restart(SimNode& node, Time down_max) {
  node.crash("killed");
  world_.clock.after(world_.up_to(down_max), [this, &node] { cluster_.restart(node); });
}

void SimNemesis::crash() {
  if (SimNode* node = cluster_.any_running())
    crash_and_restart(*node, world_.random.one_of({milliseconds(5), milliseconds(300), milliseconds(3000)}));
}

void SimNemesis::restart_all() {
  const Time down = world_.random.one_of({milliseconds(1), milliseconds(500)});
  for (SimNode* node : cluster_.running()) crash_and_restart(*node, down);
}

void SimNemesis::pause() {
  if (SimNode* node = cluster_.any_running()) node->pause(world_.between(milliseconds(100), seconds(5)));
}

void SimNemesis::stall_disk() {
  if (SimNode* node = cluster_.any_running()) node->stall_disk(seconds(2));
}

void SimNemesis::fail_next_write(DiskFault fault, Time down_max) {
  SimNode* node = cluster_.any_running();
  if (node == nullptr) return;
  node->set_disk_fault(fault);
  // The supervisor looks again and again; a node whose disk is still full would only fail again.
  const Time down = world_.between(milliseconds(100), down_max);
  for (Time when = down; when < 4 * down; when += down)
    world_.clock.after(when, [this, node] { cluster_.restart(*node); });
}

void SimNemesis::break_write() {
  fail_next_write(DiskFault::write_error, seconds(1));
}
void SimNemesis::fill_disk() {
  fail_next_write(DiskFault::full, seconds(4));
}

void SimNemesis::compact() {
  if (SimNode* node = cluster_.any_running()) {
    node->compact();
    // Two in a row: the second comes while the first is being written.
    if (world_.random.percent(20)) world_.clock.after(world_.up_to(milliseconds(30)), [node] { node->compact(); });
  }
}

void SimNemesis::partition() {
  const std::vector<SimNode*> nodes = cluster_.running();
  if (!cluster_.network().is_whole() || nodes.size() < 2) return;
  ++world_.counters.partitions;
  const std::vector<SimNode*> leaders = cluster_.leaders();
  switch (world_.random.below(4)) {
    case 0:
      if (!leaders.empty()) isolate(*leaders.back(), nodes);
      break;
    case 1:
      isolate(*nodes[world_.random.below(static_cast<std::uint32_t>(nodes.size()))], nodes);
      break;
    case 2:
      split(nodes);
      break;
    default:
      for (std::size_t i = 0; i < nodes.size(); ++i) cut_random_way(nodes);
      break;
  }
  world_.clock.after(world_.between(milliseconds(200), seconds(6)), [this] {
    if (world_.is_healed) return;
    world_.trace.note([] { return std::string("the network is whole again"); });
    cluster_.network().mend();
  });
}

void SimNemesis::cut_random_way(const std::vector<SimNode*>& nodes) {
  const auto count = static_cast<std::uint32_t>(nodes.size());
  const SimNode* from = nodes[world_.random.below(count)];
  const SimNode* to = nodes[world_.random.below(count)];
  world_.trace.note([&] {
    return fmt::format("nothing gets from {} to {}", world_.trace.name_of(from->id()), world_.trace.name_of(to->id()));
  });
  cluster_.network().cut(from->id(), to->id());
}

// Cut off from all others: both ways, or only out, or only in.
void SimNemesis::isolate(const SimNode& alone, const std::vector<SimNode*>& nodes) {
  const std::uint32_t ways = 1 + world_.random.below(3);
  world_.trace.note([&] {
    return fmt::format("{} is alone ({})", world_.trace.name_of(alone.id()),
                       ways == 3   ? "both ways"
                       : ways == 1 ? "it hears nothing"
                                   : "nobody hears it");
  });
  for (const SimNode* other : nodes) {
    if (other == &alone) continue;
    if ((ways & 1) != 0) cluster_.network().cut(other->id(), alone.id());
    if ((ways & 2) != 0) cluster_.network().cut(alone.id(), other->id());
  }
}

void SimNemesis::split(const std::vector<SimNode*>& nodes) {
  const std::uint64_t sides = world_.random.next();
  std::string one_side;
  for (std::size_t a = 0; a < nodes.size(); ++a) {
    if ((sides >> a & 1) != 0) one_side += " " + world_.trace.name_of(nodes[a]->id());
    for (std::size_t b = 0; b < nodes.size(); ++b)
      if ((sides >> a & 1) != (sides >> b & 1)) cluster_.network().cut(nodes[a]->id(), nodes[b]->id());
  }
  world_.trace.note([&] { return "the network is split:" + one_side + " on one side"; });
}

void SimNemesis::heal() {
  world_.trace.note([] { return std::string("---- everything is well from here on ----"); });
  world_.is_healed = true;
  cluster_.network().mend();
  // A message that was late for seconds is a fault like the others: an append of a leader of the past keeps others from
  // standing for election, a request to take over unseats its sender.
  cluster_.network().bring_all();
  for (const auto& node : cluster_.nodes()) {
    node->heal();
    cluster_.restart(*node);
  }
}

}  // namespace sluice::sim
