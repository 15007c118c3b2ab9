// SPDX-License-Identifier: Apache-2.0
// The process of a plane that is told by its cluster: publishing, what is refused, and starting again from what was
// kept.
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <iterator>
#include <random>

#include "plane_fixture.h"
#include "plane_publisher.h"
#include "state_file.h"
#include "state_fixture.h"
#include "state_model.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using plane_testing::PlaneTest;
using plane_testing::script;
using testing::filled_column;
using testing::small_state;
using testing::state_plane;

ForwardingState at(ForwardingState state, std::uint64_t generation, StatePhase phase = StatePhase::active) {
  state.generation = generation;
  state.phase = phase;
  return state;
}

class PlaneClusterTest : public PlaneTest {
 protected:
  void SetUp() override {
    PlaneTest::SetUp();
    room_ = forwarding_model_of(small_state(8), state_plane(), nullptr).value();
    script.model_for_sizes = &room_;
  }

  void write_cluster_config(const std::string& more = "") {
    std::ofstream(file()) << "[plane]\nsource_ipv4 = \"10.2.0.2\"\nflows_per_cpu = 1024\ncontrol_socket = \"" << socket_
                          << "\"\ncontrol = \"cluster\"\nstate_file = \"" << state_file() << "\"\n"
                          << more;
  }

  void start_cluster() {
    write_cluster_config();
    const Status started = start_by_file();
    ASSERT_TRUE(started) << started.error().context;
  }

  json::object publish_bytes(const std::string& bytes) {
    return ask("{\"op\":\"publish\",\"bytes\":" + std::to_string(bytes.size()) + "}\n" + bytes);
  }
  json::object publish(const ForwardingState& state) { return publish_bytes(encode_state(state, nullptr)); }
  json::object cluster() { return ask(R"({"op":"status"})").at("cluster").as_object(); }

  UniqueFd connected() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, socket_.data(), socket_.size());
    UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  void say(const UniqueFd& fd, std::string_view text) {
    EXPECT_EQ(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(loop_.run_once(std::chrono::milliseconds(1)));
  }

  [[nodiscard]] std::string state_file() const { return directory_ / "kept" / "state"; }

  ForwardingModel room_;
};

TEST_F(PlaneClusterTest, HasNoServicesUntilItIsTold) {
  start_cluster();
  EXPECT_EQ(plane_->summary(), "generation 1, 0 services, 0 backends, port0 fake");
  json::object status = ask(R"({"op":"status"})");
  EXPECT_EQ(status.at("source"), "cluster");
  EXPECT_TRUE(status.at("cluster").is_null());
  EXPECT_EQ(publish(at(small_state(), 42, StatePhase::prepared)),
            json::parse(R"({"ok":true,"generation":42,"phase":"prepared","table_hash":"1122334455667788",
                            "image_generation":2})")
                .as_object());
  EXPECT_EQ(publish(at(small_state(), 42)).at("phase"), "active");
  status = ask(R"({"op":"status"})");
  EXPECT_EQ(status.at("generation"), 3);
  EXPECT_EQ(status.at("services"), 3);
  EXPECT_EQ(status.at("backends"), 9);
  EXPECT_EQ(cluster().at("generation"), 42);
  EXPECT_EQ(cluster().at("phase"), "active");
  EXPECT_EQ(cluster().at("table_hash"), "1122334455667788");
  EXPECT_TRUE(cluster().at("age_seconds").is_int64() || cluster().at("age_seconds").is_uint64());
  const json::object table = ask(R"({"op":"table","pool":"pool1"})");
  EXPECT_EQ(table.at("pools").as_array().at(0).at("members").as_array().size(), 3U);
  // What it shows as a configuration is one.
  const json::object config = ask(R"({"op":"config"})");
  const ConfigOutcome parsed = parse_config(config.at("config").as_string().c_str(), "shown");
  ASSERT_TRUE(parsed.ok()) << errors_text(parsed);
  EXPECT_EQ(parsed.config->pools.size(), 3U);
}

