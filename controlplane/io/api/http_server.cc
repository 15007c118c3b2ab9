// SPDX-License-Identifier: Apache-2.0
#include "http_server.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "http_session.h"

namespace sluice::io {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using UnixProtocol = asio::local::stream_protocol;
using UnixStream = beast::basic_stream<UnixProtocol>;
using boost::system::error_code;

// An exception that reaches the end of a coroutine ends that connection, and nothing else.
constexpr auto swallow = [](const std::exception_ptr&) {};

// Primary and supplementary groups of the peer (SO_PEERGROUPS: Linux 4.13).
std::vector<std::uint32_t> peer_groups(int fd, std::uint32_t primary) {
  std::vector<gid_t> groups(65536);  // NGROUPS_MAX
  socklen_t bytes = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes) != 0) bytes = 0;
  groups.resize(bytes / sizeof(gid_t));
  std::vector<std::uint32_t> all(groups.begin(), groups.end());
  all.push_back(primary);
  return all;
}

api::Identity identity_of_socket(int fd, const api::UnixPolicy& policy) {
  ucred peer{};
  socklen_t bytes = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0) return {};
  return api::identity_of_peer(peer.uid, peer_groups(fd, peer.gid), policy);
}

// Of one kind of stream; `make` turns an accepted socket into a session.
template <typename Protocol>
class AcceptingListener : public HttpServer::Listener,
                          public std::enable_shared_from_this<AcceptingListener<Protocol>> {
 public:
  using Socket = typename Protocol::socket;
  using Start = std::function<void(std::shared_ptr<HttpServer::Listener>, Socket)>;

  AcceptingListener(typename Protocol::acceptor acceptor, api::ApiHandler& asked, const HttpLimits& allowed,
                    Start start)
      : HttpServer::Listener(asked, allowed), acceptor_(std::move(acceptor)), start_(std::move(start)) {}

  void accept() { asio::co_spawn(acceptor_.get_executor(), run(this->shared_from_this()), swallow); }

  void stop() override {
    is_stopped_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    close_connections();
  }

 private:
  static Await<void> run(std::shared_ptr<AcceptingListener> self) {
    while (!self->is_stopped_) {
      error_code error;
      Socket socket = co_await self->acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (self->is_stopped_) break;
      if (!error) {
        self->start_(self, std::move(socket));
        continue;
      }
      // Out of descriptors, most likely: some will be closed.
      asio::steady_timer pause(self->acceptor_.get_executor(), std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
    }
  }

  typename Protocol::acceptor acceptor_;
  Start start_;
  bool is_stopped_ = false;
};

template <typename Stream>
void start_session(const std::shared_ptr<HttpSession<Stream>>& session, const asio::any_io_executor& executor) {
  asio::co_spawn(
      executor, [session]() -> Await<void> { co_await session->run(); }, swallow);
}

Error socket_error(const std::string& path, const std::string& what) {
  return make_error(ErrorCode::io, "cannot make the API's socket " + path + ": " + what);
}

// A socket nobody listens on is left over from a process that was killed.
Status clear_way(asio::io_context& context, const std::string& path) {
  error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0) return {};
  if (!S_ISSOCK(found.st_mode))
    return make_error(ErrorCode::conflict, path + " exists and is no socket; it stays as it is");
  UnixProtocol::socket probe(context);
  probe.connect(UnixProtocol::endpoint(path), error);
  if (!error) return make_error(ErrorCode::conflict, "somebody listens on " + path + " already; is sluiced running?");
  if (unlink(path.c_str()) != 0) return socket_error(path, std::strerror(errno));
  return {};
}

}  // namespace

HttpServer::HttpServer(asio::io_context& context, api::ApiHandler& handler, HttpLimits limits)
    : context_(context), handler_(handler), limits_(limits) {}

HttpServer::~HttpServer() {
  stop();
}

Status HttpServer::listen_unix(const UnixListener& listener) {
  constexpr std::size_t path_length_max = 107;  // sun_path less its terminator
  if (listener.path.empty() || listener.path.size() > path_length_max)
    return make_error(ErrorCode::invalid_argument, "the API's socket needs a path of 1 to 107 bytes");
  if (Status cleared = clear_way(context_, listener.path); !cleared) return cleared;
  error_code error;
  UnixProtocol::acceptor acceptor(context_);
  acceptor.open(UnixProtocol(), error);
  // Nobody gets in between bind and chmod.
  const mode_t before = umask(0777);
  if (!error) acceptor.bind(UnixProtocol::endpoint(listener.path), error);
  umask(before);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return socket_error(listener.path, error.message());
  unix_path_ = listener.path;
  const auto group = listener.gid < 0 ? static_cast<gid_t>(-1) : static_cast<gid_t>(listener.gid);
  if (chown(listener.path.c_str(), static_cast<uid_t>(-1), group) != 0 ||
      chmod(listener.path.c_str(), listener.mode) != 0)
    return socket_error(listener.path, std::strerror(errno));
  const auto start = [policy = listener.policy](std::shared_ptr<Listener> shared, UnixProtocol::socket socket) {
    api::Identity identity = identity_of_socket(socket.native_handle(), policy);
    const asio::any_io_executor executor = socket.get_executor();
    start_session(std::make_shared<HttpSession<UnixStream>>(std::move(shared), UnixStream(std::move(socket)),
                                                            std::move(identity), std::string()),
                  executor);
  };
  const auto made = std::make_shared<AcceptingListener<UnixProtocol>>(std::move(acceptor), handler_, limits_, start);
  made->accept();
  listeners_.push_back(made);
  return {};
}

Result<std::uint16_t> HttpServer::listen_tls(const TlsListener& listener, std::shared_ptr<asio::ssl::context> tls) {
  error_code error;
  const asio::ip::address address = asio::ip::make_address(listener.address, error);
  if (error) return make_error(ErrorCode::invalid_argument, "\"" + listener.address + "\" is no IP address");
  const asio::ip::tcp::endpoint endpoint(address, listener.port);
  asio::ip::tcp::acceptor acceptor(context_);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return make_error(ErrorCode::io, "cannot listen on " + listener.address + " port " + std::to_string(listener.port) +
                                         ": " + error.message());
  }
  const std::uint16_t port = acceptor.local_endpoint().port();
  const auto start = [tls, cluster_id = listener.cluster_id](std::shared_ptr<Listener> shared,
                                                             asio::ip::tcp::socket socket) {
    error_code ignored;
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    const asio::any_io_executor executor = socket.get_executor();
    start_session(std::make_shared<HttpSession<TlsStream>>(std::move(shared), TlsStream(std::move(socket), *tls),
                                                           api::Identity(), cluster_id),
                  executor);
  };
  const auto made = std::make_shared<AcceptingListener<asio::ip::tcp>>(std::move(acceptor), handler_, limits_, start);
  made->accept();
  listeners_.push_back(made);
  return port;
}

void HttpServer::stop() {
  for (const auto& listener : listeners_) listener->stop();
  listeners_.clear();
  if (!unix_path_.empty()) unlink(unix_path_.c_str());
  unix_path_.clear();
}

}  // namespace sluice::io
