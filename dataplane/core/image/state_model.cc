// SPDX-License-Identifier: Apache-2.0
#include "state_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "model_parts.h"

namespace sluice {
namespace {

BackendPath path_of(const StatePool& pool) {
  return {pool.encapsulation, pool.gue_port, pool.mtu, has_chain(pool)};
}

Status check_sources(const ForwardingState& state, const PlaneConfig& plane) {
  for (const SharedPool& pool : state.pools) {
    if (pool->encapsulation == Encapsulation::l2) continue;
    for (const StateMember& member : pool->members) {
      const bool is_v4 = member.address.is_v4();
      if (is_v4 ? plane.source_ipv4 : plane.source_ipv6) continue;
      return make_error(ErrorCode::conflict,
                        fmt::format("pool {} reaches backend {} through an IPv{} tunnel, which needs a source; write "
                                    "source_ipv{} = \"...\" under [plane] of this host, an address of its own",
                                    pool->name, member.name, is_v4 ? 4 : 6, is_v4 ? 4 : 6));
    }
  }
  return {};
}

Status check_not_a_service(const ForwardingState& state, const PlaneConfig& plane) {
  if (!state.services) return {};
  for (const ServiceConfig& service : state.services->list) {
    if (plane.source_ipv4 != service.address && plane.source_ipv6 != service.address) continue;
    return make_error(ErrorCode::conflict, fmt::format("service {} has the address {}, which is this host's tunnel "
                                                       "source; give [plane] an address of the host alone",
                                                       service.name, service.address.to_string()));
  }
  return {};
}

// Pools of the state before by identity.
class PoolsBefore {
 public:
  explicit PoolsBefore(const ModelBefore* before) {
    if (before == nullptr) return;
    for (std::size_t i = 0; i < before->state.pools.size(); ++i)
      pools_.emplace(before->state.pools[i].get(), &before->model.pools[i]);
  }
  [[nodiscard]] const ForwardingPool* find(const StatePool& pool) const {
    const auto found = pools_.find(&pool);
    return found == pools_.end() ? nullptr : found->second;
  }

 private:
  std::unordered_map<const StatePool*, const ForwardingPool*> pools_;
};

ForwardingPool pool_of(const StatePool& pool, SharedVector<std::uint32_t> members) {
  ForwardingPool forwarding;
  forwarding.name = pool.name;
  forwarding.members = std::move(members);
  forwarding.mtu = pool.mtu;
  std::vector<std::string> names;
  names.reserve(pool.members.size());
  for (const StateMember& member : pool.members) names.push_back(member.name);
  forwarding.member_names = std::move(names);
  // Parts of a column live as long as the column.
  using Slots = SharedVector<std::uint16_t>;
  using Past = SharedVector<PreviousOwners>;
  forwarding.slots = Slots(std::shared_ptr<const Slots::Items>(pool.column, &pool.column->owners));
  forwarding.past = Past(std::shared_ptr<const Past::Items>(pool.column, &pool.column->past));
  forwarding.chain = has_chain(pool);
  return forwarding;
}

// Every backend is where it was: the list of them and all positions in it stay.
bool has_same_backends(const ForwardingState& state, const PlaneConfig& plane, const ModelBefore& before) {
  return plane.source_ipv4 == before.plane.source_ipv4 && plane.source_ipv6 == before.plane.source_ipv6 &&
         reaches_alike(before.state, state);
}

void put_same_backends(const ForwardingState& state, const ModelBefore& before, ForwardingModel& model) {
  model.backends = before.model.backends;
  model.pools.reserve(state.pools.size());
  for (std::size_t i = 0; i < state.pools.size(); ++i) {
    const ForwardingPool& same = before.model.pools[i];
    model.pools.push_back(state.pools[i] == before.state.pools[i] ? same : pool_of(*state.pools[i], same.members));
  }
}

void put_backends(const ForwardingState& state, const PlaneConfig& plane, const ModelBefore* before,
                  ForwardingModel& model) {
  const PoolsBefore known(before);
  BackendList backends(plane);
  if (before != nullptr) backends.reserve(before->model.backends.size() + 1);
  model.pools.reserve(state.pools.size());
  for (const SharedPool& pool : state.pools) {
    const BackendPath path = path_of(*pool);
    std::vector<std::uint32_t> members;
    members.reserve(pool->members.size());
    for (const StateMember& member : pool->members)
      members.push_back(backends.position_of(path, member.address, member.backend_id));
    if (const ForwardingPool* same = known.find(*pool)) {
      ForwardingPool& made = model.pools.emplace_back(*same);
      if (made.members.items() != members) made.members = std::move(members);
    } else {
      model.pools.push_back(pool_of(*pool, std::move(members)));
    }
  }
  model.backends = backends.take();
}

}  // namespace

Result<ForwardingModel> forwarding_model_of(const ForwardingState& state, const PlaneConfig& plane,
                                            const ModelBefore* before) {
  ForwardingModel model;
  model.hash_secret = state.hash_key;
  const bool is_same = before != nullptr && has_same_backends(state, plane, *before);
  if (!is_same) {
    if (Status checked = check_sources(state, plane); !checked) return checked.error();
  }
  if (is_same)
    put_same_backends(state, *before, model);
  else
    put_backends(state, plane, before, model);
  if (is_same && before->state.services == state.services) {
    model.services = before->model.services;
  } else {
    if (Status checked = check_not_a_service(state, plane); !checked) return checked.error();
    if (state.services) model.services = forwarding_services_of(state.services->list);
  }
  apply_plane(plane, model);
  return model;
}

Config config_of(const ForwardingState& state, const PlaneConfig& plane, RememberedMembers remembered) {
  Config config;
  config.hash_key = state.hash_key;
  config.plane = plane;
  // Pools and services that stand in it are its own.
  config.plane.control = ControlSource::file;
  config.pools.reserve(state.pools.size());
  for (const SharedPool& pool : state.pools) {
    PoolConfig& made = config.pools.emplace_back();
    made.name = pool->name;
    made.encapsulation = pool->encapsulation;
    made.gue_port = pool->gue_port;
    made.slots_count = pool->slots_count;
    made.mtu = pool->mtu;
    made.members.reserve(pool->members.size());
    for (const StateMember& member : pool->members)
      if (member.present || remembered == RememberedMembers::kept)
        made.members.push_back({member.name, member.address, member.present ? member.weight : std::uint16_t{0}});
  }
  if (state.services) config.services = state.services->list;
  return config;
}

}  // namespace sluice
