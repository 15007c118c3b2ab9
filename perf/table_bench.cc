// SPDX-License-Identifier: Apache-2.0
// Slot tables: the fill, the step and what stands around them, by number of slots and members.
#include <benchmark/benchmark.h>

#include "maglev.h"
#include "slot_table.h"

namespace sluice {
namespace {

std::vector<SlotMember> equal_members(std::int64_t count) {
  std::vector<SlotMember> members;
  for (std::int64_t i = 0; i < count; ++i) members.push_back({"backend-" + std::to_string(i), 100});
  return members;
}

SlotTable filled(const benchmark::State& state) {
  SlotTable table = SlotTable::make({.slots_count = static_cast<std::uint32_t>(state.range(0))}).value();
  (void)table.step(equal_members(state.range(1))).value();
  return table;
}

void fill(benchmark::State& state) {
  const std::vector<SlotMember> members = equal_members(state.range(1));
  for (auto _ : state)
    benchmark::DoNotOptimize(maglev_fill(members, static_cast<std::uint32_t>(state.range(0))).value());
}

// A member leaves and returns, the next one leaves, ...: each iteration is one of these steps.
void step(benchmark::State& state) {
  SlotTable table = filled(state);
  std::vector<SlotMember> members = equal_members(state.range(1));
  std::size_t turn = 0;
  for (auto _ : state) {
    SlotMember& member = members[turn / 2 % members.size()];
    member.weight = turn++ % 2 == 0 ? 0 : 100;
    benchmark::DoNotOptimize(table.step(members).value());
  }
}

// The largest step there is: everybody is replaced.
void step_all(benchmark::State& state) {
  const SlotTable start = filled(state);
  std::vector<SlotMember> others = equal_members(state.range(1));
  for (SlotMember& member : others) member.identity.insert(0, "other-");
  for (auto _ : state) {
    state.PauseTiming();
    SlotTable table = start;
    state.ResumeTiming();
    benchmark::DoNotOptimize(table.step(others).value());
  }
}

void hash(benchmark::State& state) {
  const SlotTable table = filled(state);
  for (auto _ : state) benchmark::DoNotOptimize(table.hash());
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"slots", "members"})->Unit(benchmark::kMillisecond);
  for (const int members : {10, 1000, 4000}) benchmark->Args({65537, members});
  benchmark->Args({655373, 1000});
}

BENCHMARK(fill)->Apply(sizes);
BENCHMARK(step)->Apply(sizes);
BENCHMARK(step_all)->Apply(sizes);
BENCHMARK(hash)->Apply(sizes);

}  // namespace
}  // namespace sluice

BENCHMARK_MAIN();
