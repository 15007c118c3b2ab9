// SPDX-License-Identifier: Apache-2.0
// What a change of configuration would do to slots and flows. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config.h"
#include "forwarding_model.h"

namespace sluice {

// How much of a table goes to another host, and the least that any table with the same shares would have to move.
struct Movement {
  double moved = 0;    // of all flows, 0 to 1
  double minimum = 0;  // 0 to 1
  // In slots, if both tables have the same number of them.
  std::optional<std::uint64_t> moved_slots;
  std::optional<std::uint64_t> minimum_slots;
};

struct BackendPlan {
  std::string name;
  std::string address;  // after the change, or before it if the backend leaves
  std::optional<std::uint32_t> weight_before;
  std::optional<std::uint32_t> weight_after;
  std::uint64_t slots_before = 0;
  std::uint64_t slots_after = 0;
};

struct PoolPlan {
  std::string name;
  // Absent if the pool is. Zero slots: it is empty (no backend with a weight).
  std::optional<std::uint32_t> slots_before;
  std::optional<std::uint32_t> slots_after;
  std::uint32_t table_before = 0;  // M of the table, 0 if empty or absent
  std::uint32_t table_after = 0;
  std::vector<BackendPlan> backends;  // as in the file after the change, leaving ones last
  Movement movement;                  // meaningful if the pool exists before and after
};

struct ServicePlan {
  std::string name;
  std::string address;                     // 203.0.113.10:80/tcp
  std::optional<std::string> pool_before;  // absent: the service is new
  std::optional<std::string> pool_after;   // absent: it goes
  bool tracked = false;                    // before and after: remembered flows stay
  Movement movement;
};

struct Plan {
  bool rehashed = false;  // another hash key: a flow's slot has nothing to do with its former one
  std::vector<PoolPlan> pools;
  std::vector<ServicePlan> services;
};

struct Planned {
  const Config* config;
  const ForwardingModel* model;
};
[[nodiscard]] Plan make_plan(const Planned& before, const Planned& after);

}  // namespace sluice
