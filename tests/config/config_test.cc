// SPDX-License-Identifier: Apache-2.0
#include "config.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace sluice {
namespace {

const std::string head = "hash_key = \"000102030405060708090a0b0c0d0e0f\"\n";
const std::string plane = "[plane]\nsource_ipv4 = \"10.0.0.2\"\nsource_ipv6 = \"fd00::2\"\n";
const std::string pool = "[[pool]]\nname = \"web\"\nbackends = [ { name = \"b1\", address = \"10.0.1.11\" } ]\n";
const std::string service =
    "[[service]]\nname = \"web\"\naddress = \"203.0.113.10\"\nport = 80\nprotocol = \"tcp\"\npool = \"web\"\n";

IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}

std::string errors_of(const std::string& text) {
  return errors_text(parse_config(text, "c"));
}

TEST(Config, DefaultsAreThoseOfTheDocumentation) {
  const ConfigOutcome outcome = parse_config(head + plane + pool + service, "c");
  ASSERT_TRUE(outcome.ok()) << errors_text(outcome);
  EXPECT_TRUE(outcome.warnings.empty());
  const Config& config = *outcome.config;
  EXPECT_EQ(config.hash_key[0], 0);
  EXPECT_EQ(config.hash_key[15], 0x0f);
  EXPECT_TRUE(config.plane.interfaces.empty());
  EXPECT_EQ(config.plane.mode, PlaneMode::automatic);
  EXPECT_EQ(config.plane.control_socket, "/run/sluice/plane.sock");
  EXPECT_EQ(config.plane.pin_directory, "/sys/fs/bpf/sluice");
  EXPECT_EQ(config.plane.flows_per_cpu, 262144U);
  EXPECT_EQ(config.plane.new_flows_per_second, 200000U);
  EXPECT_EQ(config.plane.icmp_per_second, 1000U);
  EXPECT_EQ(config.plane.dpdk, std::nullopt);
  ASSERT_EQ(config.pools.size(), 1U);
  EXPECT_EQ(config.pools[0].encapsulation, Encapsulation::ipip);
  EXPECT_EQ(config.pools[0].gue_port, PortHost(6080));
  EXPECT_EQ(config.pools[0].slots_count, 65537U);
  EXPECT_EQ(config.pools[0].mtu, 1500U);
  ASSERT_EQ(config.pools[0].members.size(), 1U);
  EXPECT_EQ(config.pools[0].members[0], (MemberConfig{"b1", ip("10.0.1.11"), 100}));
  ASSERT_EQ(config.services.size(), 1U);
  EXPECT_EQ(config.services[0],
            (ServiceConfig{"web", ip("203.0.113.10"), PortHost(80), Protocol::tcp, 0, true, false, false}));
}

TEST(Config, EveryKeyIsRead) {
  const ConfigOutcome outcome = parse_config(
      "hash_key = \"FFfe02030405060708090a0b0c0d0e0f\"\n"
      "[plane]\ninterfaces = [\"eth0\", \"eth1\"]\nmode = \"native\"\nsource_ipv4 = \"10.0.0.2\"\n"
      "source_ipv6 = \"fd00::2\"\ncontrol_socket = \"/tmp/s\"\npin_directory = \"/tmp/p\"\nflows_per_cpu = 1024\n"
      "new_flows_per_second = 0\nicmp_per_second = 5\ncontrol = \"file\"\nstate_file = \"/tmp/t\"\n"
      "[plane.dpdk]\nworkers = 2\ncpus = [5, 0]\nidle = \"spin\"\nmemory = \"huge\"\npacket_buffers = 1024\n"
      "ports = [ { device = \"net_tap0,iface=x\", queues = 4, kernel_interface = \"up0\", mtu = 9216 }, { device = "
      "\"0A:00.7\" } ]\n"
      "[[pool]]\nname = \"other\"\nbackends = []\n"
      "[[pool]]\nname = \"dns\"\nencapsulation = \"gue\"\ngue_port = 7000\nslots = 16381\nmtu = 9216\n"
      "[[pool.backend]]\nname = \"n1\"\naddress = \"fd00:1::53\"\nweight = 65535\n"
      "[[pool.backend]]\nname = \"n2\"\naddress = \"10.0.1.53\"\nweight = 0\n"
      "[[service]]\nname = \"dns\"\naddress = \"2001:db8::53\"\nport = 0\nprotocol = \"udp\"\npool = \"dns\"\n"
      "track = false\nfragments = true\nunreachable = true\n",
      "c");
  ASSERT_TRUE(outcome.ok()) << errors_text(outcome);
  const Config& config = *outcome.config;
  EXPECT_EQ(config.hash_key[0], 0xff);
  const DpdkConfig dpdk{{{"net_tap0,iface=x", 4, "up0", 9216}, {"0A:00.7", 0, std::nullopt, 1500}},
                        2,
                        {5, 0},
                        IdleMode::spin,
                        PacketMemory::huge,
                        1024};
  EXPECT_EQ(config.plane, (PlaneConfig{{"eth0", "eth1"},
                                       PlaneMode::native,
                                       ip("10.0.0.2"),
                                       ip("fd00::2"),
                                       "/tmp/s",
                                       "/tmp/p",
                                       1024,
                                       0,
                                       5,
                                       ControlSource::file,
                                       "/tmp/t",
                                       dpdk}));
  EXPECT_EQ(config.pools[1], (PoolConfig{"dns",
                                         Encapsulation::gue,
                                         PortHost(7000),
                                         16381,
                                         9216,
                                         {{"n1", ip("fd00:1::53"), 65535}, {"n2", ip("10.0.1.53"), 0}}}));
  EXPECT_EQ(config.services[0],
            (ServiceConfig{"dns", ip("2001:db8::53"), PortHost(0), Protocol::udp, 1, false, true, true}));
  EXPECT_EQ(find_pool(config, "dns"), &config.pools[1]);
  EXPECT_EQ(find_pool(config, "dsn"), nullptr);
  EXPECT_EQ(find_service(config, "dns"), &config.services[0]);
  EXPECT_EQ(find_service(config, "web"), nullptr);
  ASSERT_EQ(outcome.warnings.size(), 1U);
  EXPECT_EQ(to_string(outcome.warnings[0], "c"), "c:21:1: pool \"other\": no service uses it");
}

