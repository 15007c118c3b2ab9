// SPDX-License-Identifier: Apache-2.0
// The one file of the tools that sees Asio, Beast and OpenSSL: HTTP over TLS is not written a second time for it.
#include "api_client.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <optional>
#include <random>

#include "api_failure.h"
#include "server_certificate.h"

namespace sluice::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace json = boost::json;
using boost::system::error_code;
using UnixStream = beast::basic_stream<asio::local::stream_protocol>;
using TlsStream = beast::ssl_stream<beast::tcp_stream>;
template <typename T>
using Await = asio::awaitable<T>;

// A snapshot of the largest cluster stays below it.
constexpr std::uint64_t answer_bytes_max = 4ULL << 30U;

// Ends the coroutine: what the operator is told.
struct Stopped {
  Failure failure;
};

std::string where(const Context& context) {
  return context.api.address;
}

Failure unreachable(const Context& context, const error_code& error) {
  if (error == beast::error::timeout) {
    return {ExitCode::timed_out,
            fmt::format("the API at {} did not answer within {} s; try again with --timeout SECONDS", where(context),
                        std::chrono::duration<double>(context.timeout).count()),
            {}};
  }
  std::string next = "is sluiced running? (--address names another one)";
  if (error == asio::error::access_denied)
    next = "run sluice as a user who may open it (root, or a member of its group)";
  return {
      ExitCode::unreachable, fmt::format("no API answers at {}: {}; {}", where(context), error.message(), next), {}};
}

http::request<http::string_body> request_of(const ApiCall& call) {
  http::request<http::string_body> request;
  request.version(11);
  request.method_string(call.method);
  request.target(call.target);
  request.set(http::field::host, "sluice");
  request.set(http::field::user_agent, "sluice/" SLUICE_VERSION);
  for (const auto& [name, value] : call.headers) request.set(name, value);
  if (!call.body.empty()) {
    request.set(http::field::content_type, "application/json");
    request.body() = call.body;
  }
  request.keep_alive(false);
  request.prepare_payload();
  return request;
}

// A certificate that is refused shows only at the first read: TLS 1.3 has no round trip for it.
template <typename Stream>
Await<void> send(Stream& stream, const ApiCall& call) {
  const auto request = request_of(call);
  co_await http::async_write(stream, request, asio::use_awaitable);
}

struct Answer {
  unsigned status = 0;
  std::string body;
};

template <typename Stream>
Await<Answer> exchange(Stream& stream, const ApiCall& call) {
  co_await send(stream, call);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(answer_bytes_max);
  co_await http::async_read(stream, buffer, parser, asio::use_awaitable);
  Answer answer{parser.get().result_int(), {}};
  answer.body = std::move(parser.get().body());
  co_return answer;
}

// Gives whole events to `each` until it has enough.
class EventReader {
 public:
  explicit EventReader(const std::function<bool(const ServerEvent&)>& each) : each_(each) {}

  // False: enough.
  bool take(std::string_view bytes) {
    waiting_ += bytes;
    for (std::size_t end = 0; (end = waiting_.find("\n\n")) != std::string::npos;) {
      const std::string block = waiting_.substr(0, end);
      waiting_.erase(0, end + 2);
      const ServerEvent event = parse(block);
      if (!event.data.empty() && !each_(event)) return false;
    }
    return true;
  }

 private:
  static ServerEvent parse(std::string_view block) {
    ServerEvent event;
    while (!block.empty()) {
      const std::string_view line = block.substr(0, block.find('\n'));
      block.remove_prefix(std::min(block.size(), line.size() + 1));
      if (line.starts_with("id: ")) event.id = line.substr(4);
      if (line.starts_with("event: ")) event.kind = line.substr(7);
      if (line.starts_with("data: ")) event.data = line.substr(6);
    }
    return event;
  }

  const std::function<bool(const ServerEvent&)>& each_;
  std::string waiting_;
};

