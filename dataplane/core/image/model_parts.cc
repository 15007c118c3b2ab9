// SPDX-License-Identifier: Apache-2.0
#include "model_parts.h"

#include <algorithm>

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

}  // namespace

BackendKey backend_key_of(const BackendPath& path, const IpAddress& address) {
  BackendKey key;
  key.address = address;
  key.encapsulation = encapsulation_of(path.encapsulation, address);
  if (path.encapsulation == Encapsulation::gue) key.gue_port = path.gue_port.value();
  return key;
}

BackendKey backend_key_of(const PoolConfig& pool, const MemberConfig& member) {
  return backend_key_of({pool.encapsulation, pool.gue_port, pool.mtu, false}, member.address);
}

ServiceKey service_key_of(const ServiceConfig& service) {
  return {service.address, static_cast<std::uint8_t>(service.protocol), service.port};
}

std::uint32_t outer_bytes_of(const BackendPath& path, IpFamily family) {
  if (path.encapsulation == Encapsulation::l2) return 0;
  const std::uint32_t address_bytes = family == IpFamily::v4 ? 20 : 40;
  // A chain is GUE whatever the plain form is.
  if (path.chain) return address_bytes + SLUICE_UDP_BYTES + 4 + SLUICE_GUE_CHAIN_BYTES_MAX;
  return address_bytes + (path.encapsulation == Encapsulation::gue ? SLUICE_UDP_BYTES + 4 : 0);
}

void BackendList::reserve(std::size_t backends) {
  positions_.reserve(backends);
  backends_.reserve(backends);
}

std::uint32_t BackendList::position_of(const BackendPath& path, const IpAddress& address, std::uint32_t id) {
  ForwardingBackend backend;
  backend.key = backend_key_of(path, address);
  const auto [position, is_new] = positions_.emplace(backend.key, static_cast<std::uint32_t>(backends_.size()));
  if (!is_new) return position->second;
  const auto& source = address.is_v4() ? plane_.source_ipv4 : plane_.source_ipv6;
  if (path.encapsulation != Encapsulation::l2 && source) backend.source = *source;
  backend.inner_mtu = static_cast<std::uint16_t>(path.mtu - outer_bytes_of(path, address.family()));
  backend.id = id;
  backends_.push_back(backend);
  return position->second;
}

SharedVector<ForwardingService> forwarding_services_of(std::span<const ServiceConfig> services) {
  std::vector<ForwardingService> forwarding;
  forwarding.reserve(services.size());
  for (const ServiceConfig& service : services) {
    forwarding.push_back({service.name, service_key_of(service), service.pool_index, service.track, service.fragments,
                          service.unreachable});
  }
  return forwarding;
}

void apply_plane(const PlaneConfig& plane, ForwardingModel& model) {
  model.inserts_per_tick = plane.new_flows_per_second;
  model.icmp_per_tick = plane.icmp_per_second;
  const bool tracks = std::any_of(model.services.begin(), model.services.end(),
                                  [](const ForwardingService& one) { return one.track && !one.fragments; });
  model.flows_per_worker = tracks ? plane.flows_per_cpu : 0;
}

}  // namespace sluice
