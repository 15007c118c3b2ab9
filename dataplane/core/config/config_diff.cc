// SPDX-License-Identifier: Apache-2.0
#include "config_diff.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <unordered_map>

namespace sluice {
namespace {

// An object as ordered (field, value) text: comparing texts keeps one list of fields per kind of object.
using Fields = std::vector<std::pair<std::string_view, std::string>>;

Fields fields_of(const Config& config) {
  const PlaneConfig& plane = config.plane;
  const auto optional_text = [](const std::optional<IpAddress>& address) {
    return address ? address->to_string() : std::string();
  };
  return {{"interfaces", fmt::format("{}", fmt::join(plane.interfaces, ", "))},
          {"mode", std::string(to_text(plane.mode))},
          {"source_ipv4", optional_text(plane.source_ipv4)},
          {"source_ipv6", optional_text(plane.source_ipv6)},
          {"control_socket", plane.control_socket},
          {"pin_directory", plane.pin_directory},
          {"control", std::string(to_text(plane.control))},
          {"state_file", plane.state_file},
          {"flows_per_cpu", std::to_string(plane.flows_per_cpu)},
          {"new_flows_per_second", std::to_string(plane.new_flows_per_second)},
          {"icmp_per_second", std::to_string(plane.icmp_per_second)}};
}

Fields fields_of(const DpdkConfig& dpdk) {
  return {{"workers", std::to_string(dpdk.workers)},
          {"cpus", fmt::format("{}", fmt::join(dpdk.cpus, ", "))},
          {"idle", std::string(to_text(dpdk.idle))},
          {"memory", std::string(to_text(dpdk.memory))},
          {"packet_buffers", std::to_string(dpdk.packet_buffers)}};
}

struct NamedPort {
  std::string name;
  const DpdkPortConfig* port;
};

Fields fields_of(const NamedPort& named) {
  const DpdkPortConfig& port = *named.port;
  return {{"device", port.device},
          {"queues", std::to_string(port.queues)},
          {"kernel_interface", port.kernel_interface.value_or("")},
          {"mtu", std::to_string(port.mtu)}};
}

Fields fields_of(const PoolConfig& pool) {
  return {{"encapsulation", std::string(to_text(pool.encapsulation))},
          {"gue_port", std::to_string(pool.gue_port.value())},
          {"slots", std::to_string(pool.slots_count)},
          {"mtu", std::to_string(pool.mtu)}};
}

Fields fields_of(const MemberConfig& member) {
  return {{"address", member.address.to_string()}, {"weight", std::to_string(member.weight)}};
}

struct NamedService {
  std::string name;
  const ServiceConfig* service;
  const Config* config;
};

Fields fields_of(const NamedService& named) {
  const ServiceConfig& service = *named.service;
  const auto flag = [](bool value) { return std::string(value ? "true" : "false"); };
  return {{"address", service.address.to_string()},
          {"port", std::to_string(service.port.value())},
          {"protocol", std::string(to_text(service.protocol))},
          {"pool", named.config->pools.at(service.pool_index).name},
          {"track", flag(service.track)},
          {"fragments", flag(service.fragments)},
          {"unreachable", flag(service.unreachable)}};
}

std::vector<FieldChange> all_fields(const Fields& fields, ChangeKind kind) {
  std::vector<FieldChange> changes;
  for (const auto& [field, value] : fields) {
    const bool added = kind == ChangeKind::added;
    changes.push_back({std::string(field), added ? "" : value, added ? value : ""});
  }
  return changes;
}

std::vector<FieldChange> differing_fields(const Fields& before, const Fields& after) {
  SLUICE_INVARIANT(before.size() == after.size());
  std::vector<FieldChange> changes;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i].second == after[i].second) continue;
    changes.push_back({std::string(before[i].first), before[i].second, after[i].second});
  }
  return changes;
}

template <typename Object>
std::unordered_map<std::string_view, const Object*> by_name(const std::vector<Object>& objects) {
  std::unordered_map<std::string_view, const Object*> map;
  for (const Object& object : objects) map.emplace(object.name, &object);
  return map;
}

