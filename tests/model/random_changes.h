// SPDX-License-Identifier: Apache-2.0
// Random commands on a small world: few names and addresses, so that they meet and many are refused.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "model_values.h"

namespace sluice::model::test {

class RandomCommands {
 public:
  explicit RandomCommands(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

  Command next(const ClusterState& state) {
    const std::uint64_t generation = state.newest_generation();
    switch (below(10)) {
      case 0:
      case 1:
        return Prepare{generation + (below(8) == 0 ? below(3) : 1)};
      case 2:
      case 3:
        return Activate{generation + (below(8) == 0 ? below(2) : 0), {}};
      case 4:
        if (below(8) == 0) return SetFeatureLevel{static_cast<std::uint16_t>(below(3))};
        [[fallthrough]];
      default:
        return next_change(state);
    }
  }

  Change next_change(const ClusterState& state) {
    Change made = change({});
    const std::uint64_t count = 1 + below(3);
    for (std::uint64_t i = 0; i < count; ++i) made.operations.push_back(operation(state));
    made.time_ms += below(1000000);
    made.force = below(2) == 0;
    if (below(3) == 0)
      made.request_id = {1, static_cast<std::uint8_t>(below(256)), static_cast<std::uint8_t>(below(4))};
    if (below(8) == 0) made.base_revision = state.revision() - below(2);
    return made;
  }

 private:
  std::string one_of(std::initializer_list<const char*> words) { return *(words.begin() + below(words.size())); }
  std::string pool_name() { return one_of({"web", "web2", "api", "dns"}); }
  std::string backend_name() { return "b" + std::to_string(below(6)); }
  std::uint16_t weight() { return static_cast<std::uint16_t>(below(5) == 0 ? 0 : below(200)); }
  // Backends and services share two addresses.
  std::string backend_address() {
    return below(6) == 0 ? "fd00::" + std::to_string(1 + below(4)) : "10.0.0." + std::to_string(1 + below(12));
  }
  std::string service_address() {
    return below(4) == 0 ? "2001:db8::" + std::to_string(1 + below(2)) : "10.0.0." + std::to_string(11 + below(4));
  }

  PoolConfig random_pool() {
    std::vector<MemberConfig> members;
    for (std::uint64_t i = below(6); i > 0; --i)
      members.push_back(backend("b" + std::to_string(i), backend_address(), weight()));
    PoolConfig made = pool(pool_name(), std::move(members));
    if (below(6) == 0) made.encapsulation = static_cast<Encapsulation>(below(3));
    if (below(6) == 0) made.mtu = static_cast<std::uint16_t>(1270 + below(3) * 30);
    return made;
  }

  ServiceRecord random_service() {
    ServiceRecord made = service("s" + std::to_string(below(4)), service_address(),
                                 static_cast<std::uint16_t>(80 + below(2)), pool_name());
    made.config.fragments = below(4) == 0;
    return made;
  }

  SetPool random_settings() {
    SetPool op{pool_name()};
    if (below(2) == 0) op.mtu = static_cast<std::uint16_t>(1270 + below(3) * 115);
    if (below(4) == 0) op.encapsulation = static_cast<Encapsulation>(below(3));
    if (below(20) == 0) op.slots_count = below(2) == 0 ? 65537 : 16381;
    return op;
  }

  Operation operation(const ClusterState& state) {
    switch (below(14)) {
      case 0:
        return PutPool{random_pool(), static_cast<PutMode>(below(3))};
      case 1:
        if (below(3) > 0) return SetWeight{pool_name(), backend_name(), weight()};
        return random_settings();
      case 2:
        return DeletePool{pool_name()};
      case 3:
        return PutService{random_service(), PutMode::any};
      case 4:
        return DeleteService{"s" + std::to_string(below(4))};
      case 5:
      case 6:
      case 7:
        return PutBackend{pool_name(), backend(backend_name(), backend_address(), weight())};
      case 8:
        return DeleteBackend{pool_name(), backend_name()};
      case 9:
      case 10:
        return SetWeight{pool_name(), backend_name(), weight()};
      case 11:
        return rare(state);
      case 12:
        return PutBalancer{
            {"lb" + std::to_string(1 + below(3)), 11 + below(3), "", static_cast<std::uint16_t>(below(2))}};
      default:
        return SetPolicy{{static_cast<std::uint8_t>(below(110)), 5, 3000}};
    }
  }

  Operation rare(const ClusterState& state) {
    if (below(2) == 0) return Rollback{state.revision() - below(5)};
    ReplaceAll all;
    for (int i = 0; i < 3; ++i) all.pools.push_back(random_pool());
    for (int i = 0; i < 2; ++i) all.services.push_back(random_service());
    return all;
  }

  std::mt19937_64 random_;
};

}  // namespace sluice::model::test
