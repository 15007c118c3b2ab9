// SPDX-License-Identifier: Apache-2.0
#include "cluster_tables.h"

#include <fmt/format.h>

#include <algorithm>

#include "byte_codec.h"
#include "model_parts.h"
#include "pool_form.h"
#include "siphash.h"
#include "value_codec.h"

namespace sluice::model {
namespace {

constexpr SipKey generation_key = sip_key("sluice-clustr-01");

std::vector<SlotMember> slot_members(const PoolConfig& config) {
  std::vector<SlotMember> members;
  members.reserve(config.members.size());
  for (const MemberConfig& member : config.members) members.push_back({slot_identity(member), member.weight});
  return members;
}

SlotTable empty_table(std::uint32_t slots_count) {
  Result<SlotTable> table = SlotTable::make({.slots_count = slots_count, .owners_max = limits::owners_max});
  SLUICE_INVARIANT(table.has_value());  // slots_fault() has seen the number
  return std::move(*table);
}

}  // namespace

std::string slot_identity(const MemberConfig& member) {
  return member.name + '@' + member.address.to_string();
}

Result<SlotIdentity> parse_slot_identity(std::string_view identity) {
  const std::size_t at = identity.find('@');
  if (at != std::string_view::npos && at > 0) {
    const Result<IpAddress> address = IpAddress::parse(identity.substr(at + 1));
    if (address) return SlotIdentity{std::string(identity.substr(0, at)), *address};
  }
  return make_error(ErrorCode::invalid_argument, fmt::format("'{}' names no backend: name@address does", identity));
}

void BackendIds::hold(const BackendKey& key) {
  Held& held = ids_[key];
  if (held.id == 0) held.id = next_++;
  ++held.holders;
}

void BackendIds::release(const BackendKey& key) {
  const auto found = ids_.find(key);
  SLUICE_INVARIANT(found != ids_.end() && found->second.holders > 0);
  if (--found->second.holders == 0) ids_.erase(found);
}

std::uint32_t BackendIds::find(const BackendKey& key) const {
  const auto found = ids_.find(key);
  return found == ids_.end() ? 0 : found->second.id;
}

std::vector<std::pair<BackendKey, std::uint32_t>> BackendIds::all() const {
  std::vector<std::pair<BackendKey, std::uint32_t>> ids;
  ids.reserve(ids_.size());
  for (const auto& [key, held] : ids_) ids.emplace_back(key, held.id);
  return ids;
}

Result<BackendIds> BackendIds::restore(std::span<const std::pair<BackendKey, std::uint32_t>> ids, std::uint32_t next) {
  BackendIds made;
  made.next_ = next;
  std::set<std::uint32_t> seen;
  for (const auto& [key, id] : ids) {
    if (id == 0 || id >= next || !seen.insert(id).second || !made.ids_.emplace(key, Held{id, 0}).second)
      return make_error(ErrorCode::invalid_argument, fmt::format("backend id {} stands twice or was never given", id));
  }
  return made;
}

bool BackendIds::has_unheld() const {
  return std::any_of(ids_.begin(), ids_.end(), [](const auto& entry) { return entry.second.holders == 0; });
}

ServiceFacts::Families ServiceFacts::of(std::string_view pool) const {
  const auto found = families.find(pool);
  return found == families.end() ? Families{} : found->second;
}

SharedFacts facts_of(const ServiceMap& services) {
  auto facts = std::make_shared<ServiceFacts>();
  for (const auto& [name, service] : services) {
    facts->vips.insert(service->config.address);
    ServiceFacts::Families& families = facts->families[service->pool];
    (service->config.address.is_v4() ? families.v4 : families.v6) = true;
  }
  return facts;
}

std::vector<BackendKey> backend_keys(const PoolConfig& config, const SlotTable& slots) {
  std::vector<BackendKey> keys;
  keys.reserve(slots.members().size());
  for (const SlotTable::Member& member : slots.members()) {
    if (member.identity.empty()) continue;
    const Result<SlotIdentity> identity = parse_slot_identity(member.identity);
    SLUICE_INVARIANT(identity.has_value());
    keys.push_back(backend_key_of(config, {identity->name, identity->address, 0}));
  }
  return keys;
}

bool remembers_any(const SlotTable& slots, const AddressSet& addresses) {
  if (addresses.empty()) return false;
  return std::any_of(slots.members().begin(), slots.members().end(), [&](const SlotTable::Member& member) {
    if (member.identity.empty() || member.present) return false;
    const Result<SlotIdentity> identity = parse_slot_identity(member.identity);
    return identity && addresses.count(identity->address) != 0;
  });
}

SharedPoolTable pool_table_of(const SharedPoolConfig& config, std::shared_ptr<const SlotTable> slots,
                              const ServiceFacts& facts, const BackendIds& ids) {
  auto table = std::make_shared<PoolTable>();
  table->config = config;
  table->slots_hash = slots->hash();
  table->slots = std::move(slots);
  table->forwarding = state_pool(*table, nullptr, facts, ids, Remembered::kept);
  return table;
}

SharedPoolTable next_pool_table(const SharedPoolConfig& config, const PoolTable* before, const ServiceFacts& facts,
                                BackendIds& ids) {
  const bool follows = before != nullptr && before->slots->slots_count() == config->slots_count;
  SlotTable slots = follows ? *before->slots : empty_table(config->slots_count);
  const std::vector<SlotMember> members = slot_members(*config);
  if (!slots.step(members)) {
    // No id is left beside those that slots remember: only a table without a past has room for all of them.
    slots = empty_table(config->slots_count);
    const Result<StepReport> filled = slots.step(members);
    SLUICE_INVARIANT(filled.has_value());
  }
  for (const BackendKey& key : backend_keys(*config, slots)) ids.hold(key);
  return pool_table_of(config, std::make_shared<const SlotTable>(std::move(slots)), facts, ids);
}

namespace {

// docs/model.md, "Table hash".
std::uint64_t hash_of(const GenerationTables& tables) {
  ByteWriter out;
  out.put(static_cast<std::uint32_t>(tables.pools.size()));
  for (const auto& [name, table] : tables.pools) {
    out.put_text(name);
    out.put(static_cast<std::uint8_t>(table->config->encapsulation));
    out.put(table->config->gue_port);
    out.put(table->config->mtu);
    out.put(table->slots_hash);
    out.put(static_cast<std::uint32_t>(table->forwarding->members.size()));
    for (const StateMember& member : table->forwarding->members) out.put(member.backend_id);
  }
  out.put(static_cast<std::uint32_t>(tables.services->size()));
  for (const auto& [name, service] : *tables.services) put_service(out, *service);
  return siphash24(generation_key, out.view());
}

SharedServices services_of(const GenerationTables& tables) {
  std::map<std::string_view, std::uint32_t> places;
  for (const auto& [name, table] : tables.pools) places.emplace(name, static_cast<std::uint32_t>(places.size()));
  std::vector<ServiceConfig> list;
  list.reserve(tables.services->size());
  for (const auto& [name, service] : *tables.services) {
    ServiceConfig& config = list.emplace_back(service->config);
    const auto place = places.find(service->pool);
    SLUICE_INVARIANT(place != places.end());
    config.pool_index = place->second;
  }
  return make_state_services(std::move(list));
}

bool has_same_pool_names(const GenerationTables& a, const GenerationTables& b) {
  return std::equal(a.pools.begin(), a.pools.end(), b.pools.begin(), b.pools.end(),
                    [](const auto& left, const auto& right) { return left.first == right.first; });
}

// Two pools reach backends alike but for the MTU: only then can the same backend be reached in two ways.
bool has_mixed_mtu(const GenerationTables& tables) {
  std::map<std::pair<Encapsulation, PortHost>, std::uint16_t> mtus;
  return std::any_of(tables.pools.begin(), tables.pools.end(), [&](const auto& entry) {
    const PoolConfig& config = *entry.second->config;
    const PortHost port = config.encapsulation == Encapsulation::gue ? config.gue_port : PortHost{};
    return mtus.emplace(std::pair(config.encapsulation, port), config.mtu).first->second != config.mtu;
  });
}

bool remembers_anybody(const SlotTable& slots) {
  return std::any_of(slots.members().begin(), slots.members().end(),
                     [](const SlotTable::Member& member) { return !member.identity.empty() && !member.present; });
}

// A backend that a pool only remembers may be in another one now, with another MTU. Present ones never contradict each
// other, so without the memories the state is good.
void forget_contradictions(GenerationTables& tables, const BackendIds& ids) {
  ForwardingState& state = tables.forwarding;
  if (!has_mixed_mtu(tables) || check_state(state)) return;
  std::size_t place = 0;
  for (const auto& [name, table] : tables.pools) {
    SharedPool& pool = state.pools[place++];
    if (!remembers_anybody(*table->slots)) continue;
    pool = state_pool(*table, nullptr, *tables.facts, ids, Remembered::left_out);
  }
}

}  // namespace

SharedGeneration make_generation(std::uint64_t number, std::map<std::string, SharedPoolTable, std::less<>> pools,
                                 std::shared_ptr<const ServiceMap> services, SharedFacts facts,
                                 const HashKeyBytes& hash_key, const GenerationTables* before, const BackendIds& ids) {
  auto tables = std::make_shared<GenerationTables>();
  tables->number = number;
  tables->pools = std::move(pools);
  tables->services = std::move(services);
  tables->facts = std::move(facts);
  tables->table_hash = hash_of(*tables);
  ForwardingState& state = tables->forwarding;
  state.generation = number;
  state.phase = StatePhase::active;
  state.table_hash = tables->table_hash;
  state.hash_key = hash_key;
  for (const auto& [name, table] : tables->pools) state.pools.push_back(table->forwarding);
  const bool can_share =
      before != nullptr && before->services == tables->services && has_same_pool_names(*before, *tables);
  state.services = can_share ? before->forwarding.services : services_of(*tables);
  forget_contradictions(*tables, ids);
  return tables;
}

PreparedForm make_prepared_form(const GenerationTables& active, const GenerationTables& coming, BackendIds& ids) {
  PreparedForm form;
  form.state = active.forwarding;
  form.state.generation = coming.number;
  form.state.phase = StatePhase::prepared;
  form.state.table_hash = coming.table_hash;
  std::size_t place = 0;
  for (const auto& [name, now] : active.pools) {
    SharedPool& pool = form.state.pools[place++];
    const auto found = coming.pools.find(name);
    // By the hash: a table that was read from a snapshot is another object.
    if (found == coming.pools.end() || found->second->slots_hash == now->slots_hash) continue;
    const PoolTable& next = *found->second;
    if (next.slots->slots_count() != now->slots->slots_count() || now->slots->empty() || next.slots->empty()) continue;
    for (const BackendKey& key : backend_keys(*now->config, *next.slots)) {
      ids.hold(key);
      form.held.push_back(key);
    }
    pool = state_pool(*now, &next, *active.facts, ids, Remembered::kept);
  }
  // A coming backend may be in another pool already, with an MTU that this one will have as well.
  if (has_mixed_mtu(active) && !check_state(form.state)) form.state.pools = active.forwarding.pools;
  return form;
}

}  // namespace sluice::model
