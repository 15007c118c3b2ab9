// SPDX-License-Identifier: Apache-2.0
// States to encode and publish, small or as large as a cluster gets.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "forwarding_state.h"
#include "maglev.h"

namespace sluice::testing {

inline IpAddress backend_address(std::uint32_t number) {
  return IpAddress::from_v4_bytes({10, static_cast<std::uint8_t>(1 + (number >> 16)),
                                   static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)});
}

inline StateMember state_member(std::uint32_t number, std::uint16_t weight = 100) {
  return {"b" + std::to_string(number), backend_address(number), weight, number + 1, true};
}

// As a static file fills it.
inline std::shared_ptr<const SlotColumn> filled_column(const StatePool& pool) {
  std::vector<SlotMember> members;
  for (const StateMember& member : pool.members) members.push_back({member.name, member.weight});
  auto column = std::make_shared<SlotColumn>();
  column->owners = maglev_fill(members, pool.slots_count).value().owners;
  return column;
}

inline StatePool state_pool(const std::string& name, std::uint32_t first, std::uint32_t count) {
  StatePool pool;
  pool.name = name;
  pool.slots_count = 16381;
  for (std::uint32_t i = 0; i < count; ++i) pool.members.push_back(state_member(first + i));
  pool.column = filled_column(pool);
  return pool;
}

inline ServiceConfig state_service(const std::string& name, std::uint16_t port, std::uint32_t pool) {
  ServiceConfig service;
  service.name = name;
  service.address = IpAddress::from_v4_bytes({203, 0, 113, 10});
  service.port = PortHost(port);
  service.pool_index = pool;
  return service;
}

// Pools "pool0", "pool1", ... of three backends each; a service for each.
inline ForwardingState small_state(std::uint32_t pools = 3) {
  ForwardingState state;
  state.generation = 7;
  state.table_hash = 0x1122334455667788;
  for (std::size_t i = 0; i < state.hash_key.size(); ++i) state.hash_key[i] = static_cast<std::uint8_t>(i);
  std::vector<ServiceConfig> services;
  for (std::uint32_t i = 0; i < pools; ++i) {
    state.pools.push_back(make_state_pool(state_pool("pool" + std::to_string(i), 3 * i, 3)).value());
    services.push_back(state_service("service" + std::to_string(i), static_cast<std::uint16_t>(80 + i), i));
  }
  state.services = make_state_services(std::move(services));
  return state;
}

inline PlaneConfig state_plane() {
  PlaneConfig plane;
  plane.source_ipv4 = IpAddress::from_v4_bytes({10, 0, 0, 1});
  return plane;
}

}  // namespace sluice::testing
