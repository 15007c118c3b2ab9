// SPDX-License-Identifier: Apache-2.0
// What must hold of a state, as parse_config() has it of a file: whoever holds a checked one may rely on the same.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "config_rules.h"
#include "forwarding_state.h"
#include "model_parts.h"
#include "state_check.h"
#include "suggest.h"

namespace sluice {
namespace {

Error invalid(std::string text) {
  return make_error(ErrorCode::invalid_argument, std::move(text));
}

// Distinct, the youngest first, then nobody. A table has tens of thousands of these, of all lengths: without a branch.
unsigned is_list(const PreviousOwners& owners, std::uint16_t current, std::size_t members_count) {
  static_assert(SLUICE_PAST_MAX == 3);
  const auto [first, second, third] = owners.members;
  const auto is_member = [=](std::uint16_t one) { return unsigned{one < members_count} & unsigned{one != current}; };
  const unsigned ends_after_first = unsigned{second == SLUICE_MEMBER_NONE} & unsigned{third == SLUICE_MEMBER_NONE};
  const unsigned has_second = is_member(second) & unsigned{second != first};
  const unsigned has_third = is_member(third) & unsigned{third != first} & unsigned{third != second};
  return is_member(first) & (ends_after_first | (has_second & (unsigned{third == SLUICE_MEMBER_NONE} | has_third)));
}

Status check_owners(const StatePool& pool) {
  const SlotColumn& column = *pool.column;
  const std::size_t members_count = pool.members.size();
  if (!column.owners.empty() && column.owners.size() != pool.slots_count)
    return invalid(fmt::format("pool {}: {} owners for {} slots", pool.name, column.owners.size(), pool.slots_count));
  // The highest of all, not each: this way the compiler takes many at once.
  const std::uint16_t highest = std::accumulate(column.owners.begin(), column.owners.end(), std::uint16_t{0},
                                                [](std::uint16_t a, std::uint16_t b) { return std::max(a, b); });
  if (!column.owners.empty() && highest >= members_count)
    return invalid(fmt::format("pool {}: a slot is owned by no member", pool.name));
  const PreviousOwners* before = nullptr;
  for (const PreviousOwners& owners : column.past) {
    const std::uint32_t slot = owners.slot.value();
    if (slot >= column.owners.size() || (before != nullptr && slot <= before->slot.value()))
      return invalid(fmt::format("pool {}: previous owners of slot {} are out of order", pool.name, slot));
    before = &owners;
    if (is_list(owners, column.owners[slot], members_count) == 0)
      return invalid(fmt::format("pool {}: the previous owners of slot {} make no list", pool.name, slot));
  }
  return {};
}

Status check_members(const StatePool& pool) {
  if (pool.members.size() > config_limits::members_max)
    return invalid(fmt::format("pool {}: {} members are too many", pool.name, pool.members.size()));
  std::unordered_set<std::string_view> names;
  std::set<IpAddress> addresses;
  for (const StateMember& member : pool.members) {
    const auto refused = [&](const std::string& why) {
      return invalid(fmt::format("pool {}, backend {}: {}", pool.name, in_quotes(member.name), why));
    };
    if (const std::string fault = name_fault(member.name); !fault.empty()) return refused(fault);
    if (const std::string fault = address_fault(member.address, AddressKind::backend); !fault.empty())
      return refused(fault);
    if (member.present && !names.insert(member.name).second) return refused("another one has this name");
    if (member.present && !addresses.insert(member.address).second) return refused("another one has its address");
    if (!member.address.is_v4() && pool.mtu < config_limits::mtu_v6_min)
      return refused(fmt::format("mtu {} is below IPv6's minimum", pool.mtu));
  }
  return {};
}

Status check_pool_head(const StatePool& pool) {
  if (const std::string fault = name_fault(pool.name); !fault.empty()) return invalid("pool: " + fault);
  if (const std::string fault = slots_fault(pool.slots_count); !fault.empty())
    return invalid(fmt::format("pool {}: {}", pool.name, fault));
  if (pool.mtu < config_limits::mtu_v4_min || pool.mtu > config_limits::mtu_max)
    return invalid(fmt::format("pool {}: mtu {} is out of range", pool.name, pool.mtu));
  if (pool.gue_port == PortHost(0)) return invalid(fmt::format("pool {}: gue_port 0", pool.name));
  return check_members(pool);
}

BackendPath path_of(const StatePool& pool) {
  return {pool.encapsulation, pool.gue_port, pool.mtu, has_chain(pool)};
}

class Check {
 public:
  explicit Check(const ForwardingState& state) : state_(state) {}

  Status run() {
    const StateServices none;
    const StateServices& services = state_.services ? *state_.services : none;
    if (services.list.size() > config_limits::services_max) return invalid("too many services");
    for (const ServiceConfig& service : services.list)
      if (Status checked = check_service(service); !checked) return checked;
    std::size_t members = 0;
    for (const SharedPool& pool : state_.pools) members += pool->members.size();
    backends_.reserve(members);
    for (const SharedPool& pool : state_.pools)
      if (Status checked = check_backends(*pool); !checked) return checked;
    if (backends_.size() > config_limits::backends_max) return invalid("too many different backends");
    return {};
  }

 private:
  struct Path {
    std::uint16_t mtu;
    std::uint32_t id;
    bool chain;
  };

