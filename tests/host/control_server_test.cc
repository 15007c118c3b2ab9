// SPDX-License-Identifier: Apache-2.0
#include "control_server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "control_client.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

class ControlServerTest : public ::testing::Test {
 protected:
  ControlServerTest() : loop_(EventLoop::create().value()) {
    std::string name = (std::filesystem::temp_directory_path() / "sluice-t-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
    path_ = directory_ + "/deeper/plane.sock";
  }
  ~ControlServerTest() override { std::filesystem::remove_all(directory_); }

  UniqueFd connected() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
  }

  static void say(const UniqueFd& fd, std::string_view text) {
    ASSERT_EQ(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }

  // What has been answered when nothing more happens; "<end>" at the end if the server has closed.
  std::string heard(const UniqueFd& fd) {
    std::string text;
    for (int quiet = 0; quiet < 3;) {
      EXPECT_TRUE(loop_.run_once(milliseconds(1)));
      char buffer[65536];
      const ssize_t count = recv(fd.get(), buffer, sizeof buffer, 0);
      if (count == 0 || (count < 0 && errno == ECONNRESET)) return text + "<end>";
      if (count > 0) text.append(buffer, static_cast<std::size_t>(count));
      quiet = count > 0 ? 0 : quiet + 1;
    }
    return text;
  }

  EventLoop loop_;
  std::string directory_;
  std::string path_;
};

std::string echo(std::string_view line) {
  return "<" + std::string(line) + ">";
}

TEST_F(ControlServerTest, AnswersLinesInOrderHoweverTheyAreCut) {
  ControlServer server(loop_, echo);
  ASSERT_TRUE(server.listen(path_));
  struct stat status {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0660U);
  const UniqueFd one = connected();
  const UniqueFd other = connected();
  say(one, "a\nb");
  say(other, "x\r\n\n\ny\n");
  EXPECT_EQ(heard(one), "<a>\n");
  EXPECT_EQ(heard(other), "<x>\n<y>\n");
  say(one, "c\n");
  EXPECT_EQ(heard(one), "<bc>\n");
}

TEST_F(ControlServerTest, BoundsTheRequest) {
  ControlLimits limits;
  limits.request_bytes = 100;
  ControlServer server(loop_, echo, limits);
  ASSERT_TRUE(server.listen(path_));
  const UniqueFd one = connected();
  say(one, std::string(100, 'x') + "\n");
  EXPECT_EQ(heard(one), "<" + std::string(100, 'x') + ">\n");
  say(one, std::string(101, 'x') + "\n");
  const std::string end = heard(one);
  EXPECT_NE(end.find("longer than 100 bytes"), std::string::npos) << end;
  EXPECT_TRUE(end.ends_with("<end>")) << end;
  const UniqueFd other = connected();
  say(other, std::string(5000, 'x'));  // no end in sight
  EXPECT_NE(heard(other).find("longer than"), std::string::npos);
  EXPECT_FALSE(server.has_clients());
}

TEST_F(ControlServerTest, BoundsTheClients) {
  ControlLimits limits;
  limits.clients = 2;
  ControlServer server(loop_, echo, limits);
  ASSERT_TRUE(server.listen(path_));
  UniqueFd first = connected();
  const UniqueFd second = connected();
  const UniqueFd third = connected();
  EXPECT_NE(heard(third).find("too many clients"), std::string::npos);
  say(second, "still here\n");
  EXPECT_EQ(heard(second), "<still here>\n");
  first.reset();
  EXPECT_TRUE(loop_.run_once(milliseconds(10)));
  const UniqueFd fourth = connected();
  say(fourth, "hello\n");
  EXPECT_EQ(heard(fourth), "<hello>\n");
}

TEST_F(ControlServerTest, ClosesTheSilent) {
  ControlServer server(loop_, echo);
  ASSERT_TRUE(server.listen(path_));
  const UniqueFd one = connected();
  EXPECT_EQ(heard(one), "");
  server.sweep(ControlServer::Clock::now() + std::chrono::seconds(59));
  EXPECT_TRUE(server.has_clients());
  server.sweep(ControlServer::Clock::now() + std::chrono::seconds(61));
  EXPECT_FALSE(server.has_clients());
  EXPECT_EQ(heard(one), "<end>");
}

TEST_F(ControlServerTest, SendsLargeAnswersAndStopsReadingMeanwhile) {
  int answered = 0;
  const std::string large(4 << 20, 'z');
  ControlServer server(loop_, [&](std::string_view) {
    ++answered;
    return large;
  });
  ASSERT_TRUE(server.listen(path_));
  const UniqueFd one = connected();
  say(one, "a\n");
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(loop_.run_once(milliseconds(1)));
  say(one, "b\n");
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(loop_.run_once(milliseconds(1)));
  EXPECT_EQ(answered, 1);  // nobody has taken the first one yet
  std::string text;
  while (text.size() < 2 * (large.size() + 1)) {
    const std::string more = heard(one);
    ASSERT_FALSE(more.empty());
    text += more;
  }
  EXPECT_EQ(text, large + "\n" + large + "\n");
}

// "get N": so many bytes follow, which come back. "pass N": they follow and are dropped. "close": no more is read.
ControlReply with_payload(std::string_view line) {
  ControlReply reply("<" + std::string(line) + ">");
  if (line.starts_with("get ")) {
    reply.payload_bytes = static_cast<std::size_t>(std::atoi(std::string(line.substr(4)).c_str()));
    reply.on_payload = [](std::string_view bytes) { return "got " + std::string(bytes); };
  }
  if (line.starts_with("pass "))
    reply.payload_bytes = static_cast<std::size_t>(std::atoi(std::string(line.substr(5)).c_str()));
  reply.closes = line == "close";
  return reply;
}

TEST_F(ControlServerTest, TakesBytesBehindALineHoweverTheyAreCut) {
  ControlServer server(loop_, with_payload);
  ASSERT_TRUE(server.listen(path_));
  const UniqueFd one = connected();
  say(one, "a\nget 5\nx\ny\nzb\n");
  EXPECT_EQ(heard(one), "<a>\ngot x\ny\nz\n<b>\n");
  say(one, "get 6\nab");
  EXPECT_EQ(heard(one), "");
  say(one, "cd");
  EXPECT_EQ(heard(one), "");
  say(one, "efnext\npass 3\n\n");
  EXPECT_EQ(heard(one), "got abcdef\n<next>\n<pass 3>\n");
  say(one, "\n\nlast\n");
  EXPECT_EQ(heard(one), "<last>\n");
  say(one, "close\nnot read\n");
  EXPECT_EQ(heard(one), "<close>\n<end>");
}

TEST_F(ControlServerTest, TakesALargePayload) {
  std::size_t size = 0;
  ControlServer server(loop_, [&size](std::string_view) {
    ControlReply reply{std::string()};
    reply.payload_bytes = 10 << 20;
    reply.on_payload = [&size](std::string_view bytes) {
      size = bytes.size();
      return std::string(bytes.substr(bytes.size() - 3));
    };
    return reply;
  });
  ASSERT_TRUE(server.listen(path_));
  const UniqueFd one = connected();
  std::string text = "x\n" + std::string(10 << 20, 'p');
  text.replace(text.size() - 3, 3, "end");
  std::string_view left = text;
  while (!left.empty()) {
    const ssize_t sent = send(one.get(), left.data(), left.size(), MSG_NOSIGNAL);
    if (sent > 0) left.remove_prefix(static_cast<std::size_t>(sent));
    ASSERT_TRUE(loop_.run_once(milliseconds(1)));
  }
  EXPECT_EQ(heard(one), "end\n");
  EXPECT_EQ(size, 10U << 20);
}

TEST_F(ControlServerTest, OnePayloadAtATimeAndNotForever) {
  ControlServer server(loop_, with_payload);
  ASSERT_TRUE(server.listen(path_));
  const UniqueFd slow = connected();
  const UniqueFd other = connected();
  say(slow, "get 100\nx");
  EXPECT_EQ(heard(slow), "");
  say(other, "get 3\nabcstill here\n");
  const std::string text = heard(other);
  EXPECT_NE(text.find("another client is sending"), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("<still here>\n")) << text;
  // However busily it drips.
  server.sweep(ControlServer::Clock::now() + std::chrono::seconds(29));
  say(slow, "y");
  EXPECT_EQ(heard(slow), "");
  server.sweep(ControlServer::Clock::now() + std::chrono::seconds(31));
  EXPECT_EQ(heard(slow), "<end>");
  say(other, "get 3\nabc");
  EXPECT_EQ(heard(other), "got abc\n");
}

TEST_F(ControlServerTest, TakesThePlaceOfTheDeadOnly) {
  {
    ControlServer server(loop_, echo);
    ASSERT_TRUE(server.listen(path_));
    EXPECT_TRUE(std::filesystem::exists(path_));
    ControlServer second(loop_, echo);
    const Status taken = second.listen(path_);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, ErrorCode::conflict);
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
  // A socket file whose process was killed.
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path_.data(), path_.size());
  UniqueFd dead(socket(AF_UNIX, SOCK_STREAM, 0));
  ASSERT_EQ(bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  dead.reset();
  ControlServer server(loop_, echo);
  EXPECT_TRUE(server.listen(path_));
  // Something that is no socket is not ours to remove.
  ControlServer other(loop_, echo);
  EXPECT_FALSE(other.listen(directory_ + "/deeper"));
}

}  // namespace
}  // namespace sluice
