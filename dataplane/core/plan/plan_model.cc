// SPDX-License-Identifier: Apache-2.0
#include "plan_model.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "endpoint.h"

namespace sluice {
namespace {

// One pool's slots as the hosts they lead to: names may change while hosts stay, and the other way round.
struct HostTable {
  std::vector<std::uint32_t> hosts;               // slot -> number of a host; no entries if the pool is empty
  std::map<std::uint32_t, std::uint64_t> counts;  // host -> slots
};

class Hosts {
 public:
  HostTable table_of(const Planned& planned, std::uint32_t pool_index) {
    const PoolConfig& pool = planned.config->pools[pool_index];
    std::vector<std::uint32_t> numbers;
    for (const MemberConfig& member : pool.members) {
      numbers.push_back(numbers_.emplace(member.address, static_cast<std::uint32_t>(numbers_.size())).first->second);
    }
    HostTable table;
    for (const std::uint16_t owner : planned.model->pools[pool_index].slots) {
      table.hosts.push_back(numbers[owner]);
      ++table.counts[numbers[owner]];
    }
    return table;
  }

 private:
  std::map<IpAddress, std::uint32_t> numbers_;
};

double share(const HostTable& table, std::uint32_t host) {
  const auto found = table.counts.find(host);
  if (found == table.counts.end()) return 0;
  return static_cast<double>(found->second) / static_cast<double>(table.hosts.size());
}

// Two tables over the same hash space, cut into slots of different size: exact, in units of 1 / (M * N).
double overlap_moved(const HostTable& before, const HostTable& after) {
  const std::uint64_t m = before.hosts.size();
  const std::uint64_t n = after.hosts.size();
  std::uint64_t moved = 0;
  std::uint64_t at = 0;
  for (std::uint64_t i = 0, j = 0; i < m && j < n;) {
    const std::uint64_t end_before = (i + 1) * n;
    const std::uint64_t end_after = (j + 1) * m;
    const std::uint64_t end = std::min(end_before, end_after);
    if (before.hosts[i] != after.hosts[j]) moved += end - at;
    at = end;
    if (end == end_before) ++i;
    if (end == end_after) ++j;
  }
  return static_cast<double>(moved) / static_cast<double>(m * n);
}

Movement movement_of(const HostTable& before, const HostTable& after, bool rehashed) {
  Movement movement;
  // From or to the empty pool every flow is concerned, and no table could help it.
  if (before.hosts.empty() || after.hosts.empty()) {
    const double all = before.hosts.empty() == after.hosts.empty() ? 0 : 1;
    return {all, all, std::nullopt, std::nullopt};
  }
  double unmoved_by_chance = 0;
  for (const auto& [host, count] : after.counts) {
    movement.minimum += std::max(0.0, share(after, host) - share(before, host));
    unmoved_by_chance += share(after, host) * share(before, host);
  }
  if (rehashed) {
    movement.moved = 1 - unmoved_by_chance;
    return movement;
  }
  movement.moved = overlap_moved(before, after);
  if (before.hosts.size() == after.hosts.size()) {
    std::uint64_t moved = 0;
    for (std::size_t slot = 0; slot < after.hosts.size(); ++slot) moved += before.hosts[slot] != after.hosts[slot];
    std::uint64_t minimum = 0;
    for (const auto& [host, count] : after.counts) {
      const auto old = before.counts.find(host);
      const std::uint64_t had = old == before.counts.end() ? 0 : old->second;
      minimum += count > had ? count - had : 0;
    }
    movement.moved_slots = moved;
    movement.minimum_slots = minimum;
  }
  return movement;
}

std::vector<std::uint64_t> slots_by_member(const Planned& planned, std::uint32_t pool_index) {
  std::vector<std::uint64_t> counts(planned.config->pools[pool_index].members.size());
  for (const std::uint16_t owner : planned.model->pools[pool_index].slots) ++counts[owner];
  return counts;
}

using Names = std::unordered_map<std::string_view, std::uint32_t>;

template <typename Named>
Names positions(const std::vector<Named>& objects) {
  Names names;
  for (const Named& object : objects) names.emplace(object.name, static_cast<std::uint32_t>(names.size()));
  return names;
}

class Planner {
 public:
  Planner(const Planned& before, const Planned& after)
      : before_(before),
        after_(after),
        rehashed_(before.config->hash_key != after.config->hash_key),
        pools_before_(positions(before.config->pools)),
        pools_after_(positions(after.config->pools)) {}

