// SPDX-License-Identifier: Apache-2.0
#include "change_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "config_rules.h"
#include "suggest.h"

namespace sluice::model {
namespace {

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

template <typename Map>
std::vector<std::string_view> names_of(const Map& map) {
  std::vector<std::string_view> names;
  names.reserve(map.size());
  for (const auto& [name, value] : map) names.push_back(name);
  return names;
}

Refusal taken(std::string_view noun, std::string_view name) {
  return {OutcomeCode::conflict, fmt::format("{} {} is there already", noun, in_quotes(name)),
          "change it with set, or choose another name"};
}

std::optional<Refusal> check_mode(PutMode mode, std::string_view noun, std::string_view name,
                                  std::optional<Refusal> absent) {
  if (mode == PutMode::create && !absent) return taken(noun, name);
  if (mode == PutMode::replace && absent) return absent;
  return std::nullopt;
}

// Where it is or belongs: members stand in order of names.
std::vector<MemberConfig>::iterator place_of(PoolConfig& pool, std::string_view name) {
  return std::lower_bound(pool.members.begin(), pool.members.end(), name,
                          [](const MemberConfig& member, std::string_view wanted) { return member.name < wanted; });
}

std::optional<Refusal> text_fault(std::string_view what, std::string_view text, std::size_t bytes_max) {
  if (text.size() > bytes_max)
    return Refusal{OutcomeCode::invalid, fmt::format("{} of {} bytes; allowed: {}", what, text.size(), bytes_max)};
  if (has_control_character(text))
    return Refusal{OutcomeCode::invalid, fmt::format("{} with a control character; allowed: one line of text", what)};
  return std::nullopt;
}

}  // namespace

Refusal no_such(std::string_view noun, std::string_view name, std::span<const std::string_view> known,
                std::string hint) {
  return {OutcomeCode::not_found, fmt::format("there is no {} {}{}", noun, in_quotes(name), did_you_mean(name, known)),
          std::move(hint)};
}

const MemberConfig* find_member(const PoolConfig& pool, std::string_view name) {
  const auto found =
      std::lower_bound(pool.members.begin(), pool.members.end(), name,
                       [](const MemberConfig& member, std::string_view wanted) { return member.name < wanted; });
  return found == pool.members.end() || found->name != name ? nullptr : &*found;
}

std::optional<Refusal> ChangeRun::run() {
  if (auto refusal = check_form()) return refusal;
  if (auto refusal = do_operations()) return refusal;
  drop_what_is_equal();
  if (auto refusal = check_counts()) return refusal;
  if (auto refusal = check_references()) return refusal;
  if (auto refusal = check_values()) return refusal;
  find_guards();
  if (guards_.empty() || change_.force) return std::nullopt;
  std::string message = guards_.front();
  if (guards_.size() > 1) message += fmt::format(" (and {} more)", guards_.size() - 1);
  return Refusal{OutcomeCode::guard, std::move(message), "see what would move with plan; use --force if it is meant"};
}

std::optional<Refusal> ChangeRun::check_form() const {
  if (change_.base_revision && *change_.base_revision != state_.revision_) {
    return Refusal{OutcomeCode::conflict,
                   fmt::format("the change was made for revision {}, and the cluster is at {}", *change_.base_revision,
                               state_.revision_),
                   "look at what has changed and try again"};
  }
  if (change_.operations.empty()) return Refusal{OutcomeCode::invalid, "a change without an operation"};
  if (change_.operations.size() > limits::operations_max) {
    return Refusal{OutcomeCode::invalid, fmt::format("{} operations are too many; allowed: {} in one change",
                                                     change_.operations.size(), limits::operations_max)};
  }
  if (auto fault = text_fault("a comment", change_.comment, limits::comment_bytes_max)) return fault;
  for (const std::string* text : {&change_.author.name, &change_.author.role, &change_.author.origin})
    if (auto fault = text_fault("an author", *text, limits::author_bytes_max)) return fault;
  return std::nullopt;
}

std::optional<Refusal> ChangeRun::do_operations() {
  for (const Operation& operation : change_.operations) {
    auto refusal = std::visit([this](const auto& op) { return perform(op); }, operation);
    if (refusal) return refusal;
  }
  return std::nullopt;
}

const PoolConfig* ChangeRun::pool(std::string_view name) const {
  if (const auto found = draft_.pools.find(name); found != draft_.pools.end()) return found->second.get();
  const auto found = state_.pools_.find(name);
  return found == state_.pools_.end() ? nullptr : found->second.get();
}

const ServiceRecord* ChangeRun::service(std::string_view name) const {
  if (const auto found = draft_.services.find(name); found != draft_.services.end()) return found->second.get();
  const auto found = state_.services_.find(name);
  return found == state_.services_.end() ? nullptr : found->second.get();
}

const BalancerRecord* ChangeRun::balancer(std::string_view name) const {
  if (const auto found = draft_.balancers.find(name); found != draft_.balancers.end())
    return found->second ? &*found->second : nullptr;
  const auto found = state_.balancers_.find(name);
  return found == state_.balancers_.end() ? nullptr : &found->second;
}

PoolConfig& ChangeRun::own_pool(std::string_view name) {
  if (const auto found = draft_.pools.find(name); found != draft_.pools.end()) return *found->second;
  auto copy = std::make_shared<PoolConfig>(*pool(name));
  return *draft_.pools.emplace(std::string(name), std::move(copy)).first->second;
}

// In order of names, so that no order of a file is a difference.
void ChangeRun::put(const PoolConfig& pool) {
  auto own = std::make_shared<PoolConfig>(pool);
  std::stable_sort(own->members.begin(), own->members.end(),
                   [](const MemberConfig& a, const MemberConfig& b) { return a.name < b.name; });
  draft_.pools[pool.name] = std::move(own);
}

void ChangeRun::put(const ServiceRecord& service) {
  auto record = std::make_shared<ServiceRecord>(service);
  record->config.pool_index = 0;
  draft_.services[service.config.name] = std::move(record);
}

Refusal ChangeRun::no_pool(std::string_view name) const {
  return no_such("pool", name, names_of(state_.pools_), "sluice pool list");
}

Refusal ChangeRun::no_service(std::string_view name) const {
  return no_such("service", name, names_of(state_.services_), "sluice service list");
}

Refusal ChangeRun::no_backend(const PoolConfig& pool, std::string_view name) const {
  std::vector<std::string_view> names;
  for (const MemberConfig& member : pool.members) names.push_back(member.name);
  return no_such(fmt::format("backend in pool \"{}\" named", pool.name), name, names,
                 fmt::format("sluice backend list {}", pool.name));
}

std::optional<Refusal> ChangeRun::operator()(const PutPool& op) {
  const std::string& name = op.pool.name;
  const auto absent = pool(name) == nullptr ? std::optional(no_pool(name)) : std::nullopt;
  if (auto refusal = check_mode(op.mode, "pool", name, absent)) return refusal;
  put(op.pool);
  return std::nullopt;
}

std::optional<Refusal> ChangeRun::operator()(const SetPool& op) {
  if (pool(op.name) == nullptr) return no_pool(op.name);
  PoolConfig& own = own_pool(op.name);
  if (op.encapsulation) own.encapsulation = *op.encapsulation;
  if (op.gue_port) own.gue_port = *op.gue_port;
  if (op.slots_count) own.slots_count = *op.slots_count;
  if (op.mtu) own.mtu = *op.mtu;
  return std::nullopt;
}

std::optional<Refusal> ChangeRun::operator()(const DeletePool& op) {
  if (pool(op.name) == nullptr) return no_pool(op.name);
  draft_.pools[op.name] = nullptr;
  return std::nullopt;
}

std::optional<Refusal> ChangeRun::operator()(const PutService& op) {
  const std::string& name = op.service.config.name;
  const auto absent = service(name) == nullptr ? std::optional(no_service(name)) : std::nullopt;
  if (auto refusal = check_mode(op.mode, "service", name, absent)) return refusal;
  put(op.service);
  return std::nullopt;
}

std::optional<Refusal> ChangeRun::operator()(const DeleteService& op) {
  if (service(op.name) == nullptr) return no_service(op.name);
  draft_.services[op.name] = nullptr;
  return std::nullopt;
}

std::optional<Refusal> ChangeRun::operator()(const PutBackend& op) {
  const PoolConfig* in = pool(op.pool);
  if (in == nullptr) return no_pool(op.pool);
  const bool is_there = find_member(*in, op.backend.name) != nullptr;
  const auto absent = is_there ? std::nullopt : std::optional(no_backend(*in, op.backend.name));
  if (auto refusal = check_mode(op.mode, "backend", op.pool + '/' + op.backend.name, absent)) return refusal;
  PoolConfig& own = own_pool(op.pool);
  if (is_there) {
    *place_of(own, op.backend.name) = op.backend;
  } else {
    own.members.insert(place_of(own, op.backend.name), op.backend);
  }
  return std::nullopt;
}

std::optional<Refusal> ChangeRun::operator()(const DeleteBackend& op) {
  const PoolConfig* in = pool(op.pool);
  if (in == nullptr) return no_pool(op.pool);
  if (find_member(*in, op.name) == nullptr) return no_backend(*in, op.name);
  PoolConfig& own = own_pool(op.pool);
  own.members.erase(place_of(own, op.name));
  return std::nullopt;
}

std::optional<Refusal> ChangeRun::operator()(const SetWeight& op) {
  const PoolConfig* in = pool(op.pool);
  if (in == nullptr) return no_pool(op.pool);
  if (find_member(*in, op.backend) == nullptr) return no_backend(*in, op.backend);
  place_of(own_pool(op.pool), op.backend)->weight = op.weight;
  return std::nullopt;
}

std::optional<Refusal> ChangeRun::operator()(const PutBalancer& op) {
  const BalancerRecord& record = op.balancer;
  const auto invalid = [&](std::string why) {
    return Refusal{OutcomeCode::invalid, fmt::format("balancer {}: {}", in_quotes(record.name), why)};
  };
  if (const std::string fault = name_fault(record.name); !fault.empty()) return invalid(fault);
  if (record.node_id == 0) return invalid("node id 0 is nobody's; allowed: the id of a member of the cluster");
  if (auto fault = text_fault("an API address", record.api_address, limits::address_bytes_max)) return fault;
  if (record.feature_level < state_.feature_level_) {
    return Refusal{OutcomeCode::unsupported,
                   fmt::format("balancer {} understands feature level {}, and the cluster is at {}",
                               in_quotes(record.name), record.feature_level, state_.feature_level_),
                   "install the cluster's version of sluiced on it"};
  }
  draft_.balancers[record.name] = record;
  return std::nullopt;
}

std::optional<Refusal> ChangeRun::operator()(const DeleteBalancer& op) {
  if (balancer(op.name) == nullptr)
    return no_such("balancer", op.name, names_of(state_.balancers_), "sluice cluster status");
  draft_.balancers[op.name] = std::nullopt;
  return std::nullopt;
}

std::optional<Refusal> ChangeRun::operator()(const SetPolicy& op) {
  const auto invalid = [](std::string_view what, std::uint32_t value, std::string_view allowed) {
    return Refusal{OutcomeCode::invalid,
                   fmt::format("policy: {} {} is out of range; allowed: {}", what, value, allowed)};
  };
  const Policy& policy = op.policy;
  if (policy.deletions_percent_max > 100)
    return invalid("deletions_percent_max", policy.deletions_percent_max, "0 to 100");
  if (policy.batch_ms > 1000) return invalid("batch_ms", policy.batch_ms, "0 to 1000");
  if (policy.lease_ms < 500 || policy.lease_ms > 60000) return invalid("lease_ms", policy.lease_ms, "500 to 60000");
  draft_.policy = policy;
  return std::nullopt;
}

std::optional<Refusal> ChangeRun::operator()(const ReplaceAll& op) {
  std::set<std::string_view> pools;
  for (const PoolConfig& one : op.pools)
    if (!pools.insert(one.name).second)
      return Refusal{OutcomeCode::invalid, fmt::format("pool {} stands twice", in_quotes(one.name))};
  std::set<std::string_view> services;
  for (const ServiceRecord& one : op.services)
    if (!services.insert(one.config.name).second)
      return Refusal{OutcomeCode::invalid, fmt::format("service {} stands twice", in_quotes(one.config.name))};
  draft_.pools.clear();
  draft_.services.clear();
  for (const auto& [name, old] : state_.pools_)
    if (pools.count(name) == 0) draft_.pools[name] = nullptr;
  for (const auto& [name, old] : state_.services_)
    if (services.count(name) == 0) draft_.services[name] = nullptr;
  for (const PoolConfig& one : op.pools) put(one);
  for (const ServiceRecord& one : op.services) put(one);
  return std::nullopt;
}

std::optional<Refusal> ChangeRun::operator()(const Rollback& op) {
  const auto& history = state_.history_;
  const auto kept =
      std::find_if(history.begin(), history.end(), [&](const auto& one) { return one.info.revision == op.revision; });
  if (kept == history.end()) {
    return Refusal{OutcomeCode::not_found,
                   fmt::format("revision {} is not kept; there are {} to {}", op.revision,
                               history.front().info.revision, history.back().info.revision),
                   "sluice config history"};
  }
  draft_.pools.clear();
  draft_.services.clear();
  for (auto one = history.rbegin(); one->info.revision != op.revision; ++one) {
    for (const auto& [name, before] : one->pools_before)
      draft_.pools[name] = before ? std::make_shared<PoolConfig>(*before) : nullptr;
    for (const auto& [name, before] : one->services_before) draft_.services[name] = before;
  }
  return std::nullopt;
}

void ChangeRun::drop_what_is_equal() {
  const auto is_pool_equal = [&](const auto& entry) {
    const auto found = state_.pools_.find(entry.first);
    if (found == state_.pools_.end()) return entry.second == nullptr;
    return entry.second != nullptr && *entry.second == *found->second;
  };
  const auto is_service_equal = [&](const auto& entry) {
    const auto found = state_.services_.find(entry.first);
    if (found == state_.services_.end()) return entry.second == nullptr;
    return entry.second != nullptr && *entry.second == *found->second;
  };
  const auto is_balancer_equal = [&](const auto& entry) {
    const auto found = state_.balancers_.find(entry.first);
    if (found == state_.balancers_.end()) return !entry.second.has_value();
    return entry.second && *entry.second == found->second;
  };
  std::erase_if(draft_.pools, is_pool_equal);
  std::erase_if(draft_.services, is_service_equal);
  std::erase_if(draft_.balancers, is_balancer_equal);
  if (draft_.policy == state_.policy_) draft_.policy.reset();
}

}  // namespace sluice::model
