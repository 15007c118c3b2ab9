// SPDX-License-Identifier: Apache-2.0
// The cluster's state at size: pools of 200 backends, 65,537 slots and 20 services each. 8 pools as a test;
// SLUICE_BENCH_POOLS=500 is 100,000 backends and 10,000 services, the figures of docs/model.md.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <fstream>

#include "cluster_state.h"
#include "wrong_result.h"

namespace sluice::model {
namespace {

constexpr int backends_per_pool = 200;
constexpr int services_per_pool = 20;

int pools_count() {
  const char* given = std::getenv("SLUICE_BENCH_POOLS");
  return given == nullptr ? 8 : std::atoi(given);
}

IpAddress address(std::uint8_t net, std::uint32_t number) {
  return IpAddress::from_v4_bytes({net, static_cast<std::uint8_t>(number >> 16), static_cast<std::uint8_t>(number >> 8),
                                   static_cast<std::uint8_t>(number)});
}

Command site() {
  ReplaceAll all;
  for (int p = 0; p < pools_count(); ++p) {
    PoolConfig& pool = all.pools.emplace_back();
    pool.name = "pool-" + std::to_string(p);
    for (int b = 0; b < backends_per_pool; ++b)
      pool.members.push_back({"backend-" + std::to_string(b),
                              address(10, static_cast<std::uint32_t>(p * backends_per_pool + b + 1)), 100});
    for (int s = 0; s < services_per_pool; ++s) {
      ServiceRecord& service = all.services.emplace_back();
      service.config.name = "service-" + std::to_string(p) + '-' + std::to_string(s);
      service.config.address = address(198, static_cast<std::uint32_t>(p * services_per_pool + s + 1));
      service.config.port = PortHost(443);
      service.pool = pool.name;
    }
  }
  Change change;
  change.operations.push_back(std::move(all));
  return change;
}

void must(const Outcome& outcome) {
  if (!outcome.ok()) wrong_result(outcome.message.c_str());
}

void apply_next(ClusterState& state, const Command& command) {
  must(state.apply(state.applied_index() + 1, command));
}

void next_generation(ClusterState& state) {
  apply_next(state, Prepare{state.active()->number + 1});
  apply_next(state, Activate{state.active()->number + 1, {}});
}

Command weight(int pool, std::uint16_t to) {
  Change change;
  change.operations.push_back(SetWeight{"pool-" + std::to_string(pool), "backend-7", to});
  return change;
}

const ClusterState& built() {
  static const ClusterState state = [] {
    ClusterSeed seed;
    seed.cluster_id = "bench";
    seed.name = "bench";
    ClusterState made = ClusterState::make(seed).value();
    apply_next(made, site());
    next_generation(made);
    // A tenth of the pools have a history.
    for (int pool = 0; pool < pools_count(); pool += 10) apply_next(made, weight(pool, 0));
    next_generation(made);
    return made;
  }();
  return state;
}

double resident_mib() {
  std::ifstream status("/proc/self/statm");
  double total = 0;
  double resident = 0;
  status >> total >> resident;
  return resident * 4096 / (1 << 20);
}

void change_one_weight(benchmark::State& state) {
  ClusterState cluster = built();
  std::uint16_t turn = 1;
  for (auto _ : state) apply_next(cluster, weight(3, static_cast<std::uint16_t>(turn++ % 100 + 1)));
}

void one_weight_to_active(benchmark::State& state) {
  ClusterState cluster = built();
  std::uint16_t turn = 1;
  for (auto _ : state) {
    apply_next(cluster, weight(3, static_cast<std::uint16_t>(turn++ % 100 + 1)));
    next_generation(cluster);
  }
}

void one_backend_to_active(benchmark::State& state) {
  ClusterState cluster = built();
  std::uint32_t turn = 0;
  for (auto _ : state) {
    Change change;
    if (turn % 2 == 0) {
      change.operations.push_back(PutBackend{"pool-3", {"new", address(10, (1 << 23) + 1), 100}});
    } else {
      change.operations.push_back(DeleteBackend{"pool-3", "new"});
    }
    ++turn;
    apply_next(cluster, change);
    next_generation(cluster);
  }
}

void one_service_to_active(benchmark::State& state) {
  ClusterState cluster = built();
  std::uint16_t turn = 0;
  for (auto _ : state) {
    ServiceRecord service;
    service.config.name = "new";
    service.config.address = address(198, 1 << 23);
    service.config.port = PortHost(static_cast<std::uint16_t>(turn++ % 2 + 1));
    service.pool = "pool-3";
    Change change;
    change.operations.push_back(PutService{service, PutMode::any});
    apply_next(cluster, change);
    next_generation(cluster);
  }
}

void plan_one_weight(benchmark::State& state) {
  const Command command = weight(3, 50);
  for (auto _ : state) benchmark::DoNotOptimize(built().plan(std::get<Change>(command)));
}

void copy_state(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(ClusterState(built()));
}

void encode_snapshot(benchmark::State& state) {
  std::size_t bytes = 0;
  for (auto _ : state) bytes = built().snapshot().size();
  state.counters["bytes"] = static_cast<double>(bytes);
}

void restore_snapshot(benchmark::State& state) {
  const std::string bytes = built().snapshot();
  const double before = resident_mib();
  double grown = 0;
  for (auto _ : state) {
    const Result<ClusterState> again = ClusterState::restore(bytes);
    if (!again) wrong_result(again.error().context.c_str());
    if (again->active()->table_hash != built().active()->table_hash) wrong_result("another table hash");
    grown = resident_mib() - before;
  }
  state.counters["MiB"] = grown;
}

void replace_everything(benchmark::State& state) {
  for (auto _ : state) {
    ClusterSeed seed;
    seed.cluster_id = "bench";
    seed.name = "bench";
    ClusterState made = ClusterState::make(seed).value();
    apply_next(made, site());
    next_generation(made);
    benchmark::DoNotOptimize(made);
  }
}

BENCHMARK(change_one_weight)->Unit(benchmark::kMicrosecond);
BENCHMARK(one_weight_to_active)->Unit(benchmark::kMillisecond);
BENCHMARK(one_backend_to_active)->Unit(benchmark::kMillisecond);
BENCHMARK(one_service_to_active)->Unit(benchmark::kMillisecond);
BENCHMARK(plan_one_weight)->Unit(benchmark::kMillisecond);
BENCHMARK(copy_state)->Unit(benchmark::kMillisecond);
BENCHMARK(encode_snapshot)->Unit(benchmark::kMillisecond);
BENCHMARK(restore_snapshot)->Unit(benchmark::kMillisecond);
BENCHMARK(replace_everything)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sluice::model

BENCHMARK_MAIN();