  Status check_service(const ServiceConfig& service) {
    if (const std::string fault = name_fault(service.name); !fault.empty()) return invalid("service: " + fault);
    if (!names_.insert(service.name).second) return invalid(fmt::format("there are two services {}", service.name));
    if (const std::string fault = address_fault(service.address, AddressKind::service); !fault.empty())
      return invalid(fmt::format("service {}: {}", service.name, fault));
    if (!keys_.insert(service_key_of(service)).second)
      return invalid(fmt::format("service {}: another one has its address, port and protocol", service.name));
    if (service.pool_index >= state_.pools.size())
      return invalid(fmt::format("service {}: there is no pool {}", service.name, service.pool_index));
    vips_.insert(service.address);
    if (Status checked = check_pool_of(service, *state_.pools[service.pool_index]); !checked) return checked;
    if (!service.fragments) return {};
    const auto [known, is_new] =
        fragment_pools_.emplace(std::pair(service.address, service.protocol), service.pool_index);
    if (is_new || known->second == service.pool_index) return {};
    return invalid(fmt::format("service {}: services with fragments on one address need one pool", service.name));
  }

  static Status check_pool_of(const ServiceConfig& service, const StatePool& pool) {
    if (service.address.is_v4() && pool.encapsulation != Encapsulation::l2) return {};
    const BackendPath path = path_of(pool);
    for (const StateMember& member : pool.members) {
      if (pool.encapsulation == Encapsulation::l2 && member.address.family() != service.address.family())
        return invalid(fmt::format("service {}: l2 towards {} of another family", service.name, member.name));
      // RFC 8200 section 5.
      if (!service.address.is_v4() &&
          pool.mtu < config_limits::mtu_v6_min + outer_bytes_of(path, member.address.family()))
        return invalid(
            fmt::format("service {}: mtu {} of pool {} leaves too little for IPv6", service.name, pool.mtu, pool.name));
    }
    return {};
  }

  Status check_backends(const StatePool& pool) {
    const BackendPath path = path_of(pool);
    for (const StateMember& member : pool.members) {
      if (vips_.contains(member.address))
        return invalid(fmt::format("pool {}, backend {}: {} is also a service's address", pool.name, member.name,
                                   member.address.to_string()));
      const auto [known, is_new] =
          backends_.emplace(backend_key_of(path, member.address), Path{pool.mtu, member.backend_id, path.chain});
      if (is_new) continue;
      const Path& other = known->second;
      if (other.mtu != pool.mtu || other.id != member.backend_id || other.chain != path.chain)
        return invalid(fmt::format("pool {}, backend {}: another pool reaches {} with another mtu, id or chain",
                                   pool.name, member.name, member.address.to_string()));
    }
    return {};
  }

  const ForwardingState& state_;
  std::unordered_set<std::string_view> names_;
  std::set<ServiceKey> keys_;
  std::set<IpAddress> vips_;
  std::map<std::pair<IpAddress, Protocol>, std::uint32_t> fragment_pools_;
  std::unordered_map<BackendKey, Path, BackendKeyHash> backends_;
};

Status check_head(const ForwardingState& state) {
  if (state.generation == 0) return invalid("a forwarding state needs a generation above 0");
  if (state.pools.size() > config_limits::pools_max) return invalid("too many pools");
  std::unordered_set<std::string_view> names;
  for (const SharedPool& pool : state.pools) {
    if (!pool) return invalid("a pool is missing");
    if (!names.insert(pool->name).second) return invalid(fmt::format("there are two pools {}", pool->name));
  }
  return {};
}

}  // namespace

bool has_chain(const StatePool& pool) {
  return pool.chain && pool.encapsulation != Encapsulation::l2;
}

Status check_pool(const StatePool& pool) {
  if (Status checked = check_pool_head(pool); !checked) return checked;
  return check_owners(pool);
}

// Members that slots name stay where they were, or are more.
Status check_changed_pool(const StatePool& pool, std::span<const SlotChange> changes, const StatePool& base) {
  if (pool.members.size() < base.members.size() || pool.slots_count != base.slots_count) return check_pool(pool);
  if (Status checked = check_pool_head(pool); !checked) return checked;
  for (const SlotChange& change : changes) {
    const PreviousOwners owners{SlotIndex(change.slot), change.past};
    const bool is_stable = change.past[0] == SLUICE_MEMBER_NONE;
    if (change.owner < pool.members.size() && (is_stable || is_list(owners, change.owner, pool.members.size()) != 0))
      continue;
    return invalid(fmt::format("pool {}: the owners of slot {} make no list", pool.name, change.slot));
  }
  return {};
}

bool reaches_alike(const StatePool& a, const StatePool& b) {
  return path_of(a) == path_of(b) && std::equal(a.members.begin(), a.members.end(), b.members.begin(), b.members.end(),
                                                [](const StateMember& one, const StateMember& other) {
                                                  return one.address == other.address &&
                                                         one.backend_id == other.backend_id;
                                                });
}

bool reaches_alike(const ForwardingState& a, const ForwardingState& b) {
  return std::equal(a.pools.begin(), a.pools.end(), b.pools.begin(), b.pools.end(),
                    [](const SharedPool& one, const SharedPool& other) {
                      return one == other || (one->name == other->name && reaches_alike(*one, *other));
                    });
}

Status check_state(const ForwardingState& state) {
  return check_change(state, nullptr);
}

// What goes beyond one pool depends on where members are, not on who owns which slot.
Status check_change(const ForwardingState& state, const ForwardingState* checked) {
  if (Status head = check_head(state); !head) return head;
  if (checked != nullptr && checked->services == state.services && reaches_alike(*checked, state)) return {};
  return Check(state).run();
}

}  // namespace sluice
