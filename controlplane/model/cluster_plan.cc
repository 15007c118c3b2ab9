// SPDX-License-Identifier: Apache-2.0
// ClusterState::plan(): the change's draft, and a step of the tables concerned, both thrown away afterwards.
#include <algorithm>

#include "change_run.h"
#include "cluster_state.h"

namespace sluice::model {
namespace {

struct PoolChange {
  std::string name;
  const PoolTable* before = nullptr;  // in the newest generation
  SharedPoolConfig after;             // null: the pool goes
};

// Slots per owner, and what each gains and loses, by identity.
std::map<std::string, PlannedBackend> compare(const SlotTable* before, const SlotTable* after) {
  std::map<std::string, PlannedBackend> backends;
  const auto slot_owner = [](const SlotTable& table, std::uint16_t id) { return table.members()[id].identity; };
  const auto note = [&](const SlotTable& table, auto&& put) {
    for (const SlotTable::Member& member : table.members())
      if (!member.identity.empty() && (member.present || member.slots > 0)) put(backends[member.identity], member);
  };
  if (before != nullptr)
    note(*before, [](PlannedBackend& backend, const SlotTable::Member& member) {
      backend.slots_before = member.slots;
      backend.weight_before = static_cast<std::uint16_t>(member.weight);
    });
  if (after != nullptr)
    note(*after, [](PlannedBackend& backend, const SlotTable::Member& member) {
      backend.slots_after = member.slots;
      backend.weight_after = static_cast<std::uint16_t>(member.weight);
    });
  const std::span<const std::uint16_t> old_owners =
      before == nullptr ? std::span<const std::uint16_t>{} : before->owners();
  const std::span<const std::uint16_t> new_owners =
      after == nullptr ? std::span<const std::uint16_t>{} : after->owners();
  const bool is_comparable = old_owners.size() == new_owners.size();
  if (!is_comparable) {
    for (auto& [identity, backend] : backends) {
      backend.gained = backend.slots_after;
      backend.lost = backend.slots_before;
    }
    return backends;
  }
  // One step keeps the ids of whoever it knows, so equal ids are equal backends.
  std::vector<std::uint32_t> gained(after == nullptr ? 0 : after->members().size());
  std::vector<std::uint32_t> lost(before == nullptr ? 0 : before->members().size());
  for (std::size_t slot = 0; slot < old_owners.size(); ++slot) {
    if (old_owners[slot] == new_owners[slot]) continue;
    ++lost[old_owners[slot]];
    ++gained[new_owners[slot]];
  }
  for (std::size_t id = 0; id < gained.size(); ++id)
    if (gained[id] > 0) backends[slot_owner(*after, static_cast<std::uint16_t>(id))].gained = gained[id];
  for (std::size_t id = 0; id < lost.size(); ++id)
    if (lost[id] > 0) backends[slot_owner(*before, static_cast<std::uint16_t>(id))].lost = lost[id];
  return backends;
}

std::optional<SlotTable> stepped(const PoolChange& change, StepReport& report) {
  if (!change.after) return std::nullopt;
  const std::uint32_t slots_count = change.after->slots_count;
  const bool follows = change.before != nullptr && change.before->slots->slots_count() == slots_count;
  Result<SlotTable> fresh = SlotTable::make({.slots_count = slots_count, .owners_max = limits::owners_max});
  if (!fresh) return std::nullopt;
  SlotTable table = follows ? *change.before->slots : std::move(*fresh);
  std::vector<SlotMember> members;
  for (const MemberConfig& member : change.after->members) members.push_back({slot_identity(member), member.weight});
  const Result<StepReport> step = table.step(members);
  if (!step) return std::nullopt;
  report = *step;
  return table;
}

PlannedPool planned(const PoolChange& change) {
  PlannedPool pool;
  pool.name = change.name;
  pool.kind = change.before == nullptr ? ChangeKind::added : change.after ? ChangeKind::changed : ChangeKind::removed;
  pool.slots_count = change.after ? change.after->slots_count : change.before->slots->slots_count();
  StepReport report;
  const std::optional<SlotTable> after = stepped(change, report);
  pool.moved = report.moved;
  pool.returned = report.returned;
  pool.minimum = report.minimum;
  const SlotTable* before = change.before == nullptr ? nullptr : change.before->slots.get();
  for (auto& [identity, backend] : compare(before, after ? &*after : nullptr)) {
    if (Result<SlotIdentity> named = parse_slot_identity(identity)) {
      backend.name = named->name;
      backend.address = named->address;
    }
    pool.backends.push_back(std::move(backend));
  }
  return pool;
}

}  // namespace

Plan ClusterState::plan(const Change& change) const {
  Plan plan;
  plan.outcome.index = applied_index_;
  plan.outcome.revision = revision_;
  ChangeRun run(*this, change);
  const std::optional<Refusal> refusal = run.run();
  plan.guards = run.guards();
  if (refusal) {
    plan.outcome.code = refusal->code;
    plan.outcome.message = refusal->message;
    plan.outcome.hint = refusal->hint;
    if (refusal->code == OutcomeCode::conflict && change.base_revision && *change.base_revision != revision_)
      plan.outcome.base_revision = change.base_revision;
    if (refusal->code != OutcomeCode::guard) return plan;
  } else if (run.draft().is_empty()) {
    plan.outcome.code = OutcomeCode::unchanged;
  } else {
    plan.outcome.revision = revision_ + 1;
  }
  const Draft& draft = run.draft();
  if (draft.moves_packets()) plan.outcome.generation = newest_generation() + 1;
  plan.changes = changes_of(draft);

  const GenerationTables& newest = prepared_ ? *prepared_ : *active_;
  std::set<std::string, std::less<>> concerned = pending_pools_;
  for (const auto& [name, pool] : draft.pools) concerned.insert(name);
  for (const std::string& name : concerned) {
    PoolChange one{name, nullptr, nullptr};
    if (const auto table = newest.pools.find(name); table != newest.pools.end()) one.before = table->second.get();
    if (const auto found = draft.pools.find(name); found != draft.pools.end()) {
      one.after = found->second;
    } else if (const auto kept = pools_.find(name); kept != pools_.end()) {
      one.after = kept->second;
    }
    if (one.before != nullptr || one.after) plan.pools.push_back(planned(one));
  }
  return plan;
}

// Of the objects in the draft alone: comparing 100,000 backends to show one would take longer than all of the rest.
std::vector<ObjectChange> ClusterState::changes_of(const Draft& draft) const {
  PoolMap pools_before;
  PoolMap pools_after;
  ServiceMap services_before;
  ServiceMap services_after;
  for (const auto& [name, pool] : draft.pools) {
    if (const auto found = pools_.find(name); found != pools_.end()) pools_before[name] = found->second;
    if (pool) pools_after[name] = pool;
  }
  for (const auto& [name, service] : draft.services) {
    if (const auto found = services_.find(name); found != services_.end()) services_before[name] = found->second;
    if (service) services_after[name] = service;
  }
  // A service shows the name of its pool, so that must be there on its side; on both, or it would look new.
  for (const ServiceMap* services : {&services_before, &services_after}) {
    for (const auto& [name, service] : *services) {
      if (draft.pools.count(service->pool) != 0) continue;
      const auto found = pools_.find(service->pool);
      SLUICE_INVARIANT(found != pools_.end());
      pools_before[service->pool] = found->second;
      pools_after[service->pool] = found->second;
    }
  }
  return diff_configs(config_of(pools_before, services_before), config_of(pools_after, services_after));
}

}  // namespace sluice::model
