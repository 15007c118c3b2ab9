// SPDX-License-Identifier: Apache-2.0
// A new generation: one pool changed among many, against the first publish of all of them. What is unchanged must not
// be written again, and not be looked at either.
#include <benchmark/benchmark.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench_image.h"
#include "image_memory.h"
#include "wrong_result.h"

namespace sluice::bench {
namespace {

// What a slot table of 65,537 entries fills.
constexpr std::uint32_t table_lines = (65537 + SLUICE_SLOTS_PER_LINE - 1) / SLUICE_SLOTS_PER_LINE;

// The fills take a second for the largest, and the benchmark is entered several times.
const ForwardingModel& model_of(std::uint32_t pools) {
  static std::map<std::uint32_t, ForwardingModel> made;
  const auto [place, is_new] = made.try_emplace(pools);
  if (!is_new) return place->second;
  ModelOptions options;
  options.services = pools;
  options.backends_per_pool = 16;
  place->second = bench_model(options);
  // bench_model tells 256 services apart by address.
  for (std::uint32_t i = 0; i < pools; ++i)
    place->second.services.edit()[i].key.port = PortHost(static_cast<std::uint16_t>(80 + i / 256));
  return place->second;
}

// The largest cluster: 10,000 services over 500 pools of 65,537 slots, 100,000 backends.
ForwardingModel cluster_model() {
  ModelOptions options;
  options.services = 500;
  options.backends_per_pool = 200;
  ForwardingModel model = bench_model(options);
  std::vector<ForwardingService> services;
  for (std::uint32_t i = 0; i < 10000; ++i) {
    ForwardingService service = model.services[i % 500];
    service.name = "service" + std::to_string(i);
    service.key.address =
        IpAddress::from_v4_bytes({203, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)});
    services.push_back(service);
  }
  model.services = std::move(services);
  return model;
}

void change_one(benchmark::State& state, ForwardingModel model) {
  const ImageMemory memory(image_sizes_for(model, {}));
  ImageWriter writer(memory.tables(), {}, [] {});
  if (!writer.publish(model, bench_next_hop, 0)) wrong_result("does not fit");
  // Slots of two owners are exchanged, and exchanged back.
  SharedVector<std::uint16_t>& slots = model.pools.front().slots;
  std::size_t other = 1;
  while (slots[other] == slots[0]) ++other;
  for (auto _ : state) {
    std::vector<std::uint16_t>& owners = slots.edit();
    std::swap(owners[0], owners[other]);
    const auto published = writer.publish(model, bench_next_hop, 0);
    if (!published || published->slots_lines_written != table_lines) wrong_result("not one table was written");
  }
  // The active generation's block, read as the packet path reads it.
  const std::uint64_t active = memory.tables().control->active.generation;
  if (active != static_cast<std::uint64_t>(state.iterations()) + 1) wrong_result("generations are missing");
}

void one_changed(benchmark::State& state) {
  change_one(state, model_of(static_cast<std::uint32_t>(state.range(0))));
}

void cluster_one_changed(benchmark::State& state) {
  change_one(state, cluster_model());
}

void unchanged(benchmark::State& state) {
  const auto pools = static_cast<std::uint32_t>(state.range(0));
  const ForwardingModel& model = model_of(pools);
  const ImageMemory memory(image_sizes_for(model, {}));
  ImageWriter writer(memory.tables(), {}, [] {});
  if (!writer.publish(model, bench_next_hop, 0)) wrong_result("does not fit");
  for (auto _ : state) {
    const auto published = writer.publish(model, bench_next_hop, 0);
    if (!published || published->slots_lines_written != 0) wrong_result("something was written");
  }
}

void first(benchmark::State& state) {
  const auto pools = static_cast<std::uint32_t>(state.range(0));
  const ForwardingModel& model = model_of(pools);
  for (auto _ : state) {
    state.PauseTiming();
    const ImageMemory memory(image_sizes_for(model, {}));
    ImageWriter writer(memory.tables(), {}, [] {});
    state.ResumeTiming();
    const auto published = writer.publish(model, bench_next_hop, 0);
    if (!published) wrong_result("does not fit");
  }
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("pools")->Arg(1)->Arg(64)->Arg(512)->Unit(benchmark::kMillisecond);
}

BENCHMARK(one_changed)->Apply(sizes);
BENCHMARK(cluster_one_changed)->Unit(benchmark::kMillisecond);
BENCHMARK(unchanged)->Apply(sizes);
BENCHMARK(first)->Apply(sizes);

}  // namespace
}  // namespace sluice::bench

BENCHMARK_MAIN();
