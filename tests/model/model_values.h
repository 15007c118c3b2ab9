// SPDX-License-Identifier: Apache-2.0
// Short ways to write what the model is made of.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "cluster_state.h"

namespace sluice::model::test {

inline IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}

inline MemberConfig backend(std::string name, std::string_view address, std::uint16_t weight = 100) {
  return {std::move(name), ip(address), weight};
}

inline PoolConfig pool(std::string name, std::vector<MemberConfig> members, std::uint32_t slots_count = 16381) {
  PoolConfig made;
  made.name = std::move(name);
  made.slots_count = slots_count;
  made.members = std::move(members);
  return made;
}

inline ServiceRecord service(std::string name, std::string_view address, std::uint16_t port, std::string pool) {
  ServiceRecord made;
  made.config.name = std::move(name);
  made.config.address = ip(address);
  made.config.port = PortHost(port);
  made.pool = std::move(pool);
  return made;
}

inline ClusterState new_cluster() {
  ClusterSeed seed;
  seed.cluster_id = "c0ffee";
  seed.name = "test";
  seed.hash_key = {1, 2, 3};
  seed.balancers = {{"lb1", 11, "192.0.2.1:7001"}, {"lb2", 12, "192.0.2.2:7001"}, {"lb3", 13, "192.0.2.3:7001"}};
  return ClusterState::make(seed).value();
}

inline Change change(std::vector<Operation> operations) {
  Change made;
  made.author = {"alice", "operator", "unix"};
  made.time_ms = 1700000000000;
  made.operations = std::move(operations);
  return made;
}

// Applies at the next index.
inline Outcome applied(ClusterState& state, const Command& command) {
  return state.apply(state.applied_index() + 1, encode_command(command));
}
inline Outcome applied(ClusterState& state, std::vector<Operation> operations) {
  return applied(state, change(std::move(operations)));
}

inline void next_generation(ClusterState& state) {
  const std::uint64_t next = state.active()->number + 1;
  ASSERT_EQ(applied(state, Prepare{next}).message, "");
  ASSERT_EQ(applied(state, Activate{next, {}}).message, "");
}

// Two pools and a service, live.
inline ClusterState small_cluster() {
  ClusterState state = new_cluster();
  const Outcome outcome =
      applied(state, {PutPool{pool("web", {backend("b1", "10.0.1.11"), backend("b2", "10.0.1.12"),
                                           backend("b3", "10.0.1.13"), backend("b4", "10.0.1.14")})},
                      PutPool{pool("spare", {backend("s1", "10.0.2.11")})},
                      PutService{service("www", "203.0.113.10", 80, "web")}});
  EXPECT_EQ(outcome.message, "");
  next_generation(state);
  return state;
}

}  // namespace sluice::model::test
