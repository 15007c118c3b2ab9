// SPDX-License-Identifier: Apache-2.0
#include "state_json.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "endpoint.h"
#include "event_text.h"
#include "hex_number.h"

namespace sluice::api {
namespace {

namespace json = boost::json;

json::string text(std::string_view view) {
  return json::string(view);
}

std::string time_text_of(std::uint64_t time_ms) {
  if (time_ms == 0) return {};  // nobody has written it down
  return time_text(std::chrono::system_clock::time_point(std::chrono::milliseconds(time_ms)));
}

json::object author_json(const model::Author& author) {
  return {{"name", author.name}, {"role", author.role}, {"origin", author.origin}};
}

std::string request_id_text(const model::RequestId& id) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string hex;
  for (const std::uint8_t byte : id) {
    hex += digits[byte >> 4U];
    hex += digits[byte & 15U];
  }
  return hex;
}

double percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : std::round(static_cast<double>(part) / static_cast<double>(whole) * 1e6) / 1e4;
}

const model::PoolTable* table_of(const model::ClusterState& state, std::string_view pool) {
  const auto& pools = state.active()->pools;
  const auto found = pools.find(pool);
  return found == pools.end() ? nullptr : found->second.get();
}

std::string_view role_text(node::NodeRole role) {
  if (role == node::NodeRole::leader) return "leader";
  return role == node::NodeRole::voter ? "voter" : "learner";
}

}  // namespace

json::object service_json(const model::ServiceRecord& service) {
  return {{"name", service.config.name},
          {"address", service.config.address.to_string()},
          {"port", service.config.port.value()},
          {"protocol", text(to_text(service.config.protocol))},
          {"pool", service.pool},
          {"track", service.config.track},
          {"fragments", service.config.fragments},
          {"unreachable", service.config.unreachable}};
}

json::object pool_json(const PoolConfig& pool) {
  std::uint64_t weight = 0;
  for (const MemberConfig& member : pool.members) weight += member.weight;
  return {{"name", pool.name},
          {"encapsulation", text(to_text(pool.encapsulation))},
          {"gue_port", pool.gue_port.value()},
          {"slots", pool.slots_count},
          {"mtu", pool.mtu},
          {"backends", pool.members.size()},
          {"weight", weight}};
}

json::object backend_json(const model::ClusterState& state, const PoolConfig& pool, const MemberConfig& backend) {
  std::uint32_t slots = 0;
  std::uint32_t previous = 0;
  const model::PoolTable* table = table_of(state, pool.name);
  if (table != nullptr && table->slots) {
    if (const auto id = table->slots->find(model::slot_identity(backend))) {
      slots = table->slots->members()[*id].slots;
      previous = table->slots->members()[*id].remembered;
    }
  }
  return {{"pool", pool.name},         {"name", backend.name}, {"address", backend.address.to_string()},
          {"weight", backend.weight},  {"slots", slots},       {"share_percent", percent(slots, pool.slots_count)},
          {"previous_slots", previous}};
}

json::array backends_json(const model::ClusterState& state, const PoolConfig& pool) {
  json::array backends;
  for (const MemberConfig& member : pool.members) backends.push_back(backend_json(state, pool, member));
  return backends;
}

json::object table_json(const model::PoolTable& table, TableDetail detail) {
  json::object object = {{"name", table.config->name}, {"slots", table.config->slots_count}};
  json::array members;
  const auto& rows = table.slots->members();
  // Ids that are free leave gaps in the table; positions in the answer have none.
  std::vector<std::uint32_t> positions(rows.size(), 0);
  for (std::size_t id = 0; id < rows.size(); ++id) {
    positions[id] = static_cast<std::uint32_t>(members.size());
    if (rows[id].identity.empty()) continue;
    const auto identity = model::parse_slot_identity(rows[id].identity);
    members.push_back({{"name", identity ? identity->name : rows[id].identity},
                       {"address", identity ? identity->address.to_string() : std::string()},
                       {"weight", rows[id].present ? rows[id].weight : 0},
                       {"slots", rows[id].slots}});
  }
  object["members"] = std::move(members);
  if (detail == TableDetail::owners) {
    json::array& owners = object["owners"].emplace_array();
    for (const std::uint16_t owner : table.slots->owners()) owners.push_back(positions[owner]);
  }
  return object;
}