  Plan make() {
    Plan plan;
    plan.rehashed = rehashed_;
    for (const PoolConfig& pool : after_.config->pools) {
      plan.pools.push_back(plan_pool(find(pools_before_, pool.name), find(pools_after_, pool.name)));
    }
    for (const PoolConfig& pool : before_.config->pools) {
      if (pools_after_.count(pool.name) == 0) plan.pools.push_back(plan_pool(find(pools_before_, pool.name), {}));
    }
    plan_services(plan);
    return plan;
  }

 private:
  using Position = std::optional<std::uint32_t>;
  using ServiceAddress = std::tuple<IpAddress, PortHost, Protocol>;

  static Position find(const Names& names, std::string_view name) {
    const auto found = names.find(name);
    return found == names.end() ? std::nullopt : Position(found->second);
  }

  PoolPlan plan_pool(Position before, Position after) {
    PoolPlan plan;
    if (before) {
      plan.slots_before = before_.config->pools[*before].slots_count;
      plan.table_before = static_cast<std::uint32_t>(before_.model->pools[*before].slots.size());
    }
    if (after) {
      plan.slots_after = after_.config->pools[*after].slots_count;
      plan.table_after = static_cast<std::uint32_t>(after_.model->pools[*after].slots.size());
    }
    plan.name = after ? after_.config->pools[*after].name : before_.config->pools[*before].name;
    Names rows;
    if (after) add_backends(after_, *after, true, plan, rows);
    if (before) add_backends(before_, *before, false, plan, rows);
    if (before && after) {
      plan.movement = movement_of(hosts_.table_of(before_, *before), hosts_.table_of(after_, *after), rehashed_);
    }
    return plan;
  }

  static void add_backends(const Planned& planned, std::uint32_t pool_index, bool is_after, PoolPlan& plan,
                           Names& rows) {
    const std::vector<MemberConfig>& members = planned.config->pools[pool_index].members;
    const std::vector<std::uint64_t> counts = slots_by_member(planned, pool_index);
    for (std::size_t i = 0; i < members.size(); ++i) {
      const auto [found, is_new] = rows.emplace(members[i].name, static_cast<std::uint32_t>(plan.backends.size()));
      if (is_new) plan.backends.push_back({members[i].name, members[i].address.to_string(), {}, {}, 0, 0});
      BackendPlan& row = plan.backends[found->second];
      if (!is_after && !is_new && row.address != members[i].address.to_string()) {
        row.address = members[i].address.to_string() + " -> " + row.address;
      }
      (is_after ? row.weight_after : row.weight_before) = members[i].weight;
      (is_after ? row.slots_after : row.slots_before) = counts[i];
    }
  }

  void plan_services(Plan& plan) {
    std::map<ServiceAddress, const ServiceConfig*> before;
    for (const ServiceConfig& service : before_.config->services) before.emplace(address_of(service), &service);
    for (const ServiceConfig& service : after_.config->services) {
      const auto found = before.find(address_of(service));
      ServicePlan row = row_of(service);
      row.pool_after = after_.config->pools[service.pool_index].name;
      if (found != before.end()) {
        const ServiceConfig& old = *found->second;
        row.pool_before = before_.config->pools[old.pool_index].name;
        row.tracked = old.track && service.track;
        row.movement = service_movement(old.pool_index, service.pool_index);
        before.erase(found);
      }
      plan.services.push_back(std::move(row));
    }
    for (const ServiceConfig& service : before_.config->services) {
      if (before.count(address_of(service)) == 0) continue;
      ServicePlan row = row_of(service);
      row.pool_before = before_.config->pools[service.pool_index].name;
      plan.services.push_back(std::move(row));
    }
  }

  // Thousands of services may share a few pools.
  const Movement& service_movement(std::uint32_t pool_before, std::uint32_t pool_after) {
    const auto [found, is_new] = movements_.emplace(std::pair(pool_before, pool_after), Movement{});
    if (is_new) {
      found->second =
          movement_of(hosts_.table_of(before_, pool_before), hosts_.table_of(after_, pool_after), rehashed_);
    }
    return found->second;
  }

  static ServiceAddress address_of(const ServiceConfig& service) {
    return {service.address, service.port, service.protocol};
  }
  static ServicePlan row_of(const ServiceConfig& service) {
    ServicePlan row;
    row.name = service.name;
    row.address = service_address_text(service.address, service.port, service.protocol);
    return row;
  }

  const Planned& before_;
  const Planned& after_;
  bool rehashed_;
  Names pools_before_;
  Names pools_after_;
  Hosts hosts_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, Movement> movements_;
};

}  // namespace

Plan make_plan(const Planned& before, const Planned& after) {
  return Planner(before, after).make();
}

}  // namespace sluice
