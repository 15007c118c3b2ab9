// SPDX-License-Identifier: Apache-2.0
// Files and options of sluice-backend, its notes about the host, the MSS it computes, its counters as text.
#include "backend_config.h"

#include <gtest/gtest.h>

#include "backend_state.h"
#include "backend_status.h"
#include "vip_routes.h"

namespace sluice::backend {
namespace {

std::string fault_of(const std::string& text) {
  const BackendConfigOutcome outcome = parse_backend_config(text + "\n", "b.toml");
  if (outcome.config || outcome.errors.empty()) return "accepted";
  return to_string(outcome.errors.front(), "b.toml");
}

TEST(BackendConfig, WholeFile) {
  const BackendConfigOutcome outcome = parse_backend_config(R"(
interfaces = ["eth0", "eth1.100"]
vips = ["203.0.113.10", "2001:db8:203::10"]
allow = ["10.2.0.0/16", "fd00:2::/32", "192.0.2.7"]
local = ["10.3.0.2"]
gue_port = 7000
mss = 1400
mode = "generic"
pin_directory = "none"
state_directory = "/run/x"
)",
                                                            "b.toml");
  ASSERT_TRUE(outcome.config) << to_string(outcome.errors.front(), "b.toml");
  const BackendConfig& config = *outcome.config;
  EXPECT_EQ(config.interfaces, (std::vector<std::string>{"eth0", "eth1.100"}));
  EXPECT_EQ(config.vips[1].to_string(), "2001:db8:203::10");
  EXPECT_EQ(config.allow[1].to_string(), "fd00:2::/32");
  EXPECT_EQ(config.allow[2].to_string(), "192.0.2.7/32");
  EXPECT_EQ(config.local[0].to_string(), "10.3.0.2");
  EXPECT_EQ(config.gue_port, 7000);
  EXPECT_EQ(config.mss, (MssChoice{MssChoice::Kind::fixed, 1400}));
  EXPECT_EQ(config.mode, PlaneMode::generic);
  EXPECT_EQ(config.pin_directory, "none");
  EXPECT_EQ(config.state_directory, "/run/x");
  EXPECT_TRUE(check_backend_config(config));
}

TEST(BackendConfig, FaultsHaveAPlaceAndARemedy) {
  EXPECT_EQ(fault_of("vips = 5"), "b.toml:1:8: vips: must be a list of texts, [\"...\"]");
  EXPECT_EQ(fault_of("vips = [\"x\"]"), "b.toml:1:9: vips: \"x\" is no VIP: not an IPv4 or IPv6 address");
  EXPECT_EQ(fault_of("\nvips = [\"127.0.0.1\"]"),
            "b.toml:2:9: vips: \"127.0.0.1\" is no VIP: not a unicast address of a network");
  EXPECT_EQ(fault_of("vips = [\"10.0.0.1\", \"10.0.0.1\"]"), "b.toml:1:21: vips: is named twice: \"10.0.0.1\"");
  EXPECT_EQ(fault_of("allow = [\"10.2.0.0/33\"]"),
            "b.toml:1:10: allow: \"10.2.0.0/33\": the length of the range must be 0 to 32");
  EXPECT_EQ(
      fault_of("allow = [\"10.2.0.1/16\"]"),
      "b.toml:1:10: allow: \"10.2.0.1/16\": the address has bits beyond /16; write the first address of the range");
  EXPECT_EQ(fault_of("allow = [\"10.2.0.0/\"]"),
            "b.toml:1:10: allow: \"10.2.0.0/\": the length of the range must be 0 to 32");
  EXPECT_EQ(fault_of("gue_port = 0"), "b.toml:1:12: gue_port: must be an integer, 1 to 65535");
  EXPECT_EQ(fault_of("mss = 100"), "b.toml:1:7: mss: \"100\" is no MSS; auto, none, or 536 to 9176");
  EXPECT_EQ(fault_of("mode = \"fast\""), "b.toml:1:8: mode: \"fast\" is no mode; auto, native or generic");
  EXPECT_EQ(fault_of("interface = [\"eth0\"]"), "b.toml:1:1: unknown key \"interface\"; did you mean \"interfaces\"?");
  EXPECT_EQ(fault_of("interfaces = [\"a/b\"]"), "b.toml:1:15: interfaces: \"a/b\" is no interface name");
  EXPECT_EQ(fault_of("pin_directory = \"bpf\""), "b.toml:1:17: pin_directory: \"bpf\" is no absolute path");
  EXPECT_TRUE(fault_of("vips = [").starts_with("b.toml:1:"));
}

TEST(BackendConfig, OptionsReplaceKeys) {
  const BackendConfig base =
      *parse_backend_config("interfaces = ['eth0']\nvips = ['10.0.0.1']\nmss = 1400\ngue_port = 7000\n", "b").config;
  BackendOptions options;
  options.vips = {"10.0.0.2", "10.0.0.3"};
  options.mss = "none";
  const BackendConfig merged = apply_options(options, base).value();
  EXPECT_EQ(merged.interfaces, base.interfaces);
  EXPECT_EQ(merged.vips.size(), 2U);
  EXPECT_EQ(merged.mss.kind, MssChoice::Kind::none);
  EXPECT_EQ(merged.gue_port, 7000);
  options.vips = {"10.0.0.2'"};
  EXPECT_FALSE(apply_options(options, base));
}

TEST(BackendConfig, WhatIsMissing) {
  BackendConfig config;
  EXPECT_NE(check_backend_config(config).error().context.find("--interface"), std::string::npos);
  config.interfaces = {"eth0"};
  EXPECT_NE(check_backend_config(config).error().context.find("--vip"), std::string::npos);
  config.vips = {IpAddress::parse("203.0.113.10").value()};
  EXPECT_NE(check_backend_config(config).error().context.find("--allow"), std::string::npos);
  config.tunnels = false;
  EXPECT_TRUE(check_backend_config(config));
  config.local = config.vips;
  EXPECT_EQ(check_backend_config(config).error().code, ErrorCode::conflict);
}

TEST(Mss, LeavesRoomForTheLongestOuterHeader) {
  EXPECT_EQ(mss_for_path(1500, true), (AdvertisedMss{1388, 1368}));
  EXPECT_EQ(mss_for_path(1500, false), (AdvertisedMss{1408, 1388}));
  EXPECT_EQ(mss_for_path(1280, true), (AdvertisedMss{1168, 1148}));
  EXPECT_EQ(mss_for_path(9000, true), (AdvertisedMss{8888, 8868}));
  EXPECT_EQ(mss_for_path(65536, true), (AdvertisedMss{65424, 65404}));
  EXPECT_EQ(mss_for_path(68, true), (AdvertisedMss{88, 88}));
}

TEST(State, JsonAndBack) {
  HostChanges changes;
  changes.vips = {IpAddress::parse("203.0.113.10").value(), IpAddress::parse("2001:db8::1").value()};
  changes.settings = {{"net/ipv4/conf/eth0.1/arp_ignore", "0"}};
  changes.routes = true;
  EXPECT_EQ(changes_from_json(to_json(changes)).value(), changes);
  EXPECT_EQ(changes_from_json(to_json({})).value(), HostChanges{});
}

TEST(State, DamagedFilesAreRefused) {
  const std::string good = to_json({{IpAddress::parse("203.0.113.10").value()}, {{"net/x", "1"}}, true});
  for (std::size_t length = 0; length + 1 < good.size(); ++length)
    EXPECT_FALSE(changes_from_json(good.substr(0, length))) << length;
  EXPECT_FALSE(changes_from_json(R"({"vips":[],"settings":{"../etc/passwd":"x"},"routes":false})"));
  EXPECT_FALSE(changes_from_json(R"({"vips":[],"settings":{"net/../kernel/core_pattern":"x"},"routes":false})"));
  EXPECT_FALSE(changes_from_json(R"({"vips":[],"settings":{"kernel/core_pattern":"x"},"routes":false})"));
  EXPECT_FALSE(changes_from_json(R"({"vips":["x"],"settings":{},"routes":false})"));
}

TEST(State, OneProcessAtATime) {
  const std::string directory = ::testing::TempDir() + "sluice-backend-state-" + std::to_string(::getpid());
  {
    Result<StateFile> first = StateFile::open(directory, "net-1");
    ASSERT_TRUE(first);
    EXPECT_EQ(StateFile::open(directory, "net-1").error().code, ErrorCode::conflict);
    EXPECT_TRUE(StateFile::open(directory, "net-2"));
    ASSERT_TRUE(first->save({{IpAddress::parse("203.0.113.10").value()}, {}, true}));
  }
  Result<StateFile> second = StateFile::open(directory, "net-1");
  ASSERT_TRUE(second);
  EXPECT_EQ(second->changes().vips.size(), 1U);
  EXPECT_TRUE(second->clear());
  EXPECT_NE(::access((directory + "/net-1.lock").c_str(), F_OK), 0);
  Result<StateFile> third = StateFile::open(directory, "net-2");
  ASSERT_TRUE(third);
  EXPECT_TRUE(third->clear());
  EXPECT_NE(::access(directory.c_str(), F_OK), 0) << "the empty directory stays behind";
}

TEST(Status, ShowsABackendsReasonsAndAnyOtherThatCounts) {
  sluice_decap_counters counters{};
  counters.rx_packets = 5;
  counters.reasons[SLUICE_REASON_delivered] = 3;
  counters.reasons[SLUICE_REASON_internal] = 2;
  const std::string table = status_table(counters);
  EXPECT_NE(table.find("delivered"), std::string::npos);
  EXPECT_NE(table.find("tunnel_source"), std::string::npos);
  EXPECT_NE(table.find("internal"), std::string::npos);
  EXPECT_EQ(table.find("no_backend"), std::string::npos);
  EXPECT_NE(status_json(counters).find(R"({"name":"delivered","class":"kernel","packets":3,)"), std::string::npos);
}

}  // namespace
}  // namespace sluice::backend