TEST(Config, WarnsAboutAPoolThatCanServeNothing) {
  const ConfigOutcome outcome = parse_config(head + "[[pool]]\nname = \"web\"\nbackends = []\n" + service, "c");
  ASSERT_TRUE(outcome.ok()) << errors_text(outcome);
  ASSERT_EQ(outcome.warnings.size(), 1U);
  EXPECT_EQ(outcome.warnings[0].message,
            "pool \"web\": no backend has a weight above 0, so its services drop every packet");
}

TEST(Config, L2NeedsNoSourceAddressAndTakesItsOwnFamily) {
  const std::string near =
      "[[pool]]\nname = \"web\"\nencapsulation = \"l2\"\nbackends = [ { name = \"b1\", address = \"10.0.1.11\" } ]\n";
  EXPECT_EQ(errors_of(head + near + service), "");
}

TEST(Config, NoServiceOnPurposeIsFine) {
  EXPECT_EQ(errors_of(head + "service = []\n"), "");
}

TEST(Config, ANumberAtTheEndOfTheFileNeedsItsNewline) {
  const std::string text = head + plane + pool +
                           "[[service]]\nname = \"web\"\naddress = \"203.0.113.10\"\nprotocol = \"tcp\"\n"
                           "pool = \"web\"\nport = 80";
  EXPECT_EQ(errors_of(text),
            "c:13:10: the file ends right after a number: digits may have been cut off; allowed: a whole file, its "
            "last line closed by a newline\n");
  EXPECT_EQ(errors_of(text + "\n"), "");
  EXPECT_EQ(errors_of(text + " # the usual, as in 1991"), "");
  EXPECT_EQ(errors_of(text + "\ntrack = true"), "");
}

TEST(Config, OnlyCommentsMayLeaveAscii) {
  EXPECT_EQ(errors_of("# gr\xc3\xb6\xc3\x9f\n" + head + plane + pool + service + "# \xc3\xa4"), "");
  EXPECT_EQ(errors_of(head + "x = \"gr\xc3\xb6\xc3\x9f\"\n"),
            "c:2:8: non-ASCII character outside of a comment; allowed: ASCII, with strings in plain double quotes\n");
  EXPECT_EQ(errors_of(head + "gr\xc3\xb6\xc3\x9f = 1\n").substr(0, 6), "c:2:3:");
}

TEST(Config, MoreWeightedBackendsThanSlots) {
  std::string members;
  for (int i = 0; i < 16382; ++i) {
    members += "  { name = \"b" + std::to_string(i) + "\", address = \"10." + std::to_string(i / 65536) + "." +
               std::to_string(i / 256 % 256) + "." + std::to_string(i % 256) + "\", weight = WEIGHT },\n";
  }
  const auto with = [&](const std::string& weight) {
    std::string text = head +
                       "[plane]\nsource_ipv4 = \"192.0.2.1\"\n[[pool]]\nname = \"web\"\nslots = 16381\nbackends = [\n" +
                       members + "]\n" + service;
    std::size_t at = 0;
    while ((at = text.find("WEIGHT", at)) != std::string::npos) text.replace(at, 6, weight);
    return errors_of(text);
  };
  EXPECT_EQ(with("1"),
            "c:6:9: pool \"web\": 16382 backends with a weight do not fit 16381 slots: some would get none; allowed: "
            "slots = 65537 or more\n");
  EXPECT_EQ(with("0"), "");
}

