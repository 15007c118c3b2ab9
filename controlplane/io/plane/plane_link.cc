// SPDX-License-Identifier: Apache-2.0
#include "plane_link.h"

#include <fmt/format.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/object.hpp>
#include <utility>

#include "plane_answer.h"
#include "plane_publisher.h"

namespace sluice::io {
namespace {

namespace asio = boost::asio;
using Socket = asio::local::stream_protocol::socket;
using boost::system::error_code;
using SteadyTime = std::chrono::steady_clock::time_point;

// A plane that is this slow has a queue of trouble: it counts as gone, and its lease runs out.
constexpr std::chrono::seconds answer_limit{10};
// A first state of 100,000 backends is looked up and written in a few seconds; on a busy host, in more.
constexpr std::chrono::seconds publish_limit{60};
// How soon a plane that has gone is noticed, and one that has come back.
constexpr std::chrono::milliseconds status_interval{500};
constexpr std::chrono::milliseconds redial_interval{100};
// A status of a plane with everything it can have is some hundred KiB.
constexpr std::size_t answer_bytes_max = 16U << 20;

// Closes the socket when the time is over; whatever waits on it then fails.
class Deadline {
 public:
  Deadline(Socket& socket, std::chrono::milliseconds limit) : timer_(socket.get_executor()) {
    timer_.expires_after(limit);
    // The handler may be queued already when this goes.
    timer_.async_wait([&socket, is_over = std::weak_ptr<void>(guard_)](const error_code& failed) {
      error_code ignored;
      if (!failed && !is_over.expired()) socket.close(ignored);
    });
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline() { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
  std::shared_ptr<void> guard_ = std::make_shared<char>();
};

Error broken(const std::string& path, const error_code& failed) {
  return make_error(ErrorCode::io, fmt::format("the plane on {} does not answer: {}", path, failed.message()));
}

// A line, and what follows it, there; a line back.
asio::awaitable<Result<std::string>> exchange(Socket& socket, const std::string& path, const std::string& line,
                                              const std::string& payload) {
  const Deadline deadline(socket, payload.empty() ? answer_limit : publish_limit);
  error_code failed;
  const std::array<asio::const_buffer, 2> parts = {asio::buffer(line), asio::buffer(payload)};
  co_await asio::async_write(socket, parts, asio::redirect_error(asio::use_awaitable, failed));
  if (failed) co_return broken(path, failed);
  std::string answer;
  const std::size_t length = co_await asio::async_read_until(socket, asio::dynamic_buffer(answer, answer_bytes_max),
                                                             '\n', asio::redirect_error(asio::use_awaitable, failed));
  if (failed) co_return broken(path, failed);
  answer.resize(length - 1);
  co_return answer;
}

asio::awaitable<Result<boost::json::object>> call(Socket& socket, const std::string& path, const std::string& line,
                                                  const std::string& payload = {}) {
  const Result<std::string> answer = co_await exchange(socket, path, line, payload);
  if (!answer) co_return answer.error();
  Result<boost::json::object> object = parse_plane_answer(*answer);
  if (!object || !object->contains("ok"))
    co_return make_error(ErrorCode::io, fmt::format("the plane on {} answers in another language", path));
  co_return std::move(object);
}

}  // namespace

struct PlaneLink::Life : std::enable_shared_from_this<PlaneLink::Life> {
  Life(asio::io_context& context, std::string socket_path, Callbacks all)
      : path(std::move(socket_path)), callbacks(std::move(all)), socket(context), wake(context) {}

  asio::awaitable<void> run();
  asio::awaitable<Status> greet();
  asio::awaitable<Status> work();
  asio::awaitable<Status> publish_wanted();
  [[nodiscard]] bool has_fence_to_tell() const;
  asio::awaitable<Status> tell_fence();
  asio::awaitable<void> sleep(std::chrono::milliseconds length);

