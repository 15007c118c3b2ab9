// SPDX-License-Identifier: Apache-2.0
#include "config_diff.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace sluice {
namespace {

Config base() {
  const ConfigOutcome outcome = parse_config(R"(hash_key = "000102030405060708090a0b0c0d0e0f"
[plane]
source_ipv4 = "10.0.0.2"
[[pool]]
name = "web"
backends = [ { name = "b1", address = "10.0.1.11" }, { name = "b2", address = "10.0.1.12" } ]
[[pool]]
name = "dns"
backends = [ { name = "n1", address = "10.0.1.53" } ]
[[service]]
name = "web"
address = "203.0.113.10"
port = 80
protocol = "tcp"
pool = "web"
[[service]]
name = "dns"
address = "203.0.113.10"
port = 53
protocol = "udp"
pool = "dns"
)",
                                             "base");
  return outcome.config.value();
}

// One line per change: reads as a sentence in a failure.
std::vector<std::string> lines(const std::vector<ObjectChange>& changes) {
  std::vector<std::string> made;
  for (const ObjectChange& change : changes) {
    std::string line = std::string(to_text(change.kind)) + ' ' + change.object + ' ' + change.name;
    for (const FieldChange& field : change.fields) line += ' ' + field.field + ':' + field.before + '>' + field.after;
    made.push_back(line);
  }
  return made;
}

using Lines = std::vector<std::string>;

TEST(ConfigDiff, NothingDiffersFromItselfNorByOrder) {
  Config other = base();
  EXPECT_EQ(lines(diff_configs(base(), other)), Lines{});
  std::reverse(other.pools.begin(), other.pools.end());
  std::reverse(other.services.begin(), other.services.end());
  for (ServiceConfig& service : other.services) service.pool_index = 1 - service.pool_index;
  EXPECT_EQ(lines(diff_configs(base(), other)), Lines{});
}

TEST(ConfigDiff, ChangedValuesAreNamedOneByOne) {
  Config other = base();
  other.pools[0].members[1].weight = 50;
  other.pools[0].mtu = 1400;
  other.services[1].track = false;
  other.services[1].pool_index = 0;
  other.plane.icmp_per_second = 7;
  other.plane.source_ipv6 = IpAddress::parse("fd00::2").value();
  EXPECT_EQ(lines(diff_configs(base(), other)),
            (Lines{"changed plane  source_ipv6:>fd00::2 icmp_per_second:1000>7", "changed pool web mtu:1500>1400",
                   "changed backend web/b2 weight:100>50", "changed service dns pool:dns>web track:true>false"}));
}

TEST(ConfigDiff, AddedAndRemovedObjectsCarryAllTheirFields) {
  Config other = base();
  other.pools[0].members.erase(other.pools[0].members.begin());
  other.pools[0].members.push_back({"b3", IpAddress::parse("10.0.1.13").value(), 10});
  other.services.pop_back();
  other.pools.pop_back();
  EXPECT_EQ(lines(diff_configs(base(), other)),
            (Lines{"added backend web/b3 address:>10.0.1.13 weight:>10",
                   "removed backend web/b1 address:10.0.1.11> weight:100>",
                   "removed pool dns encapsulation:ipip> gue_port:6080> slots:65537> mtu:1500>",
                   "removed backend dns/n1 address:10.0.1.53> weight:100>",
                   "removed service dns address:203.0.113.10> port:53> protocol:udp> pool:dns> track:true> "
                   "fragments:false> unreachable:false>"}));
  EXPECT_EQ(lines(diff_configs(other, base())).front(), "added backend web/b1 address:>10.0.1.11 weight:>100");
}

TEST(ConfigDiff, TheDpdkTableAndItsPorts) {
  Config with = base();
  with.plane.dpdk = DpdkConfig{{{"net_tap0,iface=x", 0, "up0", 1500}}, 2, {1, 3}};
  const std::string port = "port net_tap0 device:>net_tap0,iface=x queues:>0 kernel_interface:>up0 mtu:>1500";
  EXPECT_EQ(
      lines(diff_configs(base(), with)),
      (Lines{"added dpdk  workers:>2 cpus:>1, 3 idle:>adaptive memory:>auto packet_buffers:>16384", "added " + port}));
  EXPECT_EQ(lines(diff_configs(with, base())),
            (Lines{"removed dpdk  workers:2> cpus:1, 3> idle:adaptive> memory:auto> packet_buffers:16384>",
                   "removed port net_tap0 device:net_tap0,iface=x> queues:0> kernel_interface:up0> mtu:1500>"}));
  Config other = with;
  other.plane.dpdk->ports[0].kernel_interface.reset();
  other.plane.dpdk->ports[0].device = "net_tap0,iface=y";
  other.plane.dpdk->ports.push_back({"03:00.0"});
  other.plane.dpdk->idle = IdleMode::spin;
  other.plane.dpdk->memory = PacketMemory::ordinary;
  other.plane.icmp_per_second = 7;
  EXPECT_EQ(lines(diff_configs(with, other)),
            (Lines{"changed plane  icmp_per_second:1000>7", "changed dpdk  idle:adaptive>spin memory:auto>ordinary",
                   "changed port net_tap0 device:net_tap0,iface=x>net_tap0,iface=y kernel_interface:up0>",
                   "added port 03:00.0 device:>03:00.0 queues:>0 kernel_interface:> mtu:>1500"}));
}

TEST(ConfigDiff, TheHashKeyStaysSecret) {
  Config other = base();
  other.hash_key[3] ^= 0xffU;
  EXPECT_EQ(lines(diff_configs(base(), other)), (Lines{"changed plane  hash_key:(secret)>(another secret)"}));
}

}  // namespace
}  // namespace sluice
