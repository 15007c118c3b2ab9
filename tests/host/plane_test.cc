// SPDX-License-Identifier: Apache-2.0
// The process of a plane that is told by a file.
#include <net/if.h>

#include "plane_fixture.h"

namespace sluice {
namespace {

namespace json = boost::json;
using plane_testing::PlaneTest;
using plane_testing::script;
using plane_testing::service_text;

TEST_F(PlaneTest, AnswersByItsKind) {
  start();
  EXPECT_EQ(plane_->summary(), "generation 1, 1 service, 2 backends, port0 fake");
  EXPECT_EQ(ask(R"({"op":"version"})").at("plane"), "fake");
  const json::object status = ask(R"({"op":"status"})");
  EXPECT_EQ(status.at("plane"), "fake");
  EXPECT_EQ(status.at("memory_bytes"), 12345);
  EXPECT_EQ(status.at("counts"), json::parse(R"({"fake_things":3})"));
  EXPECT_EQ(status.at("interfaces"), json::parse(R"([{"name":"port0","mode":"fake","note":"a note"}])"));
}

TEST_F(PlaneTest, TheWayIsWhatForwardingMakesOfIt) {
  start();
  EXPECT_NE(b1().mac_low, 0U);
  EXPECT_EQ(b1().interface, 7U);
  script.interface = 8;
  plane_->tick(Plane::Clock::now());
  EXPECT_EQ(b1().interface, 7U);  // nobody said that ways have changed
  script.ways_changed = true;
  plane_->tick(Plane::Clock::now());
  EXPECT_EQ(b1().interface, 8U);
}

TEST_F(PlaneTest, AnInterfaceIsLookedUpOnceForAllBackendsBehindIt) {
  plane_testing::shell("ip route add 10.4.0.0/16 via 10.2.0.1");
  start();
  EXPECT_NE(line_of("10.4.0.1").mac_low, 0U);
  script.interfaces_asked = 0;
  script.ways_changed = true;
  plane_->tick(Plane::Clock::now());
  EXPECT_EQ(script.interfaces_asked, 1);
  plane_testing::shell("ip route del 10.4.0.0/16");
}

TEST_F(PlaneTest, EachBackendHasTheNumberOfItsOwnInterface) {
  plane_testing::shell("ip addr add 10.5.0.2/24 dev veth1 && ip route add 10.4.0.0/16 via 10.5.0.1");
  plane_testing::shell("ip neigh add 10.5.0.1 dev veth1 lladdr 02:00:00:00:00:02 nud permanent");
  script.has_own_numbers = true;
  start();
  EXPECT_EQ(b1().interface, if_nametoindex("veth0"));
  EXPECT_EQ(line_of("10.4.0.1").interface, if_nametoindex("veth1"));
  plane_testing::shell("ip neigh del 10.5.0.1 dev veth1 && ip addr del 10.5.0.2/24 dev veth1");
}

TEST_F(PlaneTest, AWayThatForwardingCannotTakeIsUnresolvedWithItsReason) {
  script.way_error = "leads out of veth0, which is no port";
  start();
  EXPECT_EQ(b1().mac_low, 0U);
  EXPECT_NE(log_.find("backend web/b1 is not reachable yet: leads out of veth0, which is no port; its packets drop"),
            std::string::npos)
      << log_;
  const json::object status = ask(R"({"op":"status"})");
  EXPECT_EQ(status.at("unresolved"), json::parse(R"(["web/b1","web/gone"])"));
  EXPECT_EQ(status.at("unresolved_reasons").at("web/b1"), "leads out of veth0, which is no port");
  script.way_error.clear();
  script.ways_changed = true;
  plane_->tick(Plane::Clock::now());
  EXPECT_NE(b1().mac_low, 0U);
  EXPECT_EQ(ask(R"({"op":"status"})").at("unresolved"), json::parse(R"(["web/gone"])"));
  script.way_error = "leads nowhere again";
  script.ways_changed = true;
  plane_->tick(Plane::Clock::now());
  EXPECT_EQ(b1().mac_low, 0U);
}

TEST_F(PlaneTest, AReloadIsPublishedAndRemembered) {
  start();
  write_config(5);
  EXPECT_EQ(ask(R"({"op":"reload"})").at("generation"), 2);
  EXPECT_EQ(script.published, 1);
  EXPECT_NE(ask(R"({"op":"config"})").at("config").as_string().find("icmp_per_second = 5\n"), json::string::npos);
}

TEST_F(PlaneTest, AFixedKeyIsRefusedByName) {
  start();
  script.fixed_key = "[plane.fake] ports";
  write_config(5);
  const json::object answer = ask(R"({"op":"reload"})");
  EXPECT_EQ(answer.at("error"),
            "[plane.fake] ports has changed, which a running sluice-fake cannot follow; restart it (costs nothing)");
  script.fixed_key.clear();
  socket_ += "2";  // every plane's own
  write_config(5);
  socket_.pop_back();
  EXPECT_EQ(ask(R"({"op":"reload"})").at("error"),
            "control_socket has changed, which a running sluice-fake cannot follow; restart it (costs nothing)");
  EXPECT_EQ(script.published, 0);
}

TEST_F(PlaneTest, AFailedPublishLeavesTheRunningConfiguration) {
  start();
  script.publish_error = "the card is on fire";
  write_config(5);
  EXPECT_EQ(ask(R"({"op":"reload"})").at("error"), "the card is on fire");
  EXPECT_NE(log_.find("reload refused: the card is on fire; generation 1 stays"), std::string::npos) << log_;
  EXPECT_NE(ask(R"({"op":"config"})").at("config").as_string().find("icmp_per_second = 1000\n"), json::string::npos);
  script.publish_error.clear();
  EXPECT_EQ(ask(R"({"op":"reload"})").at("generation"), 2);
}

TEST_F(PlaneTest, WhatThePlaneNeedsIsCheckedWithTheFile) {
  start();
  std::string second = service_text;
  second.replace(second.find("\"web\""), 5, "\"two\"").replace(second.find("80"), 2, "81");
  write_config(5, service_text + second);
  const json::object answer = ask(R"({"op":"reload"})");
  EXPECT_EQ(answer.at("error").as_string(), file() + ":1:1: plane: two services are too many here");
  EXPECT_EQ(answer.at("exit_code"), 2);
  EXPECT_EQ(script.published, 0);
}

TEST_F(PlaneTest, DetachEndsThePlane) {
  start();
  EXPECT_FALSE(plane_->is_detached());
  EXPECT_EQ(ask(R"({"op":"detach"})"), json::parse(R"({"ok":true})").as_object());
  EXPECT_TRUE(script.detached);
  EXPECT_TRUE(plane_->is_detached());
}

}  // namespace
}  // namespace sluice
