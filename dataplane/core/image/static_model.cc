// SPDX-License-Identifier: Apache-2.0
#include "static_model.h"

#include <algorithm>
#include <map>

#include "maglev.h"
#include "sluice_encap.h"

namespace sluice {
namespace {

std::uint8_t encapsulation_of(Encapsulation encapsulation, const IpAddress& address) {
  switch (encapsulation) {
    case Encapsulation::ipip:
      return address.is_v4() ? SLUICE_ENCAP_IPIP_V4 : SLUICE_ENCAP_IPIP_V6;
    case Encapsulation::gue:
      return address.is_v4() ? SLUICE_ENCAP_GUE_V4 : SLUICE_ENCAP_GUE_V6;
    case Encapsulation::l2:
      break;
  }
  return SLUICE_ENCAP_L2;
}

ForwardingBackend backend_of(const Config& config, const PoolConfig& pool, const MemberConfig& member) {
  ForwardingBackend backend;
  backend.key = backend_key_of(pool, member);
  const auto& source = member.address.is_v4() ? config.plane.source_ipv4 : config.plane.source_ipv6;
  if (pool.encapsulation != Encapsulation::l2 && source) backend.source = *source;
  backend.inner_mtu = static_cast<std::uint16_t>(pool.mtu - sluice_outer_bytes(backend.key.encapsulation));
  return backend;
}

Result<ForwardingPool> pool_of(const PoolConfig& pool, const std::vector<std::uint32_t>& members) {
  std::vector<SlotMember> slot_members;
  for (const MemberConfig& member : pool.members) slot_members.push_back({member.name, member.weight});
  auto fill = maglev_fill(slot_members, pool.slots_count);
  if (!fill) return make_error(fill.error().code, "pool \"" + pool.name + "\": " + fill.error().context);
  ForwardingPool forwarding;
  forwarding.name = pool.name;
  forwarding.members = members;
  for (const MemberConfig& member : pool.members) forwarding.member_names.push_back(member.name);
  forwarding.slots = std::move(fill->owners);
  return forwarding;
}

}  // namespace

BackendKey backend_key_of(const PoolConfig& pool, const MemberConfig& member) {
  BackendKey key;
  key.address = member.address;
  key.encapsulation = encapsulation_of(pool.encapsulation, member.address);
  if (pool.encapsulation == Encapsulation::gue) key.gue_port = pool.gue_port.value();
  return key;
}

ServiceKey service_key_of(const ServiceConfig& service) {
  return {service.address, static_cast<std::uint8_t>(service.protocol), service.port};
}

Result<ForwardingModel> forwarding_model_of(const Config& config) {
  ForwardingModel model;
  model.hash_secret = config.hash_key;
  model.inserts_per_tick = config.plane.new_flows_per_second;
  model.icmp_per_tick = config.plane.icmp_per_second;
  std::map<BackendKey, std::uint32_t> positions;
  for (const PoolConfig& pool : config.pools) {
    std::vector<std::uint32_t> members;
    for (const MemberConfig& member : pool.members) {
      const auto next = static_cast<std::uint32_t>(model.backends.size());
      const auto [position, is_new] = positions.emplace(backend_key_of(pool, member), next);
      if (is_new) model.backends.push_back(backend_of(config, pool, member));
      members.push_back(position->second);
    }
    auto forwarding = pool_of(pool, members);
    if (!forwarding) return forwarding.error();
    model.pools.push_back(std::move(*forwarding));
  }
  for (const ServiceConfig& service : config.services) {
    model.services.push_back({service.name, service_key_of(service), service.pool_index, service.track,
                              service.fragments, service.unreachable});
  }
  const bool tracks = std::any_of(model.services.begin(), model.services.end(),
                                  [](const ForwardingService& s) { return s.track && !s.fragments; });
  if (tracks) model.flows_per_worker = config.plane.flows_per_cpu;
  return model;
}

}  // namespace sluice