TEST(Config, CountsHaveTheirLimits) {
  std::string many_members = head + plane + "[[pool]]\nname = \"web\"\nbackends = [\n";
  for (int i = 0; i < 32768; ++i) many_members += "{},\n";
  EXPECT_EQ(errors_of(many_members + "]\n" + service),
            "c:32775:1: pool \"web\": 32768 backends are too many; allowed: 32767 in one pool (a slot names its "
            "backend in 15 bits)\n");

  std::string many_pools = head;
  for (int i = 0; i < 4097; ++i) many_pools += "[[pool]]\nname = \"p" + std::to_string(i) + "\"\nbackends = []\n";
  EXPECT_EQ(errors_of(many_pools + "[[service]]\nname = \"web\"\naddress = \"203.0.113.10\"\nport = 80\n"
                                   "protocol = \"tcp\"\npool = \"p0\"\n"),
            "c:12290:1: 4097 pools are too many; allowed: 4096\n");

  std::string many_services = head + plane + pool;
  for (int i = 0; i < 32769; ++i) {
    many_services += "[[service]]\nname = \"s" + std::to_string(i) +
                     "\"\naddress = \"203.0.113.10\"\nport = " + std::to_string(i) +
                     "\nprotocol = \"tcp\"\npool = \"web\"\n";
  }
  EXPECT_EQ(errors_of(many_services), "c:196616:1: 32769 services are too many; allowed: 32768\n");
}

TEST(Config, AFileOfTheWrongKindGivesABoundedNumberOfErrors) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "key" + std::to_string(i) + " = 1\n";
  EXPECT_EQ(parse_config(text, "c").errors.size(), 1000U);
}

TEST(Config, DeepNestingNeitherCrashesNorPasses) {
  std::string dots = "a";
  for (int i = 0; i < 200000; ++i) dots += ".a";
  EXPECT_EQ(parse_config(dots + " = 1\n", "c").errors.size(), 1U);
  EXPECT_EQ(parse_config("[" + dots + "]\n", "c").errors.size(), 1U);
  std::string nested = "x = ";
  for (int i = 0; i < 200000; ++i) nested += "[";
  EXPECT_EQ(parse_config(nested, "c").errors.size(), 1U);
  std::string tables = "x = ";
  for (int i = 0; i < 250; ++i) tables += "{a.b.c.d.e=";
  tables += "1";
  for (int i = 0; i < 250; ++i) tables += "}";
  EXPECT_FALSE(parse_config(tables + "\n", "c").ok());
  // Dots in strings and comments are no keys.
  EXPECT_EQ(errors_of("# a.b.c.d.e.f.g\n" + head + plane + pool + service), "");
  EXPECT_NE(errors_of("x = '.......'\n").find("unknown key \"x\""), std::string::npos);
  EXPECT_NE(errors_of("x = \".....\\\"......\"\n").find("unknown key \"x\""), std::string::npos);
}

TEST(Config, PrintedConfigParsesToTheSame) {
  for (const char* name : {"minimal.toml", "site.toml", "dpdk.toml"}) {
    std::ifstream in(std::filesystem::path(SLUICE_EXAMPLES) / name);
    const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    const ConfigOutcome first = parse_config(text, name);
    ASSERT_TRUE(first.ok()) << errors_text(first);
    EXPECT_TRUE(first.warnings.empty()) << name;
    const std::string printed = print_config(*first.config);
    const ConfigOutcome second = parse_config(printed, "printed");
    ASSERT_TRUE(second.ok()) << errors_text(second) << printed;
    EXPECT_EQ(*first.config, *second.config);
    EXPECT_EQ(print_config(*second.config), printed);
  }
}

TEST(Config, DpdkDefaultsAreThoseOfTheDocumentation) {
  const ConfigOutcome outcome =
      parse_config(head + plane + "[plane.dpdk]\nports = [ { device = \"net_null0\" } ]\n" + pool + service, "c");
  ASSERT_TRUE(outcome.ok()) << errors_text(outcome);
  EXPECT_EQ(
      outcome.config->plane.dpdk,
      (DpdkConfig{{{"net_null0", 0, std::nullopt, 1500}}, 1, {}, IdleMode::adaptive, PacketMemory::automatic, 16384}));
}

