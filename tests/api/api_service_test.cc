// SPDX-License-Identifier: Apache-2.0
// The API over a cluster in memory, without sockets.
#include "api_service.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "fake_port.h"

namespace sluice::api {
namespace {

namespace json = boost::json;

class ApiServiceTest : public testing::Test {
 protected:
  ApiServiceTest() {
    fill_sample(port);
    port.changes.clear();
  }

  ApiResponse ask(Method method, const std::string& target, const std::string& body = {}) {
    ApiRequest request;
    request.method = method;
    request.target = target;
    request.body = body;
    request.who = who;
    request.request_id = request_id;
    request.if_match = if_match;
    request.if_none_match = if_none_match;
    std::optional<ApiResponse> response;
    int answers = 0;
    service.handle(std::move(request), [&](ApiResponse made) {
      response = std::move(made);
      ++answers;
    });
    EXPECT_EQ(answers, 1) << target;
    return response.value_or(ApiResponse());
  }
  static json::object body_of(const ApiResponse& response) { return json::parse(response.body).as_object(); }
  static std::string code_of(const ApiResponse& response) {
    return std::string(body_of(response).at("error").at("code").as_string());
  }
  std::uint16_t weight(std::string_view backend) { return (*port.state().find_backend("web", backend))->weight; }

  FakePort port;
  ApiService service{port};
  Identity who{Role::admin, "alice", "tls"};
  std::optional<std::string> request_id;
  std::optional<std::string> if_match;
  std::optional<std::string> if_none_match;
};

const std::string weight_path = "/v1/pools/web/backends/b1/weight";

TEST_F(ApiServiceTest, one_weight) {
  const ApiResponse response = ask(Method::put, weight_path + "?message=because", R"({"weight":50})");
  EXPECT_EQ(response.status, 200U) << response.body;
  EXPECT_EQ(body_of(response).at("revision"), 2);
  EXPECT_EQ(weight("b1"), 50);
  ASSERT_EQ(port.changes.size(), 1U);
  EXPECT_EQ(port.changes[0].author, (model::Author{"alice", "admin", "tls"}));
  EXPECT_EQ(port.changes[0].comment, "because");
}

TEST_F(ApiServiceTest, relative_weights_are_bound_to_what_they_were_read_from) {
  EXPECT_EQ(ask(Method::put, weight_path, R"({"weight":"+10"})").status, 200U);
  EXPECT_EQ(weight("b1"), 110);
  EXPECT_EQ(port.changes[0].base_revision, 1U);
}

TEST_F(ApiServiceTest, a_relative_weight_that_was_overtaken_is_computed_anew) {
  port.before_write = [&] {
    model::Change other;
    other.operations.emplace_back(model::SetWeight{"web", "b1", 10});
    (void)port.apply(other);
  };
  EXPECT_EQ(ask(Method::put, weight_path, R"({"weight":"+10"})").status, 200U);
  EXPECT_EQ(weight("b1"), 20);
  EXPECT_EQ(port.changes.size(), 2U);
}

TEST_F(ApiServiceTest, the_clients_own_revision_is_not_replaced) {
  if_match = "\"0\"";
  const ApiResponse response = ask(Method::put, weight_path, R"({"weight":"+10"})");
  EXPECT_EQ(response.status, 409U);
  const json::object body = body_of(response);
  EXPECT_EQ(body.at("error").at("base_revision"), 0);
  EXPECT_EQ(body.at("error").at("revision"), 1);
  EXPECT_EQ(port.changes.size(), 1U);
  if_match.reset();
  EXPECT_EQ(ask(Method::put, weight_path, R"({"weight":5,"base_revision":7})").status, 409U);
  EXPECT_EQ(ask(Method::put, weight_path + "?base_revision=0", R"({"weight":5})").status, 409U);
}

TEST_F(ApiServiceTest, a_request_id_is_done_once) {
  request_id = "00112233445566778899aabbccddeeff";
  EXPECT_EQ(ask(Method::put, weight_path, R"({"weight":"+10"})").status, 200U);
  const ApiResponse again = ask(Method::put, weight_path, R"({"weight":"+10"})");
  EXPECT_EQ(again.status, 200U);
  EXPECT_TRUE(body_of(again).at("repeated").as_bool());
  EXPECT_EQ(weight("b1"), 110);
}

TEST_F(ApiServiceTest, dry_run_changes_nothing_and_says_what_moves) {
  const ApiResponse response = ask(Method::put, weight_path + "?dry_run=true", R"({"weight":50})");
  ASSERT_EQ(response.status, 200U) << response.body;
  EXPECT_TRUE(port.changes.empty());
  const json::object body = body_of(response);
  EXPECT_EQ(body.at("changes").as_array().size(), 1U);
  EXPECT_EQ(body.at("plan").at("pools").as_array().size(), 1U);
  EXPECT_GT(body.at("plan").at("pools").at(0).at("moved").as_int64(), 0);
}

TEST_F(ApiServiceTest, waiting_tells_how_many_planes_are_live) {
  const ApiResponse response = ask(Method::put, weight_path + "?wait=generation&timeout=2s", R"({"weight":50})");
  EXPECT_EQ(body_of(response).at("live"), (json::object{{"generation", 2}, {"live", 3}, {"planes", 3}}));
  port.live_planes = 2;
  const ApiResponse late = ask(Method::put, weight_path + "?wait=generation&timeout=2s", R"({"weight":60})");
  EXPECT_EQ(late.status, 504U);
  EXPECT_EQ(body_of(late).at("error").at("message"),
            "revision 3 is written, and generation 3 is live on 2/3 planes so far");
  EXPECT_EQ(body_of(late).at("error").at("revision"), 3);
}

TEST_F(ApiServiceTest, without_a_leader_writes_are_refused_and_local_reads_are_not) {
  port.has_leader = false;
  const ApiResponse refused = ask(Method::put, weight_path, R"({"weight":50})");
  EXPECT_EQ(refused.status, 503U);
  EXPECT_EQ(code_of(refused), "no_leader");
  EXPECT_EQ(ask(Method::get, "/v1/services").status, 503U);
  EXPECT_EQ(ask(Method::get, "/v1/services?consistency=local").status, 200U);
  EXPECT_EQ(ask(Method::get, "/v1/cluster").status, 200U);
  EXPECT_EQ(ask(Method::get, "/readyz").status, 503U);
  EXPECT_EQ(ask(Method::get, "/healthz").status, 200U);
}

TEST_F(ApiServiceTest, roles) {
  who.role = Role::viewer;
  EXPECT_EQ(ask(Method::get, "/v1/services").status, 200U);
  const ApiResponse refused = ask(Method::put, weight_path, R"({"weight":50})");
  EXPECT_EQ(refused.status, 403U);
  EXPECT_EQ(body_of(refused).at("error").at("message"), "alice is viewer, and this needs operator");
  EXPECT_TRUE(port.changes.empty());
  who.role = Role::operates;
  EXPECT_EQ(ask(Method::put, weight_path, R"({"weight":50})").status, 200U);
  EXPECT_EQ(ask(Method::get, "/v1/snapshot").status, 403U);
  EXPECT_EQ(ask(Method::erase, "/v1/cluster/members/lb3").status, 403U);
}

TEST_F(ApiServiceTest, etags) {
  const ApiResponse first = ask(Method::get, "/v1/services");
  EXPECT_EQ(first.headers.at(0), (std::pair<std::string, std::string>{"ETag", "\"1\""}));
  if_none_match = "\"1\"";
  EXPECT_EQ(ask(Method::get, "/v1/services").status, 304U);
  EXPECT_EQ(ask(Method::put, weight_path, R"({"weight":50})").status, 200U);
  EXPECT_EQ(ask(Method::get, "/v1/services").status, 200U);
}

TEST_F(ApiServiceTest, wrong_paths_methods_names_and_parameters) {
  EXPECT_EQ(ask(Method::get, "/v1/servces").status, 404U);
  EXPECT_EQ(ask(Method::put, "/v1/services").status, 405U);
  EXPECT_EQ(ask(Method::get, "/v1/services/htp").status, 404U);
  EXPECT_EQ(ask(Method::get, "/v1/nodes/lb9").status, 404U);
  EXPECT_EQ(ask(Method::get, "/v1/services?x=1").status, 400U);
  EXPECT_EQ(ask(Method::put, weight_path + "?wait=forever", R"({"weight":5})").status, 400U);
  EXPECT_EQ(ask(Method::put, weight_path + "?dryrun=1", R"({"weight":5})").status, 400U);
  EXPECT_EQ(ask(Method::put, weight_path, "{").status, 400U);
  request_id = "7";
  EXPECT_EQ(ask(Method::put, weight_path, R"({"weight":5})").status, 400U);
  EXPECT_TRUE(port.changes.empty());
}

TEST_F(ApiServiceTest, what_is_applied_with_a_limit_is_rolled_back_unless_confirmed) {
  const json::value config = json::parse(ask(Method::get, "/v1/config").body).at("config");
  json::object body = {{"config", config}, {"confirm_within", "60s"}};
  std::string text(config.as_string());
  text.replace(text.find("weight = 100"), 12, "weight = 40");
  body["config"] = text;
  const ApiResponse applied = ask(Method::post, "/v1/config/apply", json::serialize(body));
  ASSERT_EQ(applied.status, 200U) << applied.body;
  EXPECT_EQ(body_of(applied).at("confirm_by"), "2026-03-01T12:01:00.000Z");
  EXPECT_EQ(weight("b1"), 40);
  EXPECT_EQ(ask(Method::post, "/v1/config/apply", json::serialize(body)).status, 409U);
  port.advance(std::chrono::seconds(59));
  EXPECT_EQ(weight("b1"), 40);
  // Without a leader it goes on trying.
  port.has_leader = false;
  port.advance(std::chrono::seconds(1));
  EXPECT_EQ(weight("b1"), 40);
  port.has_leader = true;
  port.advance(std::chrono::seconds(1));
  EXPECT_EQ(weight("b1"), 100);
  EXPECT_EQ(port.changes.back().comment, "revision 2 was not confirmed in time");

  EXPECT_EQ(ask(Method::post, "/v1/config/apply", json::serialize(body)).status, 200U);
  EXPECT_EQ(body_of(ask(Method::post, "/v1/config/confirm")).at("confirmed"), 4);
  port.advance(std::chrono::minutes(10));
  EXPECT_EQ(weight("b1"), 40);
  EXPECT_EQ(ask(Method::post, "/v1/config/confirm").status, 404U);
}

TEST_F(ApiServiceTest, what_was_rolled_back_by_hand_is_not_rolled_back_again) {
  const std::string text(json::parse(ask(Method::get, "/v1/config").body).at("config").as_string());
  std::string other = text;
  other.replace(other.find("weight = 100"), 12, "weight = 40");
  const json::object body = {{"config", other}, {"confirm_within", "60s"}};
  EXPECT_EQ(ask(Method::post, "/v1/config/apply", json::serialize(body)).status, 200U);
  EXPECT_EQ(ask(Method::post, "/v1/config/rollback").status, 200U);
  EXPECT_EQ(ask(Method::put, weight_path, R"({"weight":70})").status, 200U);
  port.advance(std::chrono::minutes(2));
  EXPECT_EQ(weight("b1"), 70);
}

TEST_F(ApiServiceTest, rollback_goes_back_by_one_or_to_where_it_is_told) {
  EXPECT_EQ(ask(Method::put, weight_path, R"({"weight":50})").status, 200U);
  EXPECT_EQ(ask(Method::put, weight_path, R"({"weight":60})").status, 200U);
  EXPECT_EQ(ask(Method::post, "/v1/config/rollback").status, 200U);
  EXPECT_EQ(weight("b1"), 50);
  EXPECT_EQ(ask(Method::post, "/v1/config/rollback", R"({"revision":1})").status, 200U);
  EXPECT_EQ(weight("b1"), 100);
}

TEST_F(ApiServiceTest, guards_are_told_apart_and_overridden_by_force) {
  const std::string empty = R"({"config":"service=[]\n[[pool]]\nname=\"web\"\nbackends=[]\n"})";
  const ApiResponse refused = ask(Method::post, "/v1/config/apply", empty);
  EXPECT_EQ(refused.status, 422U) << refused.body;
  EXPECT_EQ(code_of(refused), "guard");
  EXPECT_EQ(ask(Method::post, "/v1/config/apply?force=true", empty).status, 200U);
}

