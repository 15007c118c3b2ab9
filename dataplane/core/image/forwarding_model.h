// SPDX-License-Identifier: Apache-2.0
// What the image writer is told: resolved, validated, free of names' meaning. Made from a Config (static file) or from
// the cluster's replicated state by forwarding_model_of(). Its tables are shared between models: what a new one has in
// common with the one before is recognised by its storage and costs nothing.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "error.h"
#include "ip_address.h"
#include "shared_vector.h"
#include "sluice_image.h"
#include "strong_types.h"

namespace sluice {

// The identity of a backend in the data plane: two pools that reach the same host the same way share one line.
struct BackendKey {
  IpAddress address;
  std::uint8_t encapsulation = SLUICE_ENCAP_NONE;  // enum sluice_encapsulation
  std::uint16_t gue_port = 0;                      // host order; 0 unless GUE
  friend auto operator<=>(const BackendKey&, const BackendKey&) = default;
};
struct BackendKeyHash {
  std::size_t operator()(const BackendKey& key) const noexcept {
    const auto& bytes = key.address.bytes();
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return std::hash<std::string_view>{}(text) ^ (std::size_t{key.encapsulation} << 24 | std::size_t{key.gue_port});
  }
};
using BackendIndexMap = std::unordered_map<BackendKey, BackendIndex, BackendKeyHash>;

struct ForwardingBackend {
  BackendKey key;
  IpAddress source;             // outer source; unspecified for L2
  std::uint16_t inner_mtu = 0;  // longest inner packet the path carries with every outer header in use
  std::uint32_t id = 0;         // name in a chain header; 0 = none
  friend bool operator==(const ForwardingBackend&, const ForwardingBackend&) = default;
};

struct PreviousOwners {
  SlotIndex slot;
  std::array<std::uint16_t, SLUICE_PAST_MAX> members{};  // youngest first; SLUICE_MEMBER_NONE fills the rest
  std::uint16_t always_zero = 0;  // instead of padding: tables are compared as bytes (column_changes.cc)
};

struct ForwardingPool {
  std::string name;
  SharedVector<std::uint32_t> members;  // positions in ForwardingModel::backends, by member index
  SharedVector<std::string> member_names;
  SharedVector<std::uint16_t> slots;  // member index per slot, no flag; empty = no eligible backend
  SharedVector<PreviousOwners> past;  // unstable slots, ascending
  std::uint16_t mtu = 0;              // of the outer packet, for who has to carry it; the image does not ask
  bool chain = false;                 // backends run the second chance
};

// The identity of a service: what its line in the image answers for.
struct ServiceKey {
  IpAddress address;
  std::uint8_t protocol = 0;  // IANA number: 6 or 17
  PortHost port;              // 0 = any
  friend auto operator<=>(const ServiceKey&, const ServiceKey&) = default;
};

struct ForwardingService {
  std::string name;
  ServiceKey key;
  std::uint32_t pool = 0;  // position in ForwardingModel::pools
  bool track = false;
  bool fragments = false;
  bool unreachable = false;
};

struct ForwardingModel {
  std::array<std::uint8_t, 16> hash_secret{};
  SharedVector<ForwardingBackend> backends;
  std::vector<ForwardingPool> pools;
  SharedVector<ForwardingService> services;
  std::uint32_t flows_per_worker = 0;  // entries; a power of two, 0 = no service tracks
  std::uint32_t inserts_per_tick = 0;
  std::uint32_t icmp_per_tick = 0;
};

}  // namespace sluice