template <typename Stream>
Await<void> follow(Stream& stream, const ApiCall& call, const std::function<bool(const ServerEvent&)>& each) {
  co_await send(stream, call);
  beast::flat_buffer buffer;
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(boost::none);
  co_await http::async_read_header(stream, buffer, parser, asio::use_awaitable);
  EventReader events(each);
  std::string refused;
  const bool is_refused = parser.get().result_int() >= 300;
  // Twice the silence after which the server says that it is still there, and one more.
  constexpr auto silence_max = std::chrono::seconds(45);
  while (!parser.is_done()) {
    char bytes[16384];
    parser.get().body().data = bytes;
    parser.get().body().size = sizeof bytes;
    error_code error;
    beast::get_lowest_layer(stream).expires_after(silence_max);
    co_await http::async_read_some(stream, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
    const std::string_view got(bytes, sizeof bytes - parser.get().body().size);
    if (is_refused) refused += got;
    if (!is_refused && !events.take(got)) co_return;
    if (error && error != http::error::need_buffer) break;
  }
  if (is_refused) throw Stopped{api_failure(parser.get().result_int(), refused)};
}

// Opens the way to the API and hands the stream to `use`.
template <typename Use>
Await<void> with_unix(const Context& context, Use use) {
  UnixStream stream(co_await asio::this_coro::executor);
  stream.expires_after(context.timeout);
  co_await stream.async_connect(asio::local::stream_protocol::endpoint(context.api.address), asio::use_awaitable);
  co_await use(stream);
}

template <typename Use>
Await<void> with_tls(const Context& context, Use use) {
  const auto executor = co_await asio::this_coro::executor;
  auto tls = client_tls(context);
  if (!tls) throw Stopped{tls.error()};
  const std::string& address = context.api.address;
  const std::size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  TlsStream stream(executor, *tls.value());
  beast::get_lowest_layer(stream).expires_after(context.timeout);
  asio::ip::tcp::resolver resolver(executor);
  const auto found = co_await resolver.async_resolve(host, address.substr(colon + 1), asio::use_awaitable);
  co_await beast::get_lowest_layer(stream).async_connect(found, asio::use_awaitable);
  error_code error;
  co_await stream.async_handshake(asio::ssl::stream_base::client, asio::redirect_error(asio::use_awaitable, error));
  if (error) {
    throw Stopped{{ExitCode::unreachable,
                   fmt::format("{} and this sluice do not accept each other's certificates: {}; they must be of one "
                               "cluster (--ca, --cert, --key)",
                               address, error.message()),
                   {}}};
  }
  if (auto failure = foreign_server(stream.native_handle(), address)) throw Stopped{*failure};
  co_await use(stream);
}

bool is_unix(const Context& context) {
  return context.api.address.starts_with('/');
}

template <typename Use>
std::optional<Failure> run(const Context& context, Use use) {
  asio::io_context io(1);
  std::optional<Failure> failure;
  const auto finish = [&](const std::exception_ptr& thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const Stopped& stopped) {
      failure = stopped.failure;
    } catch (const boost::system::system_error& error) {
      failure = unreachable(context, error.code());
    }
  };
  if (is_unix(context)) {
    asio::co_spawn(io, with_unix(context, use), finish);
  } else {
    asio::co_spawn(io, with_tls(context, use), finish);
  }
  io.run();
  return failure;
}

std::optional<Failure> wrong_address(const Context& context) {
  const std::string& address = context.api.address;
  const std::size_t colon = address.rfind(':');
  if (is_unix(context) || (colon != std::string::npos && colon > 0 && colon + 1 < address.size())) return std::nullopt;
  return Failure{ExitCode::usage,
                 fmt::format("\"{}\" is no address of an API; allowed: HOST:PORT, or the path of a socket", address),
                 {}};
}

}  // namespace

Outcome<std::string> call_api_text(const Context& context, const ApiCall& call) {
  if (auto wrong = wrong_address(context)) return *wrong;
  Answer answer;
  const auto failure = run(context, [&](auto& stream) -> Await<void> {
    beast::get_lowest_layer(stream).expires_after(context.timeout + call.patience);
    answer = co_await exchange(stream, call);
  });
  if (failure) return *failure;
  if (answer.status >= 300) return api_failure(answer.status, answer.body);
  return std::move(answer.body);
}

Outcome<json::object> call_api(const Context& context, const ApiCall& call) {
  const Outcome<std::string> text = call_api_text(context, call);
  if (!text) return text.error();
  error_code error;
  json::value answer = json::parse(text.value(), error);
  if (error || !answer.is_object()) {
    return Failure{
        ExitCode::failed, fmt::format("the answer from {} is no JSON object; is it a Sluice API?", where(context)), {}};
  }
  return std::move(answer.get_object());
}

Outcome<void> follow_api(const Context& context, const ApiCall& call,
                         const std::function<bool(const ServerEvent&)>& each) {
  if (auto wrong = wrong_address(context)) return *wrong;
  bool has_enough = false;
  const auto until = [&](const ServerEvent& event) {
    has_enough = !each(event);
    return !has_enough;
  };
  const std::function<bool(const ServerEvent&)> wrapped = until;
  const auto failure = run(context, [&](auto& stream) -> Await<void> { co_await follow(stream, call, wrapped); });
  if (failure) return *failure;
  if (!has_enough) {
    return Failure{ExitCode::unreachable, fmt::format("the API at {} ended the stream of events", where(context)), {}};
  }
  return boost::system::in_place_value;
}

bool asks_cluster(const Context& context) {
  if (context.is_socket_given) return false;
  return context.api.is_given || access(context.api.address.c_str(), F_OK) == 0;
}

std::string make_request_id() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
}

}  // namespace sluice::cli
