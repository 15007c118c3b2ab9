// SPDX-License-Identifier: Apache-2.0
#include "config_rules.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

PoolConfig pool_of(std::string name, std::vector<MemberConfig> members) {
  PoolConfig pool;
  pool.name = std::move(name);
  pool.members = std::move(members);
  return pool;
}

MemberConfig member_of(std::string name, std::string_view address) {
  return {std::move(name), IpAddress::parse(address).value(), 100};
}

TEST(ConfigRules, SayNothingOfGoodValues) {
  const PoolConfig pool = pool_of("web", {member_of("b1", "10.0.1.11")});
  const ServiceConfig service{"web", IpAddress::parse("203.0.113.10").value(), PortHost(80)};
  const std::vector<const PoolConfig*> pools = {&pool};
  const std::vector<ServiceToCheck> services = {{&service, "web"}};
  EXPECT_EQ(faults_of(pools, services), std::vector<std::string>{});
}

// The file's own words, without a line.
TEST(ConfigRules, UseTheWordsOfTheFile) {
  PoolConfig pool = pool_of("web", {member_of("b1", "203.0.113.10"), member_of("b1", "127.0.0.1")});
  pool.slots_count = 100;
  pool.mtu = 100;
  pool.gue_port = PortHost(0);
  const PoolConfig misnamed = pool_of("-x", {});
  const ServiceConfig service{"web", IpAddress::parse("203.0.113.10").value(), PortHost(80)};
  const std::vector<const PoolConfig*> pools = {&pool, &misnamed};
  const std::vector<ServiceToCheck> services = {{&service, "wbe"}};
  EXPECT_EQ(
      faults_of(pools, services),
      (std::vector<std::string>{
          "pool \"web\": slots 100 is not a table size; allowed: 16381, 65537 or 655373 (primes, as the Maglev fill "
          "needs)",
          "pool \"web\": gue_port 0 is out of range; allowed: 1 to 65535",
          "pool \"web\": mtu 100 is out of range; allowed: 576 to 9216 (from 1280 if a backend is IPv6)",
          "pool \"web\", backend \"b1\": address 127.0.0.1 is a loopback address, which never leaves a host; allowed: "
          "the unicast address of one backend host",
          "pool \"-x\": name \"-x\" is not usable in commands; allowed: 1 to 63 letters, digits, '-', '_' and '.', the "
          "first a letter, a digit or '_'",
          "pool \"web\", backend \"b1\": address 203.0.113.10 is also the address of service \"web\": its packets "
          "would "
          "come back to the balancer; allowed: an address of the backend's own",
          "pool \"web\", backend \"b1\": name \"b1\" is already taken; allowed: a different name for each",
          "service \"web\": there is no pool \"wbe\"; did you mean \"web\"? allowed: the name of a [[pool]]"}));
}

}  // namespace
}  // namespace sluice
