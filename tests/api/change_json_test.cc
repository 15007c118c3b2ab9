// SPDX-License-Identifier: Apache-2.0
#include "change_json.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "config_source.h"
#include "object_reader.h"

namespace sluice::api {
namespace {

boost::json::object object(std::string_view text) {
  return boost::json::parse(text).as_object();
}

std::string message(const auto& result) {
  return result ? std::string("accepted") : result.error().message;
}

TEST(Weight, forms) {
  const auto applied = [](std::string_view text, std::uint16_t weight) {
    return parse_weight(text)->applied_to(weight);
  };
  EXPECT_EQ(applied("50", 7), 50);
  EXPECT_EQ(applied("+10", 7), 17);
  EXPECT_EQ(applied("-10", 7), 0);
  EXPECT_EQ(applied("+65535", 65535), 65535);
  EXPECT_EQ(applied("50%", 100), 50);
  EXPECT_EQ(applied("50%", 1), 1);
  EXPECT_EQ(applied("0%", 100), 0);
  EXPECT_EQ(applied("1000%", 60000), 65535);
  EXPECT_EQ(applied("10%", 0), 0);
}

TEST(Weight, refusals) {
  for (const char* text :
       {"", "+", "-", "%", "5 0", "65536", "+65536", "1001%", "0x5", "+5%", "--5", "5.0", "9999999999999999999999"})
    EXPECT_FALSE(parse_weight(text)) << text;
  EXPECT_EQ(message(weight_of_json(object(R"({"weight":70000})"))),
            "\"weight\" must be a whole number from 0 to 65535");
  EXPECT_EQ(message(weight_of_json(object(R"({"weight":-1})"))), "\"weight\" must be a whole number from 0 to 65535");
  EXPECT_EQ(message(weight_of_json(object(R"({"weight":1.5})"))), "\"weight\" must be a whole number from 0 to 65535");
  EXPECT_EQ(message(weight_of_json(object("{}"))), "\"weight\" is missing");
}

TEST(ChangeJson, new_service) {
  const auto put = new_service(
      object(R"({"name":"https","address":"2001:db8::10","port":443,"protocol":"udp","pool":"web","track":false})"));
  ASSERT_TRUE(put);
  EXPECT_EQ(put->mode, model::PutMode::create);
  EXPECT_EQ(put->service.config.name, "https");
  EXPECT_EQ(put->service.config.address.to_string(), "2001:db8::10");
  EXPECT_EQ(put->service.config.port.value(), 443);
  EXPECT_EQ(put->service.config.protocol, Protocol::udp);
  EXPECT_EQ(put->service.pool, "web");
  EXPECT_FALSE(put->service.config.track);
}

TEST(ChangeJson, unknown_members_are_refused_with_a_suggestion) {
  EXPECT_EQ(message(new_service(object(R"({"name":"a","adress":"1.2.3.4","pool":"p"})"))), "\"address\" is missing");
  EXPECT_EQ(message(changed_pool("web", object(R"({"slot":16381})"))),
            "unknown member \"slot\"; did you mean \"slots\"?");
  EXPECT_EQ(message(new_pool(object(R"({"name":"a","backends":[{"name":"b","address":"10.0.0.1","wieght":1}]})"))),
            "unknown member \"wieght\" of backends[0]; did you mean \"weight\"?");
}

TEST(ChangeJson, wrong_kinds) {
  EXPECT_EQ(message(new_pool(object(R"({"name":7})"))), "\"name\" must be a string");
  EXPECT_EQ(message(new_pool(object(R"({"name":"a","backends":{}})"))), "\"backends\" must be a list");
  EXPECT_EQ(message(new_pool(object(R"({"name":"a","backends":[1]})"))), "backends[0] must be an object");
  EXPECT_EQ(message(changed_pool("a", object(R"({"encapsulation":"geu"})"))),
            "\"encapsulation\" \"geu\" is unknown; did you mean \"gue\"?; allowed: ipip, gue, l2");
  EXPECT_EQ(message(new_backend("a", object(R"({"name":"b","address":"10.0.0"})"))),
            "\"address\" \"10.0.0\" is no IPv4 or IPv6 address");
  EXPECT_FALSE(parse_body("[]"));
  EXPECT_FALSE(parse_body("{"));
  EXPECT_FALSE(parse_body(R"({"a":[[[[[[[[[[1]]]]]]]]]]})"));
  EXPECT_TRUE(parse_body(""));
}

TEST(ChangeJson, members_that_are_not_named_stay) {
  model::ServiceRecord record;
  record.config.name = "http";
  record.config.port = PortHost(80);
  record.config.fragments = true;
  record.pool = "web";
  const auto put = changed_service(record, object(R"({"pool":"other"})"));
  ASSERT_TRUE(put);
  EXPECT_EQ(put->mode, model::PutMode::replace);
  EXPECT_EQ(put->service.pool, "other");
  EXPECT_EQ(put->service.config, record.config);
}

TEST(RequestId, forms) {
  const auto plain = parse_request_id("00112233445566778899aabbccddeeff");
  const auto dashed = parse_request_id("00112233-4455-6677-8899-AABBCCDDEEFF");
  ASSERT_TRUE(plain && dashed);
  EXPECT_EQ(*plain, *dashed);
  EXPECT_EQ((*plain)[1], 0x11);
  for (const char* text : {"", "1", "00000000000000000000000000000000", "0011223344556677889 aabbccddeeff",
                           "00112233445566778899aabbccddeefg", "00112233445566778899aabbccddeeff00"})
    EXPECT_FALSE(parse_request_id(text)) << text;
}

constexpr std::string_view pools_and_services = R"([[pool]]
name = "web"
backends = [ { name = "b1", address = "10.0.1.11", weight = 100 } ]

[[service]]
name = "http"
address = "203.0.113.10"
port = 80
protocol = "tcp"
pool = "web"
)";

TEST(ClusterConfig, needs_neither_key_nor_plane) {
  const std::string plane = "\n[plane]\nsource_ipv4 = \"10.0.0.2\"\n";
  const std::string key = "hash_key = \"8f1d3b6c5a09e2747b1c90d4e6f8a253\"\n";
  const std::string text(pools_and_services);
  const auto bare = cluster_config(text);
  ASSERT_TRUE(bare) << bare.error().faults.at(0).message;
  EXPECT_EQ(bare->pools.size(), 1U);
  EXPECT_EQ(bare->services.at(0).pool, "web");
  for (const std::string& whole : {key + text, text + plane, key + text + plane, key + plane + text}) {
    const auto parsed = cluster_config(whole);
    ASSERT_TRUE(parsed) << whole << parsed.error().faults.at(0).message;
    EXPECT_EQ(*parsed, *bare);
  }
}

TEST(ClusterConfig, faults_have_their_place_in_the_text_that_was_sent) {
  const auto faulty = cluster_config("service = []\n[[pool]]\nname = \"web\"\nslotz = 5\nbackends = []\n");
  ASSERT_FALSE(faulty);
  ASSERT_EQ(faulty.error().faults.size(), 1U);
  EXPECT_EQ(faulty.error().faults[0].line, 4U);
  EXPECT_EQ(faulty.error().faults[0].column, 1U);
}

TEST(ClusterConfig, canonical_text_comes_back) {
  const auto all = cluster_config(pools_and_services);
  ASSERT_TRUE(all);
  Config config;
  config.pools = all->pools;
  for (const auto& service : all->services) config.services.push_back(service.config);
  const std::string text = cluster_config_text(config);
  EXPECT_EQ(text.find("hash_key ="), std::string::npos);
  const auto again = cluster_config(text);
  ASSERT_TRUE(again) << again.error().faults.at(0).message;
  EXPECT_EQ(*again, *all);
  EXPECT_TRUE(cluster_config(cluster_config_text(Config())));
}

TEST(ApplyJson, confirm_within) {
  const auto wish = apply_of_json({{"config", pools_and_services}, {"confirm_within", "2m"}});
  ASSERT_TRUE(wish);
  EXPECT_EQ(wish->confirm_within, std::chrono::minutes(2));
  EXPECT_FALSE(apply_of_json({{"config", pools_and_services}, {"confirm_within", "0s"}}));
  EXPECT_FALSE(apply_of_json({{"config", pools_and_services}, {"confirm_within", "2h"}}));
  EXPECT_FALSE(apply_of_json({}));
}

}  // namespace
}  // namespace sluice::api
