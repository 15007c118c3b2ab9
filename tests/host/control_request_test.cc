// SPDX-License-Identifier: Apache-2.0
#include "control_request.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

std::string error_of(std::string_view line) {
  const Result<ControlRequest> request = parse_control_request(line);
  return request ? "" : request.error().context;
}

TEST(ControlRequest, EveryOp) {
  const std::pair<const char*, ControlOp> ops[] = {
      {"version", ControlOp::version}, {"status", ControlOp::status}, {"stats", ControlOp::stats},
      {"drops", ControlOp::drops},     {"table", ControlOp::table},   {"config", ControlOp::config},
      {"reload", ControlOp::reload},   {"detach", ControlOp::detach}, {"fence", ControlOp::fence}};
  for (const auto& [name, op] : ops) {
    const Result<ControlRequest> request = parse_control_request(std::string("{\"op\":\"") + name + "\"}");
    ASSERT_TRUE(request) << name;
    EXPECT_EQ(request->op, op) << name;
  }
}

TEST(ControlRequest, Members) {
  const auto explain =
      parse_control_request(R"({"op":"explain","source":"1.2.3.4:5","destination":"6.7.8.9:10","protocol":"udp"})");
  ASSERT_TRUE(explain);
  EXPECT_EQ(explain->source, "1.2.3.4:5");
  EXPECT_EQ(explain->destination, "6.7.8.9:10");
  EXPECT_EQ(explain->protocol, "udp");
  // The op may come last.
  const auto table = parse_control_request(R"({"owners":true,"pool":"web","op":"table"})");
  ASSERT_TRUE(table);
  EXPECT_TRUE(table->owners);
  EXPECT_EQ(table->pool, "web");
}

TEST(ControlRequest, PublishSaysHowMuchFollows) {
  const auto publish = parse_control_request(R"({"op":"publish","bytes":5000000000})");
  ASSERT_TRUE(publish);
  EXPECT_EQ(publish->op, ControlOp::publish);
  EXPECT_EQ(publish->bytes, 5000000000U);
  for (const char* bytes : {"0", "-1", "1.5", "\"7\"", "18446744073709551615"})
    EXPECT_NE(error_of(std::string(R"({"op":"publish","bytes":)") + bytes + "}"), "") << bytes;
  EXPECT_NE(error_of(R"({"op":"publish"})").find("\"bytes\""), std::string::npos);
  EXPECT_NE(error_of(R"({"op":"fence","bytes":7})").find("takes no"), std::string::npos);
}

TEST(ControlRequest, UnfenceSaysUntilWhen) {
  const auto unfence = parse_control_request(R"({"op":"unfence","until_ms":86400123})");
  ASSERT_TRUE(unfence);
  EXPECT_EQ(unfence->op, ControlOp::unfence);
  EXPECT_EQ(unfence->until_ms, 86400123U);
  for (const char* until : {"0", "-1", "1.5", "\"7\""})
    EXPECT_NE(error_of(std::string(R"({"op":"unfence","until_ms":)") + until + "}"), "") << until;
  EXPECT_NE(error_of(R"({"op":"unfence"})").find("\"until_ms\""), std::string::npos);
  EXPECT_NE(error_of(R"({"op":"fence","until_ms":7})").find("takes no"), std::string::npos);
}

TEST(ControlRequest, Refusals) {
  EXPECT_NE(error_of("").find("not a JSON object"), std::string::npos);
  EXPECT_NE(error_of("[]").find("not a JSON object"), std::string::npos);
  EXPECT_NE(error_of("{}").find("\"op\""), std::string::npos);
  EXPECT_NE(error_of(R"({"op":1})").find("\"op\""), std::string::npos);
  EXPECT_NE(error_of(R"({"op":"stat"})").find("allowed: version, status"), std::string::npos);
  EXPECT_NE(error_of(R"({"op":"stats","pool":"web"})").find("takes no \"pool\""), std::string::npos);
  EXPECT_NE(error_of(R"({"op":"table","owners":1})").find("true or false"), std::string::npos);
  EXPECT_NE(error_of(R"({"op":"table","pool":7})").find("must be a string"), std::string::npos);
  EXPECT_NE(error_of(R"({"op":"explain","source":"1.2.3.4:5"})").find("explain needs"), std::string::npos);
  EXPECT_NE(error_of(R"({"op":"table","pool":")" + std::string(129, 'x') + "\"}").find("longer"), std::string::npos);
  EXPECT_NE(error_of(std::string(100000, '[')).find("not a JSON object"), std::string::npos);
  EXPECT_NE(error_of(R"({"op":"table"} {"op":"table"})").find("not a JSON object"), std::string::npos);
}

TEST(ControlRequest, RefusalIsOneSafeLine) {
  const std::string line = refusal(make_error(ErrorCode::not_found, "no pool \"x\"\n\x01"));
  EXPECT_EQ(line, "{\"ok\":false,\"error\":\"no pool \\\"x\\\"\\n\\u0001\",\"exit_code\":3}");
  EXPECT_EQ(error_of("{\"op\":\"\\u001b[31m\\n\"}").find('\n'), std::string::npos);
  EXPECT_EQ(error_of("{\"op\":\"\\u001b[31m\\n\"}").find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace sluice
