// SPDX-License-Identifier: Apache-2.0
// What a model of a static file and a model of the cluster's state are made of alike.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "config.h"
#include "forwarding_model.h"

namespace sluice {

// How a pool's members are reached.
struct BackendPath {
  Encapsulation encapsulation = Encapsulation::ipip;
  PortHost gue_port{};
  std::uint16_t mtu = 0;  // of the outer packet
  bool chain = false;     // packets of unstable slots are longer by a chain; no L2 path has one
  friend bool operator==(const BackendPath&, const BackendPath&) = default;
};

[[nodiscard]] BackendKey backend_key_of(const BackendPath& path, const IpAddress& address);
// Of a member of a pool in a file.
[[nodiscard]] BackendKey backend_key_of(const PoolConfig& pool, const MemberConfig& member);
[[nodiscard]] ServiceKey service_key_of(const ServiceConfig& service);

// Bytes in front of the inner packet, a chain of full length included if the path has any.
[[nodiscard]] std::uint32_t outer_bytes_of(const BackendPath& path, IpFamily family);

// The different backends of all pools, in the order in which they are first asked for.
class BackendList {
 public:
  explicit BackendList(const PlaneConfig& plane) : plane_(plane) {}
  void reserve(std::size_t backends);
  std::uint32_t position_of(const BackendPath& path, const IpAddress& address, std::uint32_t id);
  [[nodiscard]] std::vector<ForwardingBackend> take() { return std::move(backends_); }

 private:
  const PlaneConfig& plane_;
  std::unordered_map<BackendKey, std::uint32_t, BackendKeyHash> positions_;
  std::vector<ForwardingBackend> backends_;
};

[[nodiscard]] SharedVector<ForwardingService> forwarding_services_of(std::span<const ServiceConfig> services);

// What the host decides for itself. Asks for the services that `model` has.
void apply_plane(const PlaneConfig& plane, ForwardingModel& model);

}  // namespace sluice
