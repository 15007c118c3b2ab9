// SPDX-License-Identifier: Apache-2.0
#include "simulation.h"

#include <fmt/format.h>

#include <algorithm>

#include "register_clients.h"
#include "sim_cluster.h"
#include "sim_nemesis.h"
#include "sim_operator.h"

namespace sluice::sim {

using namespace raft;

Counters& Counters::operator+=(const Counters& other) {
  messages += other.messages;
  dropped += other.dropped;
  batches += other.batches;
  elections += other.elections;
  commits += other.commits;
  installs += other.installs;
  truncations += other.truncations;
  compactions += other.compactions;
  crashes += other.crashes;
  batches_lost += other.batches_lost;
  disk_failures += other.disk_failures;
  rotten_disks += other.rotten_disks;
  pauses += other.pauses;
  partitions += other.partitions;
  membership_changes += other.membership_changes;
  transfers += other.transfers;
  reads += other.reads;
  generations += other.generations;
  outlived += other.outlived;
  newcomers += other.newcomers;
  unhealable += other.unhealable;
  return *this;
}

std::string text_of(const Counters& c) {
  return fmt::format(
      "messages {} ({} lost), writes {} ({} lost by crashes), leaders {}, entries applied {}, snapshots installed {}, "
      "truncations {}, compactions {}, crashes {}, disk failures {}, damaged disks {}, pauses {}, partitions {}, "
      "membership changes {}, transfers {}, reads {}, without a living quorum {}; generations {}, flows past their "
      "history {}, newcomers that forwarded {}",
      c.messages, c.dropped, c.batches, c.batches_lost, c.elections, c.commits, c.installs, c.truncations,
      c.compactions, c.crashes, c.disk_failures, c.rotten_disks, c.pauses, c.partitions, c.membership_changes,
      c.transfers, c.reads, c.unhealable, c.generations, c.outlived, c.newcomers);
}

namespace {

constexpr Time look_every = milliseconds(20);
constexpr Time caught_up_within = seconds(20);
constexpr int leader_within_timeouts = 10;

class Simulation {
 public:
  Simulation(const SimOptions& options, TraceMode mode, const Scenario& scenario)
      : world_(options, mode, scenario.make_machine),
        cluster_(world_),
        nemesis_(world_, cluster_),
        operator_(world_, cluster_),
        clients_(scenario.make_workload(world_, cluster_)) {}

  SimResult run() {
    cluster_.found();
    nemesis_.start();
    operator_.start();
    clients_->start();
    run_until(world_.options.faults_for);
    if (!failed()) recover();
    if (!failed()) {
      if (std::string wrong = clients_->judge_history(); !wrong.empty()) world_.oracle.fail(std::move(wrong));
    }
    return result();
  }

 private:
  [[nodiscard]] bool failed() const { return world_.oracle.failure().has_value(); }

  void run_until(Time end) {
    while (!failed() && world_.clock.run_next(end)) {
    }
  }

  // Runs until something is so; false if it is not so in time.
  template <typename Condition>
  bool wait_for(Time limit, Condition condition) {
    const Time end = world_.clock.now() + limit;
    while (!failed() && world_.clock.now() < end) {
      if (condition()) return true;
      run_until(std::min(end, world_.clock.now() + look_every));
    }
    return failed() || condition();
  }

  void recover() {
    nemesis_.heal();
    const Time healed_at = world_.clock.now();
    if (!wait_for(leader_within_timeouts * timeout(), [this] { return leader() != nullptr; })) {
      not_recovered("no leader within 10 election timeouts");
      return;
    }
    leader_after_ = world_.clock.now() - healed_at;
    clients_->begin_final_round();
    if (!wait_for(healed_at + caught_up_within - world_.clock.now(), [this] { return is_caught_up(); })) {
      not_recovered("not all nodes caught up within 20 s" + clients_->final_round_left());
      return;
    }
    caught_up_after_ = world_.clock.now() - healed_at;
    if (!is_handover_over()) {
      not_recovered("leadership is still being handed over after 10 election timeouts");
      return;
    }
    if (!failed()) check_calm();
    if (!failed()) check_lonely_leader();
  }

  void cut_off(const SimNode& alone) {
    world_.trace.note([&] { return world_.trace.name_of(alone.id()) + " is cut off"; });
    for (const auto& node : cluster_.nodes()) {
      cluster_.network().cut(node->id(), alone.id());
      cluster_.network().cut(alone.id(), node->id());
    }
  }

  // Nobody who was cut off for a while, and nobody who was removed and does not know, may unseat a leader when it
  // comes back (pre-vote, stickiness).
  void check_calm() {
    const SimNode* leading = leader();
    const RaftStatus before = leading->status();
    for (const NodeId voter : voters_of(before.configuration)) {
      const SimNode* alone = cluster_.find(voter);
      if (alone == leading || alone->life() != Life::up || !cluster_.has_living_quorum(before.configuration, voter))
        continue;
      cut_off(*alone);
      run_until(world_.clock.now() + 3 * timeout());
      cluster_.network().mend();
      break;
    }
    run_until(world_.clock.now() + 3 * timeout());
    if (failed()) return;
    const RaftStatus after = leading->status();
    if (after.role != Role::leader || after.term != before.term)
      world_.oracle.fail(fmt::format("CALM: all is well, and yet {} does not lead term {} any more",
                                     world_.trace.name_of(before.id), before.term.value()));
  }

