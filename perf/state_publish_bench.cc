// SPDX-License-Identifier: Apache-2.0
// A generation of the cluster through a plane: bytes by digest -> state -> model -> image, in ordinary memory.
// pools:500 is the largest cluster: 65,537 slots a pool, 200 backends each, 20 services each.
#include <benchmark/benchmark.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "forwarding_state.h"
#include "image_memory.h"
#include "image_writer.h"
#include "maglev.h"
#include "saved_state.h"
#include "state_model.h"
#include "wrong_result.h"

namespace sluice::bench {
namespace {

constexpr std::uint32_t backends_per_pool = 200;
constexpr std::uint32_t services_per_pool = 20;

IpAddress address(std::uint8_t first, std::uint32_t number) {
  return IpAddress::from_v4_bytes({first, static_cast<std::uint8_t>(number >> 16),
                                   static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)});
}

SharedPool filled(StatePool pool) {
  std::vector<SlotMember> members;
  for (const StateMember& member : pool.members) members.push_back({member.name, member.weight});
  auto column = std::make_shared<SlotColumn>();
  column->owners = maglev_fill(members, pool.slots_count).value().owners;
  pool.column = std::move(column);
  return make_state_pool(std::move(pool)).value();
}

StateMember member(std::uint32_t number) {
  return {"b" + std::to_string(number), address(10, number + 1), 100, number + 1, true};
}

ForwardingState make_cluster(std::uint32_t pools) {
  ForwardingState state;
  state.generation = 1;
  std::vector<ServiceConfig> services;
  for (std::uint32_t i = 0; i < pools; ++i) {
    StatePool pool;
    pool.name = "pool" + std::to_string(i);
    for (std::uint32_t k = 0; k < backends_per_pool; ++k) pool.members.push_back(member(i * backends_per_pool + k));
    state.pools.push_back(filled(std::move(pool)));
    for (std::uint32_t k = 0; k < services_per_pool; ++k) {
      ServiceConfig& service = services.emplace_back();
      service.name = "service" + std::to_string(services.size());
      service.address = address(20, static_cast<std::uint32_t>(services.size()));
      service.port = PortHost(80);
      service.pool_index = i;
      service.track = false;
    }
  }
  state.services = make_state_services(std::move(services));
  return state;
}

// The fills take a second, and a benchmark is entered several times.
const ForwardingState& cluster_of(std::uint32_t pools) {
  static std::map<std::uint32_t, ForwardingState> made;
  const auto known = made.find(pools);
  return known != made.end() ? known->second : made.emplace(pools, make_cluster(pools)).first->second;
}

std::optional<NextHop> any_next_hop(const ForwardingBackend&) {
  return NextHop{{2, 0, 0, 0, 0, 2}, {2, 0, 0, 0, 0, 1}, 0};
}

// What a plane does with what it is sent, its interfaces aside.
class PlaneLike {
 public:
  explicit PlaneLike(const ForwardingState& state)
      : state_(state),
        model_(forwarding_model_of(state, plane_, nullptr).value()),
        memory_(image_sizes_for(model_, {})),
        writer_(memory_.tables(), {}, [] {}) {
    if (!writer_.publish(model_, any_next_hop, 0)) wrong_result("does not fit");
  }

  void take(std::string_view bytes) {
    Result<DecodedState> decoded = decode_state(bytes, &state_);
    if (!decoded || !decoded->need.empty()) wrong_result("is not understood");
    const ModelBefore before{state_, plane_, model_};
    Result<ForwardingModel> model = forwarding_model_of(decoded->state, plane_, &before);
    if (!model || !writer_.publish(*model, any_next_hop, 0)) wrong_result("is not published");
    model_ = std::move(*model);
    state_ = std::move(decoded->state);
  }
  [[nodiscard]] const ForwardingState& state() const { return state_; }

 private:
  static PlaneConfig plane_config() {
    PlaneConfig plane;
    plane.source_ipv4 = IpAddress::from_v4_bytes({10, 255, 0, 1});
    return plane;
  }

  const PlaneConfig plane_ = plane_config();
  ForwardingState state_;
  ForwardingModel model_;
  ImageMemory memory_;
  ImageWriter writer_;
};

// To and fro between two states that differ in one pool.
void alternate(benchmark::State& state, const ForwardingState& one, const ForwardingState& other) {
  PlaneLike plane(one);
  std::string back = encode_state(one, &other);
  std::string forth = encode_state(other, &one);
  for (auto _ : state) {
    plane.take(forth);
    std::swap(forth, back);
  }
  state.counters["bytes"] = static_cast<double>(forth.size());
}

ForwardingState with_first(const ForwardingState& state, StatePool pool) {
  ForwardingState changed = state;
  changed.generation = 2;
  changed.pools.front() = filled(std::move(pool));
  return changed;
}

void weight_changed(benchmark::State& state) {
  const ForwardingState& cluster = cluster_of(static_cast<std::uint32_t>(state.range(0)));
  StatePool pool = *cluster.pools.front();
  pool.members[7].weight = 50;
  alternate(state, cluster, with_first(cluster, std::move(pool)));
}

void backend_added(benchmark::State& state) {
  const ForwardingState& cluster = cluster_of(static_cast<std::uint32_t>(state.range(0)));
  StatePool pool = *cluster.pools.front();
  pool.members.push_back(member(1U << 20));
  alternate(state, cluster, with_first(cluster, std::move(pool)));
}

// sluiced's side of the same.
void encode_change(benchmark::State& state) {
  const ForwardingState& cluster = cluster_of(static_cast<std::uint32_t>(state.range(0)));
  StatePool pool = *cluster.pools.front();
  pool.members[7].weight = 50;
  const ForwardingState changed = with_first(cluster, pool);
  for (auto _ : state) benchmark::DoNotOptimize(encode_state(changed, &cluster));
}

// A plane that starts: the kept file -> state -> model -> image.
void start_from_file(benchmark::State& state) {
  const std::string content = encode_saved_state(cluster_of(static_cast<std::uint32_t>(state.range(0))), 1, 0).value();
  for (auto _ : state) {
    const Result<SavedState> saved = decode_saved_state(content);
    if (!saved) wrong_result("is not understood");
    const PlaneLike plane(*saved->state);
    benchmark::DoNotOptimize(plane.state().generation);
  }
  state.counters["bytes"] = static_cast<double>(content.size());
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("pools")->Arg(4)->Arg(500)->Unit(benchmark::kMillisecond);
}

BENCHMARK(weight_changed)->Apply(sizes);
BENCHMARK(backend_added)->Apply(sizes);
BENCHMARK(encode_change)->Apply(sizes);
BENCHMARK(start_from_file)->Apply(sizes);

}  // namespace
}  // namespace sluice::bench

BENCHMARK_MAIN();
