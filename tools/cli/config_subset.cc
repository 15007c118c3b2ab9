// SPDX-License-Identifier: Apache-2.0
#include "config_subset.h"

#include <map>

namespace sluice::cli {
namespace {

Config without_contents(const Config& config) {
  return {config.hash_key, config.plane, {}, {}};
}

}  // namespace

Config only_address(const Config& config, const IpAddress& address) {
  Config subset = without_contents(config);
  std::map<std::uint32_t, std::uint32_t> positions;  // in the whole configuration -> in the subset
  for (const ServiceConfig& service : config.services) {
    if (service.address != address) continue;
    const auto [position, is_new] =
        positions.emplace(service.pool_index, static_cast<std::uint32_t>(subset.pools.size()));
    if (is_new) subset.pools.push_back(config.pools.at(service.pool_index));
    subset.services.push_back(service);
    subset.services.back().pool_index = position->second;
  }
  return subset;
}

Config only_pool(const Config& config, std::string_view name) {
  Config subset = without_contents(config);
  if (const PoolConfig* pool = find_pool(config, name)) subset.pools.push_back(*pool);
  return subset;
}

}  // namespace sluice::cli
