// SPDX-License-Identifier: Apache-2.0
// The rules that parse_config() holds a file to, for values that came without one: from the cluster's log, the API or a
// plane's control socket. One set of rules, one set of words. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config.h"

namespace sluice {

enum class AddressKind : std::uint8_t { backend, service, tunnel_source };

// Each is one line, "what is wrong; what is allowed", or empty if nothing is.
[[nodiscard]] std::string name_fault(std::string_view name);
[[nodiscard]] std::string address_fault(const IpAddress& address, AddressKind kind);
[[nodiscard]] std::string slots_fault(std::int64_t slots_count);

struct ServiceToCheck {
  const ServiceConfig* config = nullptr;  // its pool_index is not looked at
  std::string_view pool;
};

// What is wrong with these pools and services, each by itself and among each other; at most 1,000 lines. How a balancer
// reaches them (PlaneConfig) is not asked.
[[nodiscard]] std::vector<std::string> faults_of(std::span<const PoolConfig* const> pools,
                                                 std::span<const ServiceToCheck> services);

}  // namespace sluice
