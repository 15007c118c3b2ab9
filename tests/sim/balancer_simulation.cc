// SPDX-License-Identifier: Apache-2.0
#include "balancer_simulation.h"

#include <fmt/format.h>

#include <algorithm>

#include "balancer_clients.h"
#include "balancer_cluster.h"
#include "balancer_nemesis.h"
#include "lease.h"

namespace sluice::sim {
namespace {

constexpr Time look_every = milliseconds(20);
constexpr Time caught_up_within = seconds(20);
constexpr int leader_within_timeouts = 10;

class BalancerSimulation {
 public:
  BalancerSimulation(const BalancerOptions& options, TraceMode mode)
      : options_(options),
        world_(options.base, mode, [] { return std::unique_ptr<StateMachine>(); }),
        cluster_(world_, options_),
        nemesis_(world_, options_, cluster_),
        clients_(world_, options_, cluster_) {}

  SimResult run() {
    cluster_.found();
    nemesis_.start();
    clients_.start();
    cluster_.run_until(options_.base.faults_for);
    if (!failed()) recover();
    return result();
  }

 private:
  [[nodiscard]] bool failed() const { return world_.oracle.failure().has_value(); }

  template <typename Condition>
  bool wait_for(Time end, Condition condition) {
    while (!failed() && world_.clock.now() < end) {
      if (condition()) return true;
      cluster_.run_until(std::min(end, world_.clock.now() + look_every));
    }
    return failed() || condition();
  }

  void recover() {
    nemesis_.heal();
    const Time healed_at = world_.clock.now();
    const Time timeout = 2 * options_.base.election_ticks * options_.base.tick;
    if (!wait_for(healed_at + leader_within_timeouts * timeout, [this] { return cluster_.leader() != nullptr; }))
      return world_.oracle.fail("LIVENESS: no leader within 10 election timeouts" + standing());
    leader_after_ = world_.clock.now() - healed_at;
    clients_.begin_final_round();
    if (!wait_for(healed_at + caught_up_within, [this] { return is_caught_up(nullptr); }))
      return world_.oracle.fail("LIVENESS: not all caught up and all planes on the newest generation within 20 s" +
                                standing());
    if (failed()) return;
    caught_up_after_ = world_.clock.now() - healed_at;
    check_nobody_waits_for_a_dead_plane(2 * timeout);
    if (failed()) return;
    if (std::string wrong = clients_.judge(cluster_.leader()->node().replica().state()); !wrong.empty())
      world_.oracle.fail(std::move(wrong));
  }

  // It has a lease still, and after that the others go on without it.
  void check_nobody_waits_for_a_dead_plane(Time timeouts) {
    SimBalancer* without = cluster_.any_member();
    if (without == nullptr || cluster_.leader()->status().configuration.members.size() < 2) return;
    without->crash_plane(seconds(60));
    // The leader's clock may be the slow one; a round of reports, an election's worth of messages, and disks.
    // And a report from before the healing may come that late, and look like news.
    const Time late = options_.base.late_percent > 0 ? late_max : Time{};
    const Time limit = late + options_.lease + options_.lease / 10 + node::lease_margin + timeouts + seconds(3);
    clients_.begin_final_round();
    if (!wait_for(world_.clock.now() + limit, [&] { return is_caught_up(without); }))
      world_.oracle.fail("LIVENESS: " + without->name() + " has no plane any more, and the others wait for it" +
                         standing());
  }

  // On all but `without`, which may be null.
  [[nodiscard]] bool is_caught_up(const SimBalancer* without) const {
    const SimBalancer* leading = cluster_.leader();
    if (leading == nullptr || !clients_.is_final_round_done()) return false;
    const raft::RaftStatus status = leading->status();
    if (status.commit != status.last || status.applied != status.last) return false;
    const model::ClusterState& state = leading->node().replica().state();
    if (state.has_pending() || state.prepared()) return false;
    return std::all_of(cluster_.balancers().begin(), cluster_.balancers().end(), [&](const auto& one) {
      if (one.get() == without || status.configuration.find(one->id()) == nullptr) return true;
      const CoverForm* form = one->plane().form();
      return one->is_up() && one->status().applied == status.applied && one->is_preferred() && form != nullptr &&
             form->base == state.active()->number && form->table_hash == state.active()->table_hash;
    });
  }

  [[nodiscard]] std::string standing() const {
    std::string text;
    for (const auto& one : cluster_.balancers()) {
      if (!one->is_up()) continue;
      const raft::RaftStatus s = one->status();
      const CoverForm* form = one->plane().form();
      text +=
          fmt::format("\n    {} is {} in term {}, follows {}, last {}, commit {}, applied {}; {}; plane: generation {}",
                      one->name(), s.role == raft::Role::leader ? "leader" : "no leader", s.term.value(),
                      world_.trace.name_of(s.leader), s.last.value(), s.commit.value(), s.applied.value(),
                      one->is_preferred() ? "forwards" : "fenced", form == nullptr ? 0 : form->generation);
    }
    return text + (clients_.is_final_round_done() ? "" : "\n    clients wait for answers");
  }

  SimResult result() {
    SimResult result;
    result.violation = world_.oracle.failure();
    result.simulated = world_.clock.now();
    result.operations = clients_.operations();
    result.chain_checks = cluster_.cover().checks();
    result.trace_hash = world_.trace.hash();
    result.events = world_.clock.events();
    world_.counters.generations = cluster_.cover().newest_active();
    world_.counters.outlived = cluster_.cover().outlived();
    result.counters = world_.counters;
    result.last_lines = world_.trace.lines();
    result.leader_after = leader_after_;
    result.caught_up_after = caught_up_after_;
    return result;
  }

  const BalancerOptions options_;
  SimWorld world_;
  BalancerCluster cluster_;
  BalancerNemesis nemesis_;
  BalancerClients clients_;
  Time leader_after_{};
  Time caught_up_after_{};
};

}  // namespace

SimResult simulate_balancers(const BalancerOptions& options, TraceMode mode) {
  return BalancerSimulation(options, mode).run();
}

}  // namespace sluice::sim