TEST_F(PlaneClusterTest, AsksForWhatItDoesNotHave) {
  start_cluster();
  const ForwardingState state = small_state();
  EXPECT_EQ(publish_bytes(encode_state(state, &state)).at("need"),
            json::parse(R"(["pool0","pool1","pool2","services*"])"));
  ASSERT_TRUE(publish(state).at("ok").as_bool());
  const int before = script.published;
  const std::string short_form = encode_state(at(state, 8), &state);
  EXPECT_LT(short_form.size(), 200U);
  EXPECT_EQ(publish_bytes(short_form).at("generation"), 8);
  EXPECT_EQ(script.published, before + 1);
}

TEST_F(PlaneClusterTest, TakesWhatAPublisherSends) {
  start_cluster();
  PlanePublisher publisher;
  publisher.want(small_state());
  int requests = 0;
  while (const auto request = publisher.next()) {
    const json::object answer = ask(request->line + request->payload);
    const Status understood = publisher.answered(json::serialize(answer));
    ASSERT_TRUE(understood) << understood.error().context;
    ++requests;
  }
  EXPECT_EQ(requests, 2);
  EXPECT_EQ(publisher.live()->generation, 7U);
}

TEST_F(PlaneClusterTest, WhatIsRefusedLeavesTheRunningGeneration) {
  start_cluster();
  ASSERT_TRUE(publish(small_state()).at("ok").as_bool());
  const std::string good = encode_state(at(small_state(), 9), nullptr);
  const auto refused = [&](const std::string& bytes, std::string_view why) {
    const json::object answer = publish_bytes(bytes);
    EXPECT_FALSE(answer.at("ok").as_bool());
    EXPECT_NE(std::string_view(answer.at("error").as_string()).find(why), std::string_view::npos)
        << json::serialize(answer);
    EXPECT_EQ(cluster().at("generation"), 7);
    EXPECT_EQ(ask(R"({"op":"status"})").at("generation"), 2);
  };
  refused("x", "does not begin");
  refused(good.substr(0, good.size() - 1), "cut short");
  refused(good + "x", "more after its end");
  refused(encode_state(at(small_state(), 0), nullptr), "generation above 0");
  ForwardingState same_as_source = small_state();
  ServiceConfig service = testing::state_service("x", 80, 0);
  service.address = IpAddress::parse("10.2.0.2").value();
  same_as_source.services = make_state_services({service});
  refused(encode_state(same_as_source, nullptr), "tunnel source");
  script.publish_error = "the card is on fire";
  refused(good, "the card is on fire");
  EXPECT_NE(log_.find("publish refused: the card is on fire; generation 7 of the cluster stays"), std::string::npos);
  script.publish_error.clear();
  EXPECT_EQ(publish_bytes(good).at("generation"), 9);
}

TEST_F(PlaneClusterTest, RandomBytesChangeNothing) {
  start_cluster();
  ASSERT_TRUE(publish(small_state()).at("ok").as_bool());
  std::mt19937_64 random(1);
  const std::string good = encode_state(small_state(), nullptr);
  for (int i = 0; i < 50; ++i) {
    std::string bytes = good.substr(0, random() % good.size());
    for (std::size_t at = random() % 50; at < bytes.size(); at += 1 + random() % 5000)
      bytes[at] = static_cast<char>(random());
    if (bytes.empty()) continue;
    EXPECT_FALSE(publish_bytes(bytes).at("ok").as_bool());
  }
  EXPECT_EQ(cluster().at("generation"), 7);
}

TEST_F(PlaneClusterTest, TooMuchIsNotEvenRead) {
  start_cluster();
  const json::object answer = ask(R"({"op":"publish","bytes":268435457})");
  EXPECT_FALSE(answer.at("ok").as_bool());
  EXPECT_NE(std::string_view(answer.at("error").as_string()).find("allowed: 268435456"), std::string_view::npos);
  EXPECT_FALSE(ask(R"({"op":"publish","bytes":0})").at("ok").as_bool());
  EXPECT_FALSE(ask(R"({"op":"publish"})").at("ok").as_bool());
}

