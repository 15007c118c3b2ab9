// SPDX-License-Identifier: Apache-2.0
// docs/openapi.json against the router and against what the API really answers.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <set>
#include <sstream>

#include "api_service.h"
#include "fake_port.h"

namespace sluice::api {
namespace {

namespace json = boost::json;

const json::object& document() {
  static const json::value parsed = [] {
    std::ifstream file(SLUICE_OPENAPI);
    std::stringstream text;
    text << file.rdbuf();
    return json::parse(text.str());
  }();
  return parsed.as_object();
}

std::string lower(std::string_view text) {
  std::string result;
  for (const char c : text) result += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return result;
}

// As much of JSON Schema as the document uses; anything else in it is a fault of the test.
class Checker {
 public:
  std::vector<std::string> faults;

  void check(const json::object& schema, const json::value& value, const std::string& where) {
    for (const auto& [key, unused] : schema) {
      static const std::set<std::string_view> known = {
          "$ref", "oneOf", "type", "properties", "required", "items", "enum", "additionalProperties", "description"};
      if (known.count(key) == 0) faults.push_back(where + ": the test does not know " + std::string(key));
    }
    if (const json::value* ref = schema.if_contains("$ref")) return check(referred(*ref), value, where);
    if (const json::value* choices = schema.if_contains("oneOf"))
      return check_one_of(choices->as_array(), value, where);
    check_type(schema.at("type"), value, where);
    if (const json::value* words = schema.if_contains("enum")) {
      const json::array& list = words->as_array();
      if (std::find(list.begin(), list.end(), value) == list.end()) faults.push_back(where + ": not of the enum");
    }
    if (value.is_array() && schema.contains("items")) {
      for (const json::value& each : value.as_array()) check(schema.at("items").as_object(), each, where + "[]");
    }
    if (value.is_object() && schema.contains("properties")) check_members(schema, value.as_object(), where);
  }

