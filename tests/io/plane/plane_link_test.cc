// SPDX-License-Identifier: Apache-2.0
// What a plane is told of its lease, on a socket. (What it is told to forward by: tests/image/plane_publisher_test and
// the planes' own.)
#include "plane_link.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <string>
#include <vector>

namespace sluice::io {
namespace {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

// Answers whatever is asked as a plane of a cluster that has not been told anything.
class TestPlane {
 public:
  TestPlane(asio::io_context& context, const std::string& path)
      : acceptor_(context, stream_protocol::endpoint(path)), socket_(context) {
    asio::co_spawn(
        context, [this]() -> asio::awaitable<void> { co_await serve(); }, asio::detached);
  }
  ~TestPlane() { hang_up(); }
  TestPlane(const TestPlane&) = delete;
  TestPlane& operator=(const TestPlane&) = delete;

  void hang_up() {
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

  bool takes_leases = true;
  std::vector<std::string> fences;  // what it was told of its lease
  std::size_t greetings = 0;

 private:
  asio::awaitable<void> serve() {
    boost::system::error_code failed;
    while (!failed) {
      socket_ = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, failed));
      if (!failed) co_await answer();
    }
  }
  asio::awaitable<void> answer() {
    boost::system::error_code failed;
    std::string lines;
    while (!failed) {
      const std::size_t length = co_await asio::async_read_until(socket_, asio::dynamic_buffer(lines), '\n',
                                                                 asio::redirect_error(asio::use_awaitable, failed));
      if (failed) co_return;
      const std::string line = lines.substr(0, length - 1);
      lines.erase(0, length);
      if (line.find("fence") != std::string::npos) fences.push_back(line);
      if (line.find("\"status\"") != std::string::npos) ++greetings;
      const bool is_refused = !takes_leases && line.find("fence") != std::string::npos;
      const std::string reply = is_refused
                                    ? "{\"ok\":false,\"error\":\"no such thing\",\"exit_code\":2}\n"
                                    : "{\"ok\":true,\"plane\":\"test\",\"source\":\"cluster\",\"cluster\":null}\n";
      co_await asio::async_write(socket_, asio::buffer(reply), asio::redirect_error(asio::use_awaitable, failed));
    }
  }

  stream_protocol::acceptor acceptor_;
  stream_protocol::socket socket_;
};

class PlaneLinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = std::filesystem::temp_directory_path() / ("sluice_plane_link_" + std::to_string(getpid()));
    std::filesystem::remove(path_);
    plane_ = std::make_unique<TestPlane>(context_, path_);
    link_ = std::make_unique<PlaneLink>(
        context_, path_,
        PlaneLink::Callbacks{[this](const std::string&, std::uint64_t, StatePhase) { ++connected_; },
                             [this](const std::string& why) { lost_ = why; }, [] {}, [](const std::string&) {}});
    link_->start();
    ASSERT_TRUE(run_until([this] { return connected_ == 1; }));
  }
  void TearDown() override {
    link_.reset();
    plane_.reset();
    std::filesystem::remove(path_);
  }

  bool run_until(const std::function<bool()>& done) {
    for (const auto end = Clock::now() + seconds(20); !done() && Clock::now() < end;)
      context_.run_one_for(milliseconds(10));
    return done();
  }
  void run_for(milliseconds length) {
    for (const auto end = Clock::now() + length; Clock::now() < end;) context_.run_one_for(milliseconds(10));
  }
  void tell_first(Clock::time_point end) {
    link_->unfence_until(end);
    EXPECT_TRUE(run_until([this] { return plane_->fences.size() == 1; }));
  }
  static std::string unfence(Clock::time_point end) {
    const auto until = std::chrono::duration_cast<milliseconds>(end.time_since_epoch()).count();
    return "{\"op\":\"unfence\",\"until_ms\":" + std::to_string(until) + "}";
  }

  asio::io_context context_;
  std::string path_;
  std::unique_ptr<TestPlane> plane_;
  std::unique_ptr<PlaneLink> link_;
  int connected_ = 0;
  std::string lost_;
};

using Told = std::vector<std::string>;

TEST_F(PlaneLinkTest, APlaneIsNotToldWhatTheNodeHasNotSaid) {
  plane_->hang_up();
  ASSERT_TRUE(run_until([this] { return connected_ == 2; }));
  run_for(milliseconds(50));
  EXPECT_EQ(plane_->fences, Told{});
}

TEST_F(PlaneLinkTest, TheEndOfTheLeaseAndThatItIsNone) {
  const Clock::time_point end = Clock::now() + seconds(60);
  tell_first(end);
  link_->fence();
  ASSERT_TRUE(run_until([this] { return plane_->fences.size() == 2; }));
  EXPECT_EQ(plane_->fences, (Told{unfence(end), R"({"op":"fence"})"}));
}

TEST_F(PlaneLinkTest, ALeaseIsToldAgainWhenAQuarterOfItIsNew) {
  const Clock::time_point start = Clock::now();
  tell_first(start + seconds(1000));
  for (int more = 1; more <= 300; ++more) link_->unfence_until(start + seconds(1000 + more));
  run_for(milliseconds(50));
  EXPECT_EQ(plane_->fences.size(), 1U);
  link_->unfence_until(start + seconds(1400));
  ASSERT_TRUE(run_until([this] { return plane_->fences.size() == 2; }));
  EXPECT_EQ(plane_->fences.back(), unfence(start + seconds(1400)));
}

TEST_F(PlaneLinkTest, APlaneThatTakesNoLeaseIsNoneThatCounts) {
  plane_->takes_leases = false;
  link_->unfence_until(Clock::now() + seconds(60));
  ASSERT_TRUE(run_until([this] { return !lost_.empty(); }));
  EXPECT_NE(lost_.find("no such thing"), std::string::npos) << lost_;
}

// While it takes a state it can be told nothing.
TEST_F(PlaneLinkTest, AllOfTheLeaseIsToldBeforeAState) {
  const Clock::time_point start = Clock::now();
  tell_first(start + seconds(1000));
  link_->unfence_until(start + seconds(1001));
  auto state = std::make_shared<ForwardingState>();
  state->generation = 1;
  link_->publish(state);
  ASSERT_TRUE(run_until([this] { return plane_->fences.size() == 2; }));
  EXPECT_EQ(plane_->fences.back(), unfence(start + seconds(1001)));
}

TEST_F(PlaneLinkTest, IsToldAgainAfterAReconnection) {
  const Clock::time_point end = Clock::now() + seconds(60);
  tell_first(end);
  plane_->hang_up();
  ASSERT_TRUE(run_until([this] { return plane_->fences.size() == 2; }));
  EXPECT_EQ(plane_->fences, (Told{unfence(end), unfence(end)}));
  EXPECT_EQ(plane_->greetings, 2U);
}

}  // namespace
}  // namespace sluice::io