TEST_F(PlaneClusterTest, ASlowSenderIsInNobodysWayForALimitedTime) {
  start_cluster();
  const UniqueFd slow = connected();
  say(slow, "{\"op\":\"publish\",\"bytes\":1000000}\nhalf of");
  EXPECT_TRUE(ask(R"({"op":"version"})").at("ok").as_bool());
  // A second state meanwhile is passed by, and its connection goes on.
  const UniqueFd second = connected();
  say(second, "{\"op\":\"publish\",\"bytes\":5}\nabcde{\"op\":\"version\"}\n");
  char buffer[4096];
  const ssize_t count = recv(second.get(), buffer, sizeof buffer, 0);
  ASSERT_GT(count, 0);
  const std::string answers(buffer, static_cast<std::size_t>(count));
  EXPECT_NE(answers.find("another client is sending a state"), std::string::npos) << answers;
  EXPECT_NE(answers.find("image_version"), std::string::npos) << answers;
  plane_->tick(Plane::Clock::now() + std::chrono::seconds(31));
  EXPECT_EQ(recv(slow.get(), buffer, sizeof buffer, 0), 0);
  EXPECT_TRUE(publish(small_state()).at("ok").as_bool());
}

TEST_F(PlaneClusterTest, APlaneOfAFileIsNotTold) {
  start();
  const json::object answer = publish(small_state());
  EXPECT_FALSE(answer.at("ok").as_bool());
  EXPECT_EQ(answer.at("exit_code"), 4);
  const json::object status = ask(R"({"op":"status"})");
  EXPECT_EQ(status.at("source"), "file");
  EXPECT_TRUE(status.at("cluster").is_null());
  EXPECT_EQ(status.at("services"), 1);
}

TEST_F(PlaneClusterTest, StartsAgainWithWhatItWasTold) {
  start_cluster();
  ASSERT_TRUE(publish(small_state()).at("ok").as_bool());
  ASSERT_TRUE(publish(at(small_state(), 8, StatePhase::prepared)).at("ok").as_bool());
  plane_.reset();
  start_cluster();
  EXPECT_EQ(plane_->summary(), "generation 1, 3 services, 9 backends, port0 fake");
  EXPECT_EQ(cluster().at("generation"), 8);
  EXPECT_EQ(cluster().at("phase"), "prepared");
  const ForwardingState state = small_state();
  EXPECT_EQ(publish_bytes(encode_state(at(state, 8), &state)).at("phase"), "active");
}

TEST_F(PlaneClusterTest, ADamagedFileIsNotForwardedByAndNotTouched) {
  start_cluster();
  ASSERT_TRUE(publish(small_state()).at("ok").as_bool());
  plane_.reset();
  std::ifstream in(state_file(), std::ios::binary);
  const std::string good{std::istreambuf_iterator<char>(in), {}};
  ASSERT_GT(good.size(), 90000U);
  const auto refused = [&](const std::string& content) {
    std::ofstream(state_file(), std::ios::binary | std::ios::trunc) << content;
    const Status started = start_by_file();
    EXPECT_FALSE(started);
    plane_.reset();
    std::ifstream again(state_file(), std::ios::binary);
    EXPECT_EQ((std::string{std::istreambuf_iterator<char>(again), {}}), content);
    return started ? std::string() : started.error().context;
  };
  for (const std::size_t place : {std::size_t{0}, std::size_t{9}, std::size_t{20}, std::size_t{100}, good.size() - 1}) {
    std::string wrong = good;
    wrong[place] = static_cast<char>(wrong[place] ^ 4);
    EXPECT_NE(refused(wrong), "") << place;
  }
  EXPECT_NE(refused(good.substr(0, good.size() / 2)).find("damaged"), std::string::npos);
  EXPECT_NE(refused("").find("no saved state"), std::string::npos);
  std::ofstream(state_file(), std::ios::binary | std::ios::trunc) << good;
  EXPECT_TRUE(start_by_file());
}