TEST(Config, DpdkTablesMayStandAloneAndInAnyForm) {
  const std::string ports =
      "[[plane.dpdk.ports]]\ndevice = \"net_null0\"\n[[plane.dpdk.ports]]\ndevice = \"net_null1\"\n";
  EXPECT_EQ(errors_of(head + "service = []\n[plane.dpdk]\n" + ports), "");
  EXPECT_EQ(errors_of(head + "service = []\n" + ports), "");
  EXPECT_EQ(errors_of(head + "service = []\nplane.dpdk.ports = [ { device = \"00010000:00:1f.0,a=b,c=d\" } ]\n"), "");
}

TEST(Config, DevicesAreToldApartByWhatStandsBeforeTheirArguments) {
  EXPECT_EQ(device_name("net_af_packet0,iface=eth0,qpairs=2"), "net_af_packet0");
  EXPECT_EQ(device_name("0000:03:00.0"), "0000:03:00.0");
  for (const char* name : {"0000:03:00.0", "03:00.0", "0A:1f.7", "00010000:00:1f.0"}) EXPECT_TRUE(is_pci_address(name));
  for (const char* name : {"net_null0", "03:00.8", "3:00.0", "000:03:00.0", "03:00", ""})
    EXPECT_FALSE(is_pci_address(name)) << name;
}

TEST(Config, PrintsTheDpdkTable) {
  const ConfigOutcome outcome = parse_config(head + R"(service = []
[plane.dpdk]
workers = 2
cpus = [1, 3]
ports = [ { device = "net_tap0,remote=a\"\\b", kernel_interface = "up\"0" }, { device = "03:00.0", queues = 2 } ]
)",
                                             "c");
  ASSERT_TRUE(outcome.ok()) << errors_text(outcome);
  const std::string printed = print_config(*outcome.config);
  EXPECT_NE(printed.find(R"(icmp_per_second = 1000
control = "file"
state_file = "/var/lib/sluice/plane-state"

[plane.dpdk]
ports = [
  { device = "net_tap0,remote=a\"\\b", queues = 0, kernel_interface = "up\"0", mtu = 1500 },
  { device = "03:00.0", queues = 2, mtu = 1500 },
]
workers = 2
cpus = [1, 3]
idle = "adaptive"
memory = "auto"
packet_buffers = 16384
)"),
            std::string::npos)
      << printed;
  EXPECT_EQ(parse_config(printed, "printed").config, outcome.config);
}

TEST(Config, PrintsWhatTheDocumentationShows) {
  const ConfigOutcome outcome = parse_config(head + plane + pool + service, "c");
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(print_config(*outcome.config), R"(hash_key = "000102030405060708090a0b0c0d0e0f"

[plane]
mode = "auto"
source_ipv4 = "10.0.0.2"
source_ipv6 = "fd00::2"
control_socket = "/run/sluice/plane.sock"
pin_directory = "/sys/fs/bpf/sluice"
flows_per_cpu = 262144
new_flows_per_second = 200000
icmp_per_second = 1000
control = "file"
state_file = "/var/lib/sluice/plane-state"

[[pool]]
name = "web"
encapsulation = "ipip"
gue_port = 6080
slots = 65537
mtu = 1500
backends = [
  { name = "b1", address = "10.0.1.11", weight = 100 },
]

[[service]]
name = "web"
address = "203.0.113.10"
port = 80
protocol = "tcp"
pool = "web"
track = true
fragments = false
unreachable = false
)");
}

TEST(Config, TheHashKeyIsInNoMessage) {
  for (const char* key : {"00112233445566778899aabbccddeef", "00112233445566778899aabbccddeefg",
                          "00112233445566778899aabbccddee\\u0001f"}) {
    const std::string text = errors_of("hash_key = \"" + std::string(key) + "\"\n" + plane + pool + service);
    EXPECT_NE(text, "");
    EXPECT_EQ(text.find("00112233"), std::string::npos) << text;
  }
}

TEST(Config, OfTheClusterHasAPlaneOnly) {
  const ConfigOutcome outcome =
      parse_config("[plane]\ncontrol = \"cluster\"\nstate_file = \"/var/x\"\nsource_ipv4 = \"10.0.0.2\"\n", "a.toml");
  ASSERT_TRUE(outcome.ok()) << errors_text(outcome);
  EXPECT_TRUE(outcome.warnings.empty());
  EXPECT_EQ(outcome.config->plane.control, ControlSource::cluster);
  EXPECT_EQ(outcome.config->plane.state_file, "/var/x");
  EXPECT_TRUE(outcome.config->pools.empty());
  const ConfigOutcome again = parse_config(print_config(*outcome.config), "b.toml");
  ASSERT_TRUE(again.ok()) << errors_text(again);
  EXPECT_EQ(*again.config, *outcome.config);
}

}  // namespace
}  // namespace sluice
