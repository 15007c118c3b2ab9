// SPDX-License-Identifier: Apache-2.0
#include "static_model.h"

#include "maglev.h"
#include "model_parts.h"

namespace sluice {
namespace {

Result<ForwardingPool> pool_of(const PoolConfig& pool, const std::vector<std::uint32_t>& members) {
  std::vector<SlotMember> slot_members;
  for (const MemberConfig& member : pool.members) slot_members.push_back({member.name, member.weight});
  auto fill = maglev_fill(slot_members, pool.slots_count);
  if (!fill) return make_error(fill.error().code, "pool \"" + pool.name + "\": " + fill.error().context);
  ForwardingPool forwarding;
  forwarding.name = pool.name;
  forwarding.members = members;
  forwarding.mtu = pool.mtu;
  std::vector<std::string> names;
  for (const MemberConfig& member : pool.members) names.push_back(member.name);
  forwarding.member_names = std::move(names);
  forwarding.slots = std::move(fill->owners);
  return forwarding;
}

}  // namespace

Result<ForwardingModel> forwarding_model_of(const Config& config) {
  ForwardingModel model;
  model.hash_secret = config.hash_key;
  BackendList backends(config.plane);
  for (const PoolConfig& pool : config.pools) {
    const BackendPath path{pool.encapsulation, pool.gue_port, pool.mtu, false};
    std::vector<std::uint32_t> members;
    for (const MemberConfig& member : pool.members) members.push_back(backends.position_of(path, member.address, 0));
    auto forwarding = pool_of(pool, members);
    if (!forwarding) return forwarding.error();
    model.pools.push_back(std::move(*forwarding));
  }
  model.backends = backends.take();
  model.services = forwarding_services_of(config.services);
  apply_plane(config.plane, model);
  return model;
}

}  // namespace sluice