TEST_F(PlaneClusterTest, SaysWhenItCannotKeepTheState) {
  fs::create_directories(state_file() + ".new");
  start_cluster();
  EXPECT_TRUE(publish(small_state()).at("ok").as_bool());
  for (int i = 0; i < 3000 && log_.find("keeping the cluster's state") == std::string::npos; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    plane_->tick(Plane::Clock::now());
  }
  EXPECT_NE(log_.find("keeping the cluster's state for a restart: cannot make " + state_file() + ".new"),
            std::string::npos)
      << log_;
}

TEST_F(PlaneClusterTest, AReloadReadsThePlaneOnly) {
  start_cluster();
  ASSERT_TRUE(publish(small_state()).at("ok").as_bool());
  write_cluster_config("icmp_per_second = 5\n");
  EXPECT_EQ(ask(R"({"op":"reload"})").at("generation"), 3);
  EXPECT_EQ(cluster().at("generation"), 7);
  const std::uint64_t active = script.forwarding->writer().generation().value();
  EXPECT_EQ(script.forwarding->writer().tables().control->generations[active & 1].icmp_per_tick, 5U);
  write_config();
  EXPECT_NE(std::string_view(ask(R"({"op":"reload"})").at("error").as_string()).find("has changed"),
            std::string_view::npos);
}

std::string unfence_until(Plane::Clock::time_point end) {
  const auto until_ms = std::chrono::duration_cast<std::chrono::milliseconds>(end.time_since_epoch()).count();
  return R"({"op":"unfence","until_ms":)" + std::to_string(until_ms) + "}";
}

TEST_F(PlaneClusterTest, IsFencedUnlessToldUntilWhenItIsNot) {
  using std::chrono::seconds;
  start_cluster();
  const auto is_fenced = [this] { return ask(R"({"op":"status"})").at("fenced").as_bool(); };
  const auto now = Plane::Clock::now();
  EXPECT_TRUE(is_fenced());
  EXPECT_EQ(ask(unfence_until(now + seconds(3600))).at("fenced"), false);
  EXPECT_FALSE(is_fenced());
  EXPECT_EQ(ask(R"({"op":"fence"})").at("fenced"), true);
  EXPECT_TRUE(is_fenced());
  // A request that was held up for longer than the lease.
  EXPECT_EQ(ask(unfence_until(now - seconds(1))).at("fenced"), true);
  EXPECT_TRUE(is_fenced());
}

TEST_F(PlaneClusterTest, ALeaseOfYearsIsAnError) {
  start_cluster();
  for (const char* until : {"9223372036854775807", "9223372036855", "1000000000000000"}) {
    EXPECT_EQ(ask(std::string(R"({"op":"unfence","until_ms":)") + until + "}").at("exit_code"), 2) << until;
    EXPECT_TRUE(ask(R"({"op":"status"})").at("fenced").as_bool());
  }
}

// Its sluiced is dead, stopped or hangs.
TEST_F(PlaneClusterTest, FencesItselfWhenTheLeaseIsOver) {
  using std::chrono::milliseconds;
  start_cluster();
  const auto end = Plane::Clock::now() + milliseconds(200);
  ASSERT_TRUE(ask(unfence_until(end)).contains("fenced"));
  EXPECT_LE(plane_->tick(end - milliseconds(100)), end);
  while (Plane::Clock::now() < end) EXPECT_TRUE(loop_.run_once(milliseconds(10)));
  EXPECT_TRUE(ask(R"({"op":"status"})").at("fenced").as_bool());
  EXPECT_GT(plane_->tick(Plane::Clock::now()), end);
}

TEST_F(PlaneClusterTest, APlaneOfAFileHasNoLease) {
  write_config();
  ASSERT_TRUE(start_by_file());
  EXPECT_EQ(ask(R"({"op":"fence"})").at("exit_code"), 4);
  EXPECT_EQ(ask(unfence_until(Plane::Clock::now() + std::chrono::seconds(9))).at("exit_code"), 4);
  EXPECT_FALSE(ask(R"({"op":"status"})").at("fenced").as_bool());
}

}  // namespace
}  // namespace sluice
