// SPDX-License-Identifier: Apache-2.0
// The process of a plane over a forwarding that only notes what it is told, in a network namespace of its own.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "control_client.h"
#include "image_memory.h"
#include "plane.h"
#include "static_model.h"

namespace sluice::plane_testing {

namespace fs = std::filesystem;
namespace json = boost::json;

// What the fake plane below is to do, and what it was told. One at a time: PlaneKind has no place for more.
struct Script {
  std::string fixed_key;      // a reload changes this
  std::string publish_error;  // not empty: publish() refuses
  std::string way_error;      // not empty: no way is usable
  bool ways_changed = false;  // next tick says so
  std::uint32_t interface = 7;
  bool has_own_numbers = false;  // the kernel's index instead of `interface`
  int interfaces_asked = 0;
  int published = 0;
  bool detached = false;
  Forwarding* forwarding = nullptr;
  const ForwardingModel* model_for_sizes = nullptr;  // the image has room for this one; nullptr: for the first
};
inline Script script;

class FakeForwarding final : public Forwarding {
 public:
  explicit FakeForwarding(const ForwardingModel& model)
      : memory_(image_sizes_for(model, {})), writer_(memory_.tables(), {}, [] {}) {}

  [[nodiscard]] std::string_view fixed_key_changed(const Config&, const Config&) const override {
    return script.fixed_key;
  }
  Result<PublishReport> start(const ForwardingModel& model, const ImageWriter::NextHopOf& next_hop_of,
                              const Config&) override {
    return writer_.publish(model, next_hop_of, 1);
  }
  Result<PublishReport> publish(const ForwardingModel& model, const ImageWriter::NextHopOf& next_hop_of,
                                const Config&) override {
    if (!script.publish_error.empty()) return make_error(ErrorCode::conflict, script.publish_error);
    ++script.published;
    return writer_.publish(model, next_hop_of, 1);
  }
  bool tick(Clock::time_point) override { return std::exchange(script.ways_changed, false); }
  void detach() override { script.detached = true; }
  [[nodiscard]] Result<std::uint32_t> interface_number(std::uint32_t kernel_index) const override {
    ++script.interfaces_asked;
    if (!script.way_error.empty()) return make_error(ErrorCode::not_found, script.way_error);
    return script.has_own_numbers ? kernel_index : script.interface;
  }
  [[nodiscard]] ImageWriter& writer() override { return writer_; }
  [[nodiscard]] const ImageWriter& writer() const override { return writer_; }
  [[nodiscard]] std::uint64_t memory_bytes() const override { return 12345; }
  [[nodiscard]] std::vector<InterfaceStatus> interfaces() const override { return {{"port0", "fake", "a note"}}; }
  [[nodiscard]] std::vector<PlaneCount> counts() const override { return {{"fake_things", 3}}; }
  [[nodiscard]] Result<std::uint32_t> now_tick() const override { return 0; }

 private:
  ImageMemory memory_;
  ImageWriter writer_;
};

inline Status check_fake(const Config& config) {
  if (config.services.size() < 2) return {};
  return make_error(ErrorCode::invalid_argument, "plane: two services are too many here");
}

inline Result<std::unique_ptr<Forwarding>> open_fake(const Config&, const ForwardingModel& model, const Log&) {
  auto made = std::make_unique<FakeForwarding>(script.model_for_sizes ? *script.model_for_sizes : model);
  script.forwarding = made.get();
  return std::unique_ptr<Forwarding>(std::move(made));
}

inline constexpr PlaneKind fake_plane = {.name = "fake",
                                         .title = "",
                                         .end_help = "",
                                         .detach_help = "",
                                         .restart_note = "costs nothing",
                                         .end_note = "",
                                         .detach_note = "",
                                         .settle_at_start = std::chrono::milliseconds(100),
                                         .check = check_fake,
                                         .open = open_fake,
                                         .detach_left = [](const Config&) { return Result<std::string>(""); }};

inline void shell(const std::string& command) {
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

inline constexpr const char* service_text =
    "[[service]]\nname = \"web\"\naddress = \"203.0.113.10\"\nport = 80\nprotocol = \"tcp\"\npool = \"web\"\n";

class PlaneTest : public ::testing::Test {
 protected:
  // 10.3.0.0/16 is behind a neighbour whose address is known; nothing else has a route.
  static void SetUpTestSuite() {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0) << "needs root";
    shell("ip link add veth0 type veth peer name veth1 && ip link set veth0 up && ip link set veth1 up");
    shell("ip addr add 10.2.0.2/24 dev veth0 && ip route add 10.3.0.0/16 via 10.2.0.1");
    shell("ip neigh add 10.2.0.1 dev veth0 lladdr 02:00:00:00:00:01 nud permanent");
  }

  void SetUp() override {
    script = {};
    std::string pattern = fs::temp_directory_path() / "sluice-t-plane-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    socket_ = directory_ / "s";
  }
  void TearDown() override {
    plane_.reset();
    fs::remove_all(directory_);
  }

  void write_config(int icmp_per_second = 1000, const std::string& services = service_text) {
    std::ofstream(file()) << "hash_key = \"000102030405060708090a0b0c0d0e0f\"\n[plane]\nsource_ipv4 = \"10.2.0.2\"\n"
                          << "flows_per_cpu = 1024\ncontrol_socket = \"" << socket_
                          << "\"\nicmp_per_second = " << icmp_per_second
                          << "\n[[pool]]\nname = \"web\"\nslots = 16381\nbackends = [ { name = \"b1\", "
                          << "address = \"10.3.1.2\" }, { name = \"gone\", address = \"10.4.0.1\" } ]\n"
                          << services;
  }

  void start() {
    write_config();
    const Status started = start_by_file();
    ASSERT_TRUE(started) << started.error().context;
  }

  Status start_by_file() {
    ConfigReading reading = read_config_file(file(), check_fake);
    if (!reading.config) return make_error(ErrorCode::invalid_argument, reading.errors.front());
    auto plane = Plane::start(loop_, fake_plane, file(), *reading.config,
                              [this](const std::string& line) { log_ += line + '\n'; });
    if (!plane) return plane.error();
    plane_ = std::move(*plane);
    return {};
  }

  // The plane and its client share this process, so the client gets a thread.
  json::object ask(const std::string& line) {
    Result<std::string> answer = make_error(ErrorCode::io, "no answer");
    std::atomic<bool> is_done = false;
    std::thread client([&] {
      answer = ask_control_socket(socket_, line, std::chrono::seconds(30));
      is_done = true;
    });
    while (!is_done) {
      EXPECT_TRUE(loop_.run_once(std::chrono::milliseconds(1)));
    }
    client.join();
    EXPECT_TRUE(answer) << answer.error().context;
    return answer ? json::parse(*answer).as_object() : json::object();
  }

  [[nodiscard]] std::string file() const { return directory_ / "sluice.toml"; }
  // The line of a backend in the image.
  [[nodiscard]] static const sluice_backend& line_of(const char* address) {
    const ImageWriter& writer = script.forwarding->writer();
    const auto index = writer.find_backend({IpAddress::parse(address).value(), SLUICE_ENCAP_IPIP_V4, 0});
    return writer.tables().backends[index.value().value()];
  }
  [[nodiscard]] static const sluice_backend& b1() { return line_of("10.3.1.2"); }

  fs::path directory_;
  EventLoop loop_ = EventLoop::create().value();
  std::string socket_;
  std::string log_;
  std::unique_ptr<Plane> plane_;
};

}  // namespace sluice::plane_testing
