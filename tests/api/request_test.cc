// SPDX-License-Identifier: Apache-2.0
// Targets, roles, connections, events and metrics: what needs no cluster.
#include <gtest/gtest.h>

#include "connection_table.h"
#include "event_text.h"
#include "identity.h"
#include "metrics_text.h"
#include "request_target.h"
#include "routes.h"

namespace sluice::api {
namespace {

TEST(Target, segments_and_query) {
  const auto target = parse_target("/v1/pools/web%20a?wait=generation&timeout=10s&force");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->segments, (std::vector<std::string>{"v1", "pools", "web a"}));
  EXPECT_EQ(*target->find("timeout"), "10s");
  EXPECT_TRUE(*flag_of(*target, "force"));
  EXPECT_FALSE(*flag_of(*target, "absent"));
  EXPECT_EQ(percent_encoded("web a/+"), "web%20a%2F%2B");
}

TEST(Target, refusals) {
  for (const char* text : {"", "v1", "*", "/a%", "/a%2", "/a%zz", "/a%00", "/?a=1&a=2", "/?a=%f"}) {
    EXPECT_FALSE(parse_target(text)) << text;
  }
  EXPECT_FALSE(parse_target("/" + std::string(64, '/')));
  const auto target = parse_target("/?dryrun=true&n=x&f=maybe");
  ASSERT_TRUE(target);
  EXPECT_EQ(only_known(*target, {"dry_run", "n", "f"}).error().message,
            "unknown query parameter \"dryrun\"; did you mean \"dry_run\"?");
  EXPECT_FALSE(number_of(*target, "n"));
  EXPECT_FALSE(flag_of(*target, "f"));
}

TEST(Target, durations) {
  EXPECT_EQ(*parse_duration("1500ms"), std::chrono::milliseconds(1500));
  EXPECT_EQ(*parse_duration("10"), std::chrono::seconds(10));
  EXPECT_EQ(*parse_duration("60m"), std::chrono::minutes(60));
  for (const char* text : {"", "s", "61m", "1h", "-1s", "1.5s", "18446744073709551615m"})
    EXPECT_FALSE(parse_duration(text));
}

TEST(Roles, of_unix_peers) {
  UnixPolicy policy;
  policy.owner_uid = 100;
  const std::vector<std::uint32_t> groups = {5, 50};
  EXPECT_EQ(identity_of_peer(0, {}, policy).role, Role::admin);
  EXPECT_EQ(identity_of_peer(100, {}, policy).role, Role::admin);
  EXPECT_EQ(identity_of_peer(7, groups, policy).role, Role::none);
  policy.operator_gid = 50;
  EXPECT_EQ(identity_of_peer(7, groups, policy).role, Role::operates);
  policy.others = Role::viewer;
  EXPECT_EQ(identity_of_peer(7, {}, policy).role, Role::viewer);
  EXPECT_EQ(identity_of_peer(7, {}, policy).name, "uid 7");
}

TEST(Routes, match_and_name) {
  const std::vector<std::string> path = {"v1", "pools", "web", "backends", "b1", "weight"};
  const auto match = match_route(Method::put, path);
  ASSERT_TRUE(match);
  EXPECT_EQ(match->route->operation, Operation::set_weight);
  EXPECT_EQ(match->names, (std::vector<std::string>{"web", "b1"}));
  EXPECT_EQ(match_route(Method::post, path).error().hint, "allowed: PUT");
  const std::vector<std::string> misspelt = {"v1", "servces"};
  EXPECT_EQ(match_route(Method::get, misspelt).error().message,
            "no path \"/v1/servces\"; did you mean \"/v1/services\"?");
  const std::vector<std::string> empty_name = {"v1", "pools", ""};
  EXPECT_FALSE(match_route(Method::get, empty_name));
}

TEST(Routes, every_write_needs_more_than_a_viewer) {
  for (const Route& route : routes()) {
    const bool asks =
        route.method == Method::get || route.operation == Operation::plan || route.operation == Operation::diff_config;
    EXPECT_TRUE(asks || route.role >= Role::operates) << route.pattern;
    EXPECT_GE(route.role, Role::viewer) << route.pattern;
    EXPECT_FALSE(check_role(route, Identity{Role::none, "x", "unix"})) << route.pattern;
    EXPECT_TRUE(check_role(route, Identity{Role::admin, "x", "unix"})) << route.pattern;
  }
}

TEST(Connections, strangers_push_out_the_oldest_stranger) {
  ConnectionTable table(4, 2);
  const auto first = table.admit();
  const auto second = table.admit();
  const auto third = table.admit();
  EXPECT_EQ(third.evict, first.id);
  EXPECT_EQ(table.strangers(), 2U);
  table.became_busy(second.id);
  EXPECT_FALSE(table.admit().evict);
  EXPECT_EQ(table.size(), 3U);
}

TEST(Connections, the_idle_make_room_and_the_busy_stay) {
  ConnectionTable table(2, 1);
  const auto busy = table.admit();
  table.became_busy(busy.id);
  const auto idle = table.admit();
  table.became_busy(idle.id);
  EXPECT_EQ(table.admit().id, 0U);
  table.became_idle(idle.id);
  const auto next = table.admit();
  EXPECT_EQ(next.evict, idle.id);
  table.left(idle.id);  // what was evicted may leave again
  table.became_busy(idle.id);
  EXPECT_EQ(table.size(), 2U);
  table.left(next.id);
  table.left(busy.id);
  EXPECT_EQ(table.size(), 0U);
}

TEST(Connections, a_thousand_half_requests_leave_a_good_client_alone) {
  ConnectionTable table(256, 128);
  const auto good = table.admit();
  table.became_busy(good.id);
  for (int i = 0; i < 1000; ++i) EXPECT_NE(table.admit().evict, good.id);
  EXPECT_EQ(table.size(), 129U);
}

TEST(Events, text) {
  const node::Event event{7,
                          std::chrono::system_clock::time_point(std::chrono::milliseconds(1772366400250)),
                          "write",
                          "two\nlines",
                          {{"revision", "3"}}};
  EXPECT_EQ(event_text(event),
            "id: 7\nevent: write\ndata: {\"index\":7,\"time\":\"2026-03-01T12:00:00.250Z\",\"kind\":\"write\","
            "\"text\":\"two\\nlines\",\"fields\":{\"revision\":\"3\"}}\n\n");
  EXPECT_EQ(gap_text(3, 9), "event: gap\ndata: {\"asked\":3,\"oldest\":9}\n\n");
}

TEST(Metrics, text) {
  const std::vector<node::Metric> metrics = {
      {"a_total", "What\nit is.", node::Metric::Kind::counter, {{{{"node", "l\"b\\1"}, {"x", "y"}}, 12}, {{}, 0.5}}}};
  EXPECT_EQ(
      metrics_text(metrics),
      "# HELP a_total What\\nit is.\n# TYPE a_total counter\na_total{node=\"l\\\"b\\\\1\",x=\"y\"} 12\na_total 0.5\n");
}

}  // namespace
}  // namespace sluice::api
