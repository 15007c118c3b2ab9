// SPDX-License-Identifier: Apache-2.0
#include "churn_model.h"

#include <algorithm>
#include <random>

namespace sluice::bench {
namespace {

// The flow tables of all balancers; unlimited, which favours the scheme that needs them.
class FlowTables {
 public:
  FlowTables(std::uint32_t balancers, std::size_t flows) : pinned_(balancers, std::vector(flows, no_backend)) {}

  // The pinned backend, or the row's first, which is pinned from now on: without a chain it is better to store what a
  // flow in its middle is sent to than not (9 to 22 % of flows break otherwise). A dead backend's entry is gone.
  std::uint16_t look_up(std::uint32_t balancer, std::size_t flow, std::uint16_t first,
                        const std::vector<ChurnBackend>& backends) {
    std::uint16_t& pinned = pinned_[balancer][flow];
    if (pinned == no_backend || !backends[pinned].alive) pinned = first;
    return pinned;
  }
  void pin(std::uint32_t balancer, std::size_t flow, std::uint16_t backend) { pinned_[balancer][flow] = backend; }

 private:
  std::vector<std::vector<std::uint16_t>> pinned_;
};

bool reaches(const ChurnCandidates& row, std::uint16_t backend, const std::vector<ChurnBackend>& backends) {
  for (const std::uint16_t candidate : row) {
    if (candidate == backend) return true;
    if (candidate == no_backend || !backends[candidate].alive) return false;
  }
  return false;
}

class Run {
 public:
  Run(const ChurnScenario& scenario, const ChurnSchemeName& scheme, const ChurnOptions& options)
      : scheme_(make_churn_scheme(scheme, options.slots)),
        flows_(random_flows(options)),
        tracks_(scheme.scheme == "maglev_ft"),
        tables_(scenario.moments[0].balancers, tracks_ ? flows_.size() : 0) {}

  void open_all(const ChurnMoment& moment) {
    scheme_->follow(moment.backends);
    for (std::size_t i = 0; i < flows_.size(); ++i) open(i, moment);
  }

  void live_through(const ChurnMoment& moment) {
    scheme_->follow(moment.backends);
    for (std::size_t i = 0; i < flows_.size(); ++i) {
      ChurnFlow& flow = flows_[i];
      if (moment.backends[flow.backend].alive) {
        if (arrives(i, moment)) continue;
        flow.broken = true;
      }
      open(i, moment);
    }
  }

  [[nodiscard]] std::uint64_t broken() const {
    return static_cast<std::uint64_t>(
        std::count_if(flows_.begin(), flows_.end(), [](const ChurnFlow& flow) { return flow.broken; }));
  }

 private:
  void open(std::size_t index, const ChurnMoment& moment) {
    ChurnFlow& flow = flows_[index];
    flow.backend = scheme_->rows()[flow.slot][0];
    if (tracks_) tables_.pin(balancer_of(flow, moment.balancers), index, flow.backend);
  }

  bool arrives(std::size_t index, const ChurnMoment& moment) {
    const ChurnFlow& flow = flows_[index];
    const ChurnCandidates& row = scheme_->rows()[flow.slot];
    if (!tracks_) return reaches(row, flow.backend, moment.backends);
    const std::uint32_t balancer = balancer_of(flow, moment.balancers);
    return tables_.look_up(balancer, index, row[0], moment.backends) == flow.backend;
  }

  std::unique_ptr<ChurnScheme> scheme_;
  std::vector<ChurnFlow> flows_;
  bool tracks_;
  FlowTables tables_;
};

}  // namespace

std::vector<ChurnFlow> random_flows(const ChurnOptions& options) {
  std::mt19937_64 random(options.seed);
  std::vector<ChurnFlow> flows(options.flows);
  for (ChurnFlow& flow : flows) {
    const std::uint64_t hash = random();
    flow.slot = static_cast<std::uint32_t>((hash >> 32) * options.slots >> 32);
    flow.route = static_cast<std::uint32_t>(hash);
  }
  std::sort(flows.begin(), flows.end(), [](const ChurnFlow& a, const ChurnFlow& b) {
    return a.slot != b.slot ? a.slot < b.slot : a.route < b.route;
  });
  return flows;
}

std::uint32_t balancer_of(const ChurnFlow& flow, std::uint32_t balancers) {
  return static_cast<std::uint32_t>(std::uint64_t{flow.route} * balancers >> 32);
}

std::uint64_t broken_flows(const ChurnScenario& scenario, const ChurnSchemeName& scheme, const ChurnOptions& options) {
  Run run(scenario, scheme, options);
  run.open_all(scenario.moments.front());
  for (std::size_t i = 1; i < scenario.moments.size(); ++i) run.live_through(scenario.moments[i]);
  return run.broken();
}

}  // namespace sluice::bench
