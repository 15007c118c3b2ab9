// SPDX-License-Identifier: Apache-2.0
#include "config_subset.h"

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

Config three_pools() {
  Config config;
  config.plane.icmp_per_second = 7;
  config.pools = {{"a", {}, {}, 16381, 1500, {}}, {"b", {}, {}, 16381, 1500, {}}, {"c", {}, {}, 16381, 1500, {}}};
  const auto ip = [](std::string_view text) { return IpAddress::parse(text).value(); };
  config.services = {{"s1", ip("203.0.113.1"), PortHost(80), Protocol::tcp, 2, true, false, false},
                     {"s2", ip("203.0.113.2"), PortHost(80), Protocol::tcp, 0, true, false, false},
                     {"s3", ip("203.0.113.1"), PortHost(81), Protocol::tcp, 1, true, false, false},
                     {"s4", ip("203.0.113.1"), PortHost(82), Protocol::tcp, 2, true, false, false}};
  return config;
}

TEST(ConfigSubset, OfAnAddressKeepsItsServicesAndTheirPools) {
  const Config subset = only_address(three_pools(), IpAddress::parse("203.0.113.1").value());
  EXPECT_EQ(subset.plane.icmp_per_second, 7U);
  ASSERT_EQ(subset.services.size(), 3U);
  const auto pool_of = [&](std::size_t i) { return subset.pools.at(subset.services[i].pool_index).name; };
  EXPECT_EQ(pool_of(0), "c");
  EXPECT_EQ(pool_of(1), "b");
  EXPECT_EQ(pool_of(2), "c");
  EXPECT_EQ(subset.pools.size(), 2U);
  EXPECT_TRUE(only_address(three_pools(), IpAddress::parse("203.0.113.9").value()).pools.empty());
}

TEST(ConfigSubset, OfAPool) {
  const Config subset = only_pool(three_pools(), "b");
  ASSERT_EQ(subset.pools.size(), 1U);
  EXPECT_EQ(subset.pools[0].name, "b");
  EXPECT_TRUE(subset.services.empty());
  EXPECT_TRUE(only_pool(three_pools(), "x").pools.empty());
}

}  // namespace
}  // namespace sluice::cli
