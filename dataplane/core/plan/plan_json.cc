// SPDX-License-Identifier: Apache-2.0
#include "plan_json.h"

#include <boost/json.hpp>
#include <cmath>

namespace sluice {
namespace {

namespace json = boost::json;

// Four digits after the point tell one slot of 655,373.
double rounded_percent(double share) {
  return std::round(share * 1e6) / 1e4;
}

double share_of(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

json::value optional_json(const auto& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

void add_movement(json::object& object, const Movement& movement) {
  object["moved_percent"] = rounded_percent(movement.moved);
  object["minimum_percent"] = rounded_percent(movement.minimum);
  object["moved"] = optional_json(movement.moved_slots);
  object["minimum"] = optional_json(movement.minimum_slots);
}

json::object backend_json(const PoolPlan& pool, const BackendPlan& backend) {
  return {{"name", backend.name},
          {"address", backend.address},
          {"weight_before", optional_json(backend.weight_before)},
          {"weight_after", optional_json(backend.weight_after)},
          {"slots_before", backend.slots_before},
          {"slots_after", backend.slots_after},
          {"share_before", rounded_percent(share_of(backend.slots_before, pool.table_before))},
          {"share_after", rounded_percent(share_of(backend.slots_after, pool.table_after))}};
}

// ---- and back ----

const json::object& object_in(const json::value& value) {
  static const json::object empty;
  return value.is_object() ? value.get_object() : empty;
}

const json::array& array_in(const json::object& object, std::string_view key) {
  static const json::array empty;
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_array() ? value->get_array() : empty;
}

template <typename T>
std::optional<T> number_in(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  boost::system::error_code error;
  const T number = value->to_number<T>(error);
  return error ? std::nullopt : std::optional<T>(number);
}

std::optional<std::string> text_in(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string(value->get_string());
}

bool flag_in(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_bool() && value->get_bool();
}

Movement movement_in(const json::object& object) {
  return {number_in<double>(object, "moved_percent").value_or(0) / 100,
          number_in<double>(object, "minimum_percent").value_or(0) / 100, number_in<std::uint64_t>(object, "moved"),
          number_in<std::uint64_t>(object, "minimum")};
}

PoolPlan pool_in(const json::object& object) {
  PoolPlan pool;
  pool.name = text_in(object, "pool").value_or("");
  pool.slots_before = number_in<std::uint32_t>(object, "slots_before");
  pool.slots_after = number_in<std::uint32_t>(object, "slots_after");
  pool.movement = movement_in(object);
  for (const json::value& value : array_in(object, "backends")) {
    const json::object& row = object_in(value);
    BackendPlan backend;
    backend.name = text_in(row, "name").value_or("");
    backend.address = text_in(row, "address").value_or("");
    backend.weight_before = number_in<std::uint32_t>(row, "weight_before");
    backend.weight_after = number_in<std::uint32_t>(row, "weight_after");
    backend.slots_before = number_in<std::uint64_t>(row, "slots_before").value_or(0);
    backend.slots_after = number_in<std::uint64_t>(row, "slots_after").value_or(0);
    // A table is full or empty.
    if (backend.slots_before != 0) pool.table_before = pool.slots_before.value_or(0);
    if (backend.slots_after != 0) pool.table_after = pool.slots_after.value_or(0);
    pool.backends.push_back(std::move(backend));
  }
  return pool;
}

}  // namespace

json::object plan_json(const Plan& plan) {
  json::array pools;
  for (const PoolPlan& pool : plan.pools) {
    json::array backends;
    for (const BackendPlan& backend : pool.backends) backends.push_back(backend_json(pool, backend));
    json::object row = {{"pool", pool.name},
                        {"slots_before", optional_json(pool.slots_before)},
                        {"slots_after", optional_json(pool.slots_after)}};
    add_movement(row, pool.movement);
    row["backends"] = std::move(backends);
    pools.push_back(std::move(row));
  }
  json::array services;
  for (const ServicePlan& service : plan.services) {
    json::object row = {{"service", service.name},
                        {"vip", service.address},
                        {"pool_before", optional_json(service.pool_before)},
                        {"pool_after", optional_json(service.pool_after)},
                        {"tracked", service.tracked}};
    add_movement(row, service.movement);
    services.push_back(std::move(row));
  }
  return {{"rehashed", plan.rehashed}, {"pools", std::move(pools)}, {"services", std::move(services)}};
}

json::array changes_json(const std::vector<ObjectChange>& changes) {
  json::array list;
  for (const ObjectChange& change : changes) {
    json::array fields;
    for (const FieldChange& field : change.fields) {
      fields.push_back({{"field", field.field}, {"before", field.before}, {"after", field.after}});
    }
    list.push_back({{"change", json::string(to_text(change.kind))},
                    {"object", change.object},
                    {"name", change.name},
                    {"fields", std::move(fields)}});
  }
  return list;
}

Plan plan_of_json(const json::object& object) {
  Plan plan;
  plan.rehashed = flag_in(object, "rehashed");
  for (const json::value& pool : array_in(object, "pools")) plan.pools.push_back(pool_in(object_in(pool)));
  for (const json::value& value : array_in(object, "services")) {
    const json::object& row = object_in(value);
    ServicePlan service;
    service.name = text_in(row, "service").value_or("");
    service.address = text_in(row, "vip").value_or("");
    service.pool_before = text_in(row, "pool_before");
    service.pool_after = text_in(row, "pool_after");
    service.tracked = flag_in(row, "tracked");
    service.movement = movement_in(row);
    plan.services.push_back(std::move(service));
  }
  return plan;
}

std::vector<ObjectChange> changes_of_json(const json::array& array) {
  std::vector<ObjectChange> changes;
  for (const json::value& value : array) {
    const json::object& row = object_in(value);
    ObjectChange change;
    const std::string kind = text_in(row, "change").value_or("");
    if (kind == to_text(ChangeKind::added)) change.kind = ChangeKind::added;
    if (kind == to_text(ChangeKind::removed)) change.kind = ChangeKind::removed;
    change.object = text_in(row, "object").value_or("");
    change.name = text_in(row, "name").value_or("");
    for (const json::value& each : array_in(row, "fields")) {
      const json::object& field = object_in(each);
      change.fields.push_back({text_in(field, "field").value_or(""), text_in(field, "before").value_or(""),
                               text_in(field, "after").value_or("")});
    }
    changes.push_back(std::move(change));
  }
  return changes;
}

}  // namespace sluice