json::object node_json(const node::NodeStatus& status) {
  return {{"name", status.name},
          {"role", text(role_text(status.role))},
          {"applied", status.applied.value()},
          {"generation", status.generation.value()},
          {"table_hash", hash_text(status.table_hash)},
          {"plane", status.plane},
          {"live", status.is_live},
          {"fenced", status.is_fenced},
          {"lag", status.lag},
          {"id", hex_text(status.id.value())},
          {"address", status.address},
          {"version", status.version}};
}

json::object cluster_json(const node::ClusterStatus& status) {
  json::object object;
  object["leader"] = nullptr;
  object["term"] = status.term.value();
  json::array nodes;
  std::string self;
  for (const node::NodeStatus& each : status.nodes) {
    if (each.id == status.leader && status.leader.value() != 0) object["leader"] = each.name;
    if (each.id == status.self) self = each.name;
    nodes.push_back(node_json(each));
  }
  object["nodes"] = std::move(nodes);
  object["cluster_id"] = status.cluster_id;
  object["cluster"] = status.cluster_name;
  object["self"] = self;
  object["commit"] = status.commit.value();
  object["generation"] = status.generation.value();
  object["revision"] = status.revision;
  object["voters"] = status.voters;
  object["quorum"] = status.quorum;
  object["reachable"] = status.reachable;
  object["reason"] = status.reason;
  return object;
}

json::object revision_json(const model::RevisionInfo& revision) {
  return {
      {"revision", revision.revision},          {"index", revision.index},     {"time", time_text_of(revision.time_ms)},
      {"author", author_json(revision.author)}, {"comment", revision.comment}, {"summary", revision.summary}};
}

json::object audit_json(const model::AuditEntry& entry) {
  return {{"sequence", entry.sequence},
          {"index", entry.index},
          {"time", time_text_of(entry.time_ms)},
          {"time_ms", entry.time_ms},
          {"request_id", request_id_text(entry.request_id)},
          {"author", author_json(entry.author)},
          {"comment", entry.comment},
          {"summary", entry.summary},
          {"outcome", text(model::to_text(entry.code))},
          {"revision", entry.revision},
          {"message", entry.message},
          {"chain", to_hex(entry.chain)}};
}

Plan plan_of(const model::ClusterState& state, const model::Plan& planned) {
  Plan plan;
  std::map<std::string, Movement, std::less<>> movements;
  for (const model::PlannedPool& pool : planned.pools) {
    PoolPlan row;
    row.name = pool.name;
    if (pool.kind != ChangeKind::added) row.slots_before = pool.slots_count;
    if (pool.kind != ChangeKind::removed) row.slots_after = pool.slots_count;
    for (const model::PlannedBackend& backend : pool.backends) {
      const bool is_before =
          pool.kind != ChangeKind::added && (backend.weight_before != 0 || backend.slots_before != 0);
      const bool is_after = pool.kind != ChangeKind::removed && (backend.weight_after != 0 || backend.slots_after != 0);
      row.backends.push_back({backend.name, backend.address.to_string(),
                              is_before ? std::optional<std::uint32_t>(backend.weight_before) : std::nullopt,
                              is_after ? std::optional<std::uint32_t>(backend.weight_after) : std::nullopt,
                              backend.slots_before, backend.slots_after});
      row.table_before += backend.slots_before;
      row.table_after += backend.slots_after;
    }
    const auto share = [&](std::uint32_t slots) {
      return pool.slots_count == 0 ? 0.0 : static_cast<double>(slots) / static_cast<double>(pool.slots_count);
    };
    row.movement = {share(pool.moved), share(pool.minimum), pool.moved, pool.minimum};
    movements.emplace(pool.name, row.movement);
    plan.pools.push_back(std::move(row));
  }
  for (const auto& [name, service] : state.services()) {
    const auto found = movements.find(service->pool);
    if (found == movements.end()) continue;
    const ServiceConfig& config = service->config;
    plan.services.push_back({name, service_address_text(config.address, config.port, config.protocol), service->pool,
                             service->pool, config.track && !config.fragments, found->second});
  }
  return plan;
}

}  // namespace sluice::api
