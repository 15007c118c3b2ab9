// SPDX-License-Identifier: Apache-2.0
// The cluster's log against any bytes: commands behind their u16 lengths, applied one after the other to a small
// cluster. Each has an outcome, what can be read is written the same way again, and the end can be kept and restored.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "byte_codec.h"
#include "cluster_state.h"

namespace {

using namespace sluice;
using namespace sluice::model;

// Not assert: the check must hold in every build type.
void require(bool condition) {
  if (!condition) std::abort();
}

ClusterState small_cluster() {
  ClusterSeed seed;
  seed.cluster_id = "fuzz";
  seed.name = "fuzz";
  seed.balancers = {{"lb1", 1, ""}};
  ClusterState state = ClusterState::make(seed).value();
  PoolConfig pool;
  pool.name = "web";
  pool.slots_count = 16381;
  for (std::uint8_t i = 1; i < 4; ++i)
    pool.members.push_back({"b" + std::to_string(i), IpAddress::from_v4_bytes({10, 0, 0, i}), 100});
  ServiceRecord service;
  service.config.name = "www";
  service.config.address = IpAddress::from_v4_bytes({203, 0, 113, 10});
  service.config.port = PortHost(80);
  service.pool = "web";
  Change change;
  change.operations = {PutPool{pool}, PutService{service}};
  require(state.apply(1, Command(change)).ok());
  require(state.apply(2, Command(Prepare{1})).ok());
  require(state.apply(3, Command(Activate{1, {}})).ok());
  return state;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const ClusterState fresh = small_cluster();
  ClusterState state = fresh;
  ByteReader in(std::string_view(reinterpret_cast<const char*>(data), size));
  // A generation takes a millisecond: more than a few tell nothing new.
  for (int left = 8; left > 0 && in.left() >= 2; --left) {
    const std::string_view bytes = in.get_raw(std::min<std::size_t>(in.get<std::uint16_t>(), in.left()));
    if (const Result<Command> command = decode_command(bytes)) require(encode_command(*command) == bytes);
    const Outcome outcome = state.apply(state.applied_index() + 1, bytes);
    require(outcome.ok() == outcome.message.empty());
    require(outcome.message.find('\n') == std::string::npos);
  }
  require(state.verify_audit().has_value());
  for (const StatePhase phase : {StatePhase::active, StatePhase::prepared})
    if (const auto forwarding = state.forwarding_state(phase)) require(check_state(*forwarding).has_value());
  // Half of the time of a run, and seldom news.
  if (size % 4 != 0 || state.feature_level() > feature_level_supported) return 0;
  const std::string bytes = state.snapshot();
  const Result<ClusterState> again = ClusterState::restore(bytes);
  require(again && again->snapshot() == bytes);
  return 0;
}