  // Who hears no majority must not go on as if it led (check-quorum); and the others find another.
  void check_lonely_leader() {
    SimNode* leading = leader();
    if (leading == nullptr || voters_of(leading->status().configuration).size() < 2) return;
    cut_off(*leading);
    if (!wait_for(2 * timeout(), [&] { return leading->status().role != Role::leader; }))
      world_.oracle.fail("CALM: " + world_.trace.name_of(leading->id()) + " hears nobody and still leads");
    cluster_.network().mend();
    if (!wait_for(leader_within_timeouts * timeout(), [this] { return leader() != nullptr; }))
      not_recovered("no leader within 10 election timeouts after the last one had been cut off");
  }

  // The upper one: they are drawn from [election, 2 * election).
  [[nodiscard]] Time timeout() const { return 2 * world_.options.election_ticks * world_.options.tick; }

  // The one whom every living member follows.
  SimNode* leader() {
    SimNode* leading = nullptr;
    Term newest;
    for (SimNode* node : cluster_.leaders()) {
      const RaftStatus status = node->status();
      if (status.term < newest) continue;
      newest = status.term;
      leading = node;
    }
    if (leading == nullptr) return nullptr;
    for (const Member& member : leading->status().configuration.members) {
      const SimNode* node = cluster_.find(member.id);
      if (node == nullptr || node->life() != Life::up || member.role != MemberRole::voter) continue;
      const RaftStatus status = node->status();
      if (status.leader != leading->id() || status.term != newest) return nullptr;
    }
    return leading;
  }

  bool is_caught_up() {
    const SimNode* leading = leader();
    if (leading == nullptr || !clients_->is_final_round_done()) return false;
    const RaftStatus status = leading->status();
    if (status.commit != status.last || status.applied != status.last) return false;
    for (const Member& member : status.configuration.members) {
      const SimNode* node = cluster_.find(member.id);
      if (node == nullptr || node->life() != Life::up) continue;
      if (node->status().applied != status.applied || node->machine_hash() != leading->machine_hash()) return false;
    }
    return true;
  }

  // What an operator asked for before the faults were over may still take place, or is given up. Seen twice in a row:
  // the request of a handover just given up may still be on its way.
  bool is_handover_over() {
    int looks = 0;
    return wait_for(leader_within_timeouts * timeout(), [&] {
      const bool is_quiet = is_caught_up() && leader()->status().transferring_to == NodeId();
      looks = is_quiet ? looks + 1 : 0;
      return looks == 2;
    });
  }

  void not_recovered(const std::string& what) {
    for (const Configuration& configuration : world_.oracle.possible_configurations()) {
      if (cluster_.has_living_quorum(configuration, NodeId())) continue;
      ++world_.counters.unhealable;
      return;
    }
    std::string nodes;
    for (const SimNode* node : cluster_.running()) {
      const RaftStatus s = node->status();
      static constexpr const char* roles[] = {"follower", "pre-candidate", "candidate", "leader"};
      nodes += fmt::format("\n    {} is {} in term {}, follows {}, log {}..{}, commit {}, applied {}, members {}",
                           world_.trace.name_of(s.id), roles[static_cast<std::size_t>(s.role)], s.term.value(),
                           world_.trace.name_of(s.leader), s.first.value(), s.last.value(), s.commit.value(),
                           s.applied.value(), text_of(s.configuration, world_.trace));
    }
    world_.oracle.fail("LIVENESS: " + what + nodes);
  }

  SimResult result() {
    SimResult result;
    result.violation = world_.oracle.failure();
    result.simulated = world_.clock.now();
    result.operations = clients_->operations();
    result.trace_hash = world_.trace.hash();
    result.events = world_.clock.events();
    world_.counters.elections = world_.oracle.elections();
    result.counters = world_.counters;
    result.last_lines = world_.trace.lines();
    result.leader_after = leader_after_;
    result.caught_up_after = caught_up_after_;
    return result;
  }

  SimWorld world_;
  SimCluster cluster_;
  SimNemesis nemesis_;
  SimOperator operator_;
  const std::unique_ptr<Workload> clients_;
  Time leader_after_{};
  Time caught_up_after_{};
};

}  // namespace

SimResult simulate(const SimOptions& options, TraceMode mode, const Scenario& scenario) {
  return Simulation(options, mode, scenario).run();
}

SimResult simulate(const SimOptions& options, TraceMode mode) {
  static const Scenario registers = {
      [] { return std::make_unique<RegisterMachine>(); },
      [](SimWorld& world, SimCluster& cluster) { return std::make_unique<RegisterClients>(world, cluster); }};
  return simulate(options, mode, registers);
}

}  // namespace sluice::sim