TEST_F(ApiServiceTest, members) {
  EXPECT_EQ(ask(Method::post, "/v1/cluster/members", R"({"name":"lb4","address":"192.0.2.4:7946","id":"4"})").status,
            200U);
  EXPECT_EQ(body_of(ask(Method::get, "/v1/nodes/lb4")).at("role"), "learner");
  EXPECT_EQ(ask(Method::post, "/v1/cluster/members/lb4/promote").status, 200U);
  EXPECT_EQ(body_of(ask(Method::get, "/v1/nodes/lb4")).at("role"), "voter");
  EXPECT_EQ(ask(Method::post, "/v1/cluster/transfer", R"({"to":"lb2"})").status, 200U);
  EXPECT_EQ(body_of(ask(Method::get, "/v1/cluster")).at("leader"), "lb2");
  EXPECT_EQ(ask(Method::erase, "/v1/cluster/members/lb4").status, 200U);
  EXPECT_EQ(ask(Method::post, "/v1/cluster/members", R"({"name":"lb5","address":"a:1","id":"0"})").status, 400U);
}

TEST_F(ApiServiceTest, events_go_on_where_the_client_was) {
  ApiRequest request;
  request.target = "/v1/events?kind=write";
  request.last_event_id = "2";
  request.who = who;
  std::optional<ApiResponse> response;
  service.handle(request, [&](ApiResponse made) { response = std::move(made); });
  ASSERT_TRUE(response && response->events);
  EXPECT_EQ(response->events->after, 2U);
  std::vector<std::string> seen;
  const auto subscription = service.follow(
      *response->events, {[&](const node::Event& event) { seen.push_back(event.kind); }, [](auto, auto) {}});
  EXPECT_EQ(ask(Method::put, weight_path, R"({"weight":50})").status, 200U);
  EXPECT_EQ(seen, std::vector<std::string>{"write"});
}

}  // namespace
}  // namespace sluice::api