// `inside(before, after)` runs after each object's own change, either pointer null if there is none.
template <typename Object, typename Inside>
void diff_objects(std::string_view noun, const std::string& prefix, const std::vector<Object>& before,
                  const std::vector<Object>& after, std::vector<ObjectChange>& changes, Inside inside) {
  const auto old_ones = by_name(before);
  const auto new_ones = by_name(after);
  for (const Object& now : after) {
    const auto old = old_ones.find(now.name);
    if (old == old_ones.end()) {
      changes.push_back(
          {ChangeKind::added, std::string(noun), prefix + now.name, all_fields(fields_of(now), ChangeKind::added)});
      inside(static_cast<const Object*>(nullptr), &now);
      continue;
    }
    auto fields = differing_fields(fields_of(*old->second), fields_of(now));
    if (!fields.empty()) {
      changes.push_back({ChangeKind::changed, std::string(noun), prefix + now.name, std::move(fields)});
    }
    inside(old->second, &now);
  }
  for (const Object& gone : before) {
    if (new_ones.count(gone.name) != 0) continue;
    changes.push_back(
        {ChangeKind::removed, std::string(noun), prefix + gone.name, all_fields(fields_of(gone), ChangeKind::removed)});
    inside(&gone, static_cast<const Object*>(nullptr));
  }
}

std::vector<NamedService> named_services(const Config& config) {
  std::vector<NamedService> named;
  for (const ServiceConfig& service : config.services) named.push_back({service.name, &service, &config});
  return named;
}

std::vector<NamedPort> named_ports(const std::optional<DpdkConfig>& dpdk) {
  std::vector<NamedPort> named;
  if (!dpdk) return named;
  for (const DpdkPortConfig& port : dpdk->ports) named.push_back({std::string(device_name(port.device)), &port});
  return named;
}

void diff_dpdk(const std::optional<DpdkConfig>& before, const std::optional<DpdkConfig>& after,
               std::vector<ObjectChange>& changes) {
  if (!before && !after) return;
  if (!before) {
    changes.push_back({ChangeKind::added, "dpdk", "", all_fields(fields_of(*after), ChangeKind::added)});
  } else if (!after) {
    changes.push_back({ChangeKind::removed, "dpdk", "", all_fields(fields_of(*before), ChangeKind::removed)});
  } else if (auto fields = differing_fields(fields_of(*before), fields_of(*after)); !fields.empty()) {
    changes.push_back({ChangeKind::changed, "dpdk", "", std::move(fields)});
  }
  diff_objects("port", "", named_ports(before), named_ports(after), changes, [](const NamedPort*, const NamedPort*) {});
}

}  // namespace

std::string_view to_text(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::added:
      return "added";
    case ChangeKind::removed:
      return "removed";
    case ChangeKind::changed:
      return "changed";
  }
  return "?";
}

std::vector<ObjectChange> diff_configs(const Config& before, const Config& after) {
  std::vector<ObjectChange> changes;
  std::vector<FieldChange> plane = differing_fields(fields_of(before), fields_of(after));
  if (before.hash_key != after.hash_key) {
    plane.insert(plane.begin(), {"hash_key", "(secret)", "(another secret)"});
  }
  if (!plane.empty()) changes.push_back({ChangeKind::changed, "plane", "", std::move(plane)});
  diff_dpdk(before.plane.dpdk, after.plane.dpdk, changes);

  static const std::vector<MemberConfig> none;
  diff_objects("pool", "", before.pools, after.pools, changes, [&](const PoolConfig* old, const PoolConfig* now) {
    const std::string prefix = (now == nullptr ? old->name : now->name) + '/';
    diff_objects("backend", prefix, old == nullptr ? none : old->members, now == nullptr ? none : now->members, changes,
                 [](const MemberConfig*, const MemberConfig*) {});
  });
  diff_objects("service", "", named_services(before), named_services(after), changes,
               [](const NamedService*, const NamedService*) {});
  return changes;
}

}  // namespace sluice
