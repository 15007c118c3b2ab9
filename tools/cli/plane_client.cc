// SPDX-License-Identifier: Apache-2.0
#include "plane_client.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sluice::cli {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;

// A table of 655,373 slots with its owners takes 4 MiB.
constexpr std::size_t answer_bytes_max = 64U << 20U;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

class Exchange {
 public:
  explicit Exchange(const Context& context)
      : context_(context),
        deadline_(Clock::now() + context.timeout),
        socket_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}

  Outcome<std::string> run(const std::string& request) {
    if (auto failed = open()) return *failed;
    if (auto failed = send_all(request + '\n')) return *failed;
    return receive_line();
  }

 private:
  [[nodiscard]] Failure unreachable(int error_number) const {
    std::string next = "is sluice-xdp running? (--socket PATH names another socket)";
    if (error_number == EACCES || error_number == EPERM) next = "run sluice as a user who may open it (root)";
    return {ExitCode::unreachable,
            fmt::format("no plane answers at {}: {}; {}", context_.socket, std::strerror(error_number), next),
            {}};
  }

  [[nodiscard]] Failure timed_out() const {
    return {ExitCode::timed_out,
            fmt::format("the plane at {} did not answer within {} s; try again with --timeout SECONDS", context_.socket,
                        std::chrono::duration<double>(context_.timeout).count()),
            {}};
  }

  std::optional<Failure> open() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (context_.socket.empty() || context_.socket.size() >= sizeof address.sun_path) return unreachable(ENAMETOOLONG);
    std::memcpy(address.sun_path, context_.socket.data(), context_.socket.size());
    while (connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      // A unix socket with a full backlog answers EAGAIN and cannot be polled for better times.
      if (errno != EAGAIN) return unreachable(errno);
      if (Clock::now() >= deadline_) return timed_out();
      poll(nullptr, 0, 10);
    }
    return std::nullopt;
  }

  std::optional<Failure> wait(short events) {
    for (;;) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
      if (left <= 0) return timed_out();
      pollfd entry{socket_.get(), events, 0};
      const int ready = poll(&entry, 1, static_cast<int>(std::min<long long>(left, 60000)));
      if (ready > 0) return std::nullopt;
      if (ready < 0 && errno != EINTR) return unreachable(errno);
    }
  }

  std::optional<Failure> send_all(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno == EAGAIN) {
        if (auto failed = wait(POLLOUT)) return failed;
      } else if (errno != EINTR) {
        return unreachable(errno);
      }
    }
    return std::nullopt;
  }

  Outcome<std::string> receive_line() {
    std::string line;
    char buffer[65536];
    while (line.size() < answer_bytes_max) {
      const ssize_t got = recv(socket_.get(), buffer, sizeof buffer, 0);
      if (got > 0) {
        const void* newline = std::memchr(buffer, '\n', static_cast<std::size_t>(got));
        const auto count = newline == nullptr ? got : static_cast<const char*>(newline) - buffer;
        line.append(buffer, static_cast<std::size_t>(count));
        if (newline != nullptr) return line;
      } else if (got == 0) {
        return Failure{
            ExitCode::unreachable,
            fmt::format("the plane at {} closed the connection without an answer; see its log", context_.socket),
            {}};
      } else if (errno == EAGAIN) {
        if (auto failed = wait(POLLIN)) return *failed;
      } else if (errno != EINTR) {
        return unreachable(errno);
      }
    }
    return Failure{ExitCode::failed, fmt::format("the answer of the plane at {} has no end", context_.socket), {}};
  }

  const Context& context_;
  Clock::time_point deadline_;
  Descriptor socket_;
};

Failure refusal(const json::object& answer) {
  Failure failure{ExitCode::failed, text_member(answer, "error"), {}};
  const std::uint64_t code = number_member(answer, "exit_code");
  if (code >= 1 && code <= static_cast<std::uint64_t>(ExitCode::degraded)) failure.code = static_cast<ExitCode>(code);
  if (failure.message.empty()) failure.message = "the plane refused without a reason";
  return failure;
}

}  // namespace

Outcome<json::object> ask_plane(const Context& context, const json::object& request) {
  const Outcome<std::string> line = Exchange(context).run(json::serialize(request));
  if (!line) return line.error();
  boost::system::error_code error;
  json::value answer = json::parse(line.value(), error);
  if (error || !answer.is_object()) {
    return Failure{
        ExitCode::failed,
        fmt::format("the answer from {} is not a JSON object; is it the socket of a Sluice plane?", context.socket),
        {}};
  }
  const json::value* ok = answer.get_object().if_contains("ok");
  if (ok == nullptr || !ok->is_bool() || !ok->get_bool()) return refusal(answer.get_object());
  return std::move(answer.get_object());
}

}  // namespace sluice::cli