  std::string path;
  Callbacks callbacks;
  Socket socket;
  asio::steady_timer wake;
  bool is_ended = false;
  bool is_connected = false;
  std::string trouble;                            // why there is no connection
  std::shared_ptr<const ForwardingState> wanted;  // to be published
  PlanePublisher publisher;
  std::optional<SteadyTime> unfenced_until;  // to be told; the epoch: fenced
  std::optional<SteadyTime> unfenced_told;
};

PlaneLink::PlaneLink(asio::io_context& context, std::string path, Callbacks callbacks)
    : context_(context), life_(std::make_shared<Life>(context, std::move(path), std::move(callbacks))) {}

PlaneLink::~PlaneLink() {
  life_->is_ended = true;
  life_->wake.cancel();
  error_code ignored;
  life_->socket.close(ignored);
}

void PlaneLink::start() {
  asio::co_spawn(
      context_, [life = life_]() -> asio::awaitable<void> { co_await life->run(); }, asio::detached);
}

void PlaneLink::publish(std::shared_ptr<const ForwardingState> state) {
  life_->wanted = std::move(state);
  life_->wake.cancel();
}

void PlaneLink::fence() {
  unfence_until({});
}

void PlaneLink::unfence_until(std::chrono::steady_clock::time_point lease_end) {
  life_->unfenced_until = lease_end;
  if (life_->has_fence_to_tell()) life_->wake.cancel();
}

bool PlaneLink::Life::has_fence_to_tell() const {
  if (!unfenced_until || unfenced_until == unfenced_told) return false;
  if (!unfenced_told || *unfenced_until < *unfenced_told) return true;
  const SteadyTime now = std::chrono::steady_clock::now();
  return *unfenced_told - now < (*unfenced_until - now) * 3 / 4;
}

asio::awaitable<Status> PlaneLink::Life::tell_fence() {
  const SteadyTime telling = *unfenced_until;
  const auto until_ms = std::chrono::duration_cast<std::chrono::milliseconds>(telling.time_since_epoch()).count();
  std::string line = "{\"op\":\"fence\"}\n";
  if (until_ms > 0) line = fmt::format("{{\"op\":\"unfence\",\"until_ms\":{}}}\n", until_ms);
  const Result<boost::json::object> answer = co_await call(socket, path, line);
  if (!answer) co_return answer.error();
  if (const boost::json::value& ok = answer->at("ok"); !ok.is_bool() || !ok.as_bool())
    co_return make_error(ErrorCode::io,
                         fmt::format("the plane on {} takes no lease: {}", path, text_of(*answer, "error")));
  unfenced_told = telling;
  co_return Status();
}

asio::awaitable<void> PlaneLink::Life::sleep(std::chrono::milliseconds length) {
  error_code ignored;
  wake.expires_after(length);
  co_await wake.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

asio::awaitable<void> PlaneLink::Life::run() {
  const std::shared_ptr<Life> self = shared_from_this();
  while (!is_ended) {
    error_code failed;
    co_await socket.async_connect(path, asio::redirect_error(asio::use_awaitable, failed));
    Status good;
    // Two statements: g++ 12 destroys the operands of a conditional expression with co_await in it twice.
    if (failed) good = broken(path, failed);
    if (!failed) good = co_await greet();
    while (good && !is_ended) good = co_await work();
    if (is_ended) co_return;
    error_code ignored;
    socket.close(ignored);
    publisher.disconnected();
    unfenced_told.reset();
    wanted = nullptr;
    // A plane that is not there is one line in the log, not ten a second.
    const bool is_new = std::exchange(trouble, good.error().context) != trouble;
    if (std::exchange(is_connected, false) || is_new) callbacks.lost(trouble);
    if (!is_ended) co_await sleep(redial_interval);
  }
}

asio::awaitable<Status> PlaneLink::Life::greet() {
  const Result<boost::json::object> status = co_await call(socket, path, "{\"op\":\"status\"}\n");
  if (!status) co_return status.error();
  std::uint64_t generation = 0;
  StatePhase phase = StatePhase::active;
  if (const boost::json::value* cluster = status->if_contains("cluster"); cluster != nullptr && cluster->is_object()) {
    const boost::json::value* number = cluster->as_object().if_contains("generation");
    error_code none;
    if (number != nullptr) generation = number->to_number<std::uint64_t>(none);
    if (text_of(cluster->as_object(), "phase") == to_text(StatePhase::prepared)) phase = StatePhase::prepared;
  }
  if (text_of(*status, "source") == "file")
    co_return make_error(ErrorCode::conflict, fmt::format("the plane on {} forwards by its own file; give it control = "
                                                          "\"cluster\" under [plane] and start it again",
                                                          path));
  is_connected = true;
  trouble.clear();
  if (!is_ended) callbacks.connected(text_of(*status, "plane"), generation, phase);
  co_return Status();
}

// One thing, or a look whether it is still there.
asio::awaitable<Status> PlaneLink::Life::work() {
  if (has_fence_to_tell()) co_return co_await tell_fence();
  if (wanted) co_return co_await publish_wanted();
  co_await sleep(status_interval);
  if (is_ended || wanted || has_fence_to_tell()) co_return Status();
  const Result<boost::json::object> answer = co_await call(socket, path, "{\"op\":\"version\"}\n");
  if (!answer) co_return answer.error();
  co_return Status();
}

asio::awaitable<Status> PlaneLink::Life::publish_wanted() {
  publisher.want(*std::exchange(wanted, nullptr));
  while (const std::optional<PlanePublisher::Request> request = publisher.next()) {
    // Nothing can be told while a plane takes a state, which may be long: all of the lease that there is, before.
    if (unfenced_until && unfenced_until != unfenced_told) {
      const Status told = co_await tell_fence();
      if (!told) co_return told;
      if (is_ended) co_return Status();
    }
    const Result<std::string> answer = co_await exchange(socket, path, request->line, request->payload);
    if (!answer) co_return answer.error();
    if (is_ended) co_return Status();
    const Status taken = publisher.answered(*answer);
    if (!taken) {
      callbacks.refused(taken.error().context);
      co_return Status();
    }
  }
  callbacks.published();
  co_return Status();
}

void PlaneLink::ask(std::string line, std::function<void(Result<std::string>)> done) {
  asio::co_spawn(
      context_,
      [life = life_, line = std::move(line), done = std::move(done)]() -> asio::awaitable<void> {
        Socket socket(co_await asio::this_coro::executor);
        error_code failed;
        co_await socket.async_connect(life->path, asio::redirect_error(asio::use_awaitable, failed));
        if (failed) {
          if (!life->is_ended) done(broken(life->path, failed));
          co_return;
        }
        Result<std::string> answer = co_await exchange(socket, life->path, line + "\n", {});
        if (!life->is_ended) done(std::move(answer));
      },
      asio::detached);
}

}  // namespace sluice::io