 private:
  static const json::object& referred(const json::value& ref) {
    const std::string name(ref.as_string());
    return document().at("components").at("schemas").at(name.substr(name.rfind('/') + 1)).as_object();
  }
  void check_one_of(const json::array& choices, const json::value& value, const std::string& where) {
    for (const json::value& choice : choices) {
      Checker one;
      one.check(choice.as_object(), value, where);
      if (one.faults.empty()) return;
    }
    faults.push_back(where + ": none of oneOf");
  }
  void check_type(const json::value& type, const json::value& value, const std::string& where) {
    const auto fits = [&](std::string_view name) {
      if (name == "null") return value.is_null();
      if (name == "string") return value.is_string();
      if (name == "boolean") return value.is_bool();
      if (name == "integer") return value.is_int64() || value.is_uint64();
      if (name == "number") return value.is_number();
      if (name == "array") return value.is_array();
      return name == "object" && value.is_object();
    };
    bool any = type.is_string() && fits(type.as_string());
    if (type.is_array()) {
      for (const json::value& each : type.as_array()) any |= fits(each.as_string());
    }
    if (!any)
      faults.push_back(where + ": " + json::serialize(value).substr(0, 80) + " is not " + json::serialize(type));
  }
  void check_members(const json::object& schema, const json::object& object, const std::string& where) {
    const json::object& properties = schema.at("properties").as_object();
    for (const json::value& name : schema.at("required").as_array()) {
      if (!object.contains(name.as_string())) faults.push_back(where + ": lacks " + std::string(name.as_string()));
    }
    for (const auto& [key, value] : object) {
      const json::value* property = properties.if_contains(key);
      if (property == nullptr) {
        faults.push_back(where + ": has " + std::string(key) + ", which is not documented");
      } else {
        check(property->as_object(), value, where + '.' + std::string(key));
      }
    }
  }
};

std::string key_of(const Route& route) {
  return lower(to_text(route.method)) + ' ' + std::string(route.pattern);
}

TEST(OpenApi, has_the_routers_routes_and_no_others) {
  std::set<std::string> routed;
  for (const Route& route : routes()) {
    const json::value* path = document().at("paths").as_object().if_contains(route.pattern);
    ASSERT_NE(path, nullptr) << route.pattern;
    const json::value* operation = path->as_object().if_contains(lower(to_text(route.method)));
    ASSERT_NE(operation, nullptr) << key_of(route);
    EXPECT_EQ(operation->at("operationId").as_string(), std::string(route.id));
    EXPECT_EQ(operation->at("x-role").as_string(), std::string(to_text(route.role))) << key_of(route);
    EXPECT_TRUE(routed.insert(key_of(route)).second);
  }
  for (const auto& [path, methods] : document().at("paths").as_object()) {
    for (const auto& [method, unused] : methods.as_object())
      EXPECT_EQ(routed.count(std::string(method) + ' ' + std::string(path)), 1U) << method << ' ' << path;
  }
}

struct Exchange {
  Operation operation;
  std::string target;
  std::string body;
};

// In an order in which every one succeeds.
std::vector<Exchange> exchanges() {
  const std::string config =
      R"({"config":"[[pool]]\nname=\"web\"\nslots=16381\nbackends=[{name=\"b1\",address=\"10.0.1.11\"},)"
      R"({name=\"b2\",address=\"10.0.1.12\",weight=9}]\n[[service]]\nname=\"http\"\n)"
      R"(address=\"203.0.113.10\"\nport=80\nprotocol=\"tcp\"\npool=\"web\"\n")";
  return {
      {Operation::healthz, "/healthz", ""},
      {Operation::readyz, "/readyz", ""},
      {Operation::metrics, "/metrics", ""},
      {Operation::get_cluster, "/v1/cluster", ""},
      {Operation::list_nodes, "/v1/nodes", ""},
      {Operation::get_node, "/v1/nodes/lb2", ""},
      {Operation::add_member, "/v1/cluster/members", R"({"name":"lb4","address":"192.0.2.4:1","id":"4"})"},
      {Operation::promote_member, "/v1/cluster/members/lb4/promote", ""},
      {Operation::transfer_leadership, "/v1/cluster/transfer", R"({"to":"lb2"})"},
      {Operation::remove_member, "/v1/cluster/members/lb4", ""},
      {Operation::get_snapshot, "/v1/snapshot", ""},
      {Operation::add_pool, "/v1/pools", R"({"name":"p","mtu":1400,"backends":[{"name":"x","address":"10.9.9.9"}]})"},
      {Operation::set_pool, "/v1/pools/p", R"({"mtu":1500})"},
      {Operation::list_pools, "/v1/pools", ""},
      {Operation::get_pool, "/v1/pools/web", ""},
      {Operation::add_backend, "/v1/pools/p/backends?dry_run=true", R"({"name":"y","address":"10.9.9.8"})"},
      {Operation::add_backend, "/v1/pools/p/backends", R"({"name":"y","address":"10.9.9.8"})"},
      {Operation::set_backend, "/v1/pools/p/backends/y", R"({"weight":"50%"})"},
      {Operation::set_weight, "/v1/pools/p/backends/y/weight?wait=generation", R"({"weight":7})"},
      {Operation::list_all_backends, "/v1/backends", ""},
      {Operation::list_backends, "/v1/pools/p/backends", ""},
      {Operation::get_backend, "/v1/pools/p/backends/y", ""},
      {Operation::list_tables, "/v1/tables", ""},
      {Operation::get_table, "/v1/tables/web?owners=true", ""},
      {Operation::remove_backend, "/v1/pools/p/backends/y?force=true", ""},
      {Operation::add_service, "/v1/services", R"({"name":"s","address":"203.0.113.99","port":1,"pool":"web"})"},
      {Operation::set_service, "/v1/services/s", R"({"port":2})"},
      {Operation::list_services, "/v1/services", ""},
      {Operation::get_service, "/v1/services/s", ""},
      {Operation::remove_service, "/v1/services/s", ""},
      {Operation::remove_pool, "/v1/pools/p?force=true", ""},
      {Operation::get_config, "/v1/config", ""},
      {Operation::diff_config, "/v1/config/diff", config + "}"},
      {Operation::plan, "/v1/plan", config + "}"},
      {Operation::apply_config, "/v1/config/apply?force=true", config + R"(,"confirm_within":"9s"})"},
      {Operation::confirm_config, "/v1/config/confirm", ""},
      {Operation::rollback_config, "/v1/config/rollback", ""},
      {Operation::list_history, "/v1/config/history", ""},
      {Operation::get_audit, "/v1/audit", ""},
      {Operation::explain, "/v1/explain?source=198.51.100.7:1&destination=203.0.113.10:80", ""}};
}

const Route& route_of(Operation operation) {
  for (const Route& route : routes()) {
    if (route.operation == operation) return route;
  }
  ADD_FAILURE();
  return routes().front();
}

ApiResponse answer_of(ApiService& service, Method method, const Exchange& exchange) {
  ApiRequest request;
  request.method = method;
  request.target = exchange.target;
  request.body = exchange.body;
  request.who = {Role::admin, "alice", "tls"};
  ApiResponse response;
  service.handle(std::move(request), [&](ApiResponse made) { response = std::move(made); });
  return response;
}

TEST(OpenApi, what_is_answered_is_what_is_documented) {
  FakePort port;
  fill_sample(port);
  ApiService service(port);
  std::set<Operation> seen = {Operation::follow_events};  // a stream: http_test.py
  for (const Exchange& exchange : exchanges()) {
    const Route& route = route_of(exchange.operation);
    const ApiResponse response = answer_of(service, route.method, exchange);
    ASSERT_EQ(response.status, 200U) << exchange.target << ' ' << response.body;
    seen.insert(exchange.operation);
    const json::object& content = document()
                                      .at("paths")
                                      .at(route.pattern)
                                      .at(lower(to_text(route.method)))
                                      .at("responses")
                                      .at("200")
                                      .at("content")
                                      .as_object();
    const json::value* kind = content.if_contains(response.content_type);
    ASSERT_NE(kind, nullptr) << exchange.target << ' ' << response.content_type;
    if (response.content_type != "application/json") continue;
    Checker checker;
    checker.check(kind->at("schema").as_object(), json::parse(response.body), exchange.target);
    EXPECT_EQ(checker.faults, std::vector<std::string>());
  }
  for (const Route& route : routes()) EXPECT_EQ(seen.count(route.operation), 1U) << route.pattern;
}

TEST(OpenApi, refusals_are_as_documented) {
  FakePort port;
  fill_sample(port);
  ApiService service(port);
  const std::vector<std::pair<Method, Exchange>> refused = {
      {Method::get, {Operation::plan, "/v2", ""}},
      {Method::put, {Operation::plan, "/v1/services", ""}},
      {Method::put, {Operation::plan, "/v1/pools/web/backends/b1/weight?base_revision=0", R"({"weight":1})"}},
      {Method::post, {Operation::plan, "/v1/plan", R"({"config":"x = 1"})"}}};
  for (const auto& [method, exchange] : refused) {
    const ApiResponse response = answer_of(service, method, exchange);
    EXPECT_GE(response.status, 400U);
    Checker checker;
    checker.check(document().at("components").at("schemas").at("Error").as_object(), json::parse(response.body),
                  exchange.target);
    EXPECT_EQ(checker.faults, std::vector<std::string>());
  }
}

}  // namespace
}  // namespace sluice::api
