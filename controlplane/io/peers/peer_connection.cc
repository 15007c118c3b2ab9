// SPDX-License-Identifier: Apache-2.0
#include "peer_connection.h"

#include <netinet/tcp.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <vector>

#include "cert_read.h"

namespace sluice::io {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
constexpr auto with_error = asio::as_tuple(asio::use_awaitable);

// What the kernel holds unsent: a ping must not wait behind more than this (tcp(7), TCP_NOTSENT_LOWAT).
constexpr int unsent_bytes_max = 256 << 10;
// Unanswered segments end a connection like silence does: the peer's machine has gone.
constexpr int user_timeout_ms = 5000;

void set_options(tcp::socket& socket) {
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::detail::socket_option::integer<IPPROTO_TCP, TCP_NOTSENT_LOWAT>(unsent_bytes_max), ignored);
  socket.set_option(asio::detail::socket_option::integer<IPPROTO_TCP, TCP_USER_TIMEOUT>(user_timeout_ms), ignored);
}

}  // namespace

Result<HostAndPort> split_address(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  HostAndPort parts;
  if (colon != std::string::npos) {
    parts = {address.substr(0, colon), address.substr(colon + 1)};
    if (parts.host.size() >= 2 && parts.host.front() == '[' && parts.host.back() == ']') {
      parts.host = parts.host.substr(1, parts.host.size() - 2);
    } else if (parts.host.find(':') != std::string::npos) {
      parts.host.clear();
    }
  }
  const bool is_number = !parts.port.empty() && parts.port.size() <= 5 &&
                         parts.port.find_first_not_of("0123456789") == std::string::npos &&
                         std::stoul(parts.port) <= UINT16_MAX;
  if (parts.host.empty() || !is_number) {
    return make_error(
        ErrorCode::invalid_argument,
        "\"" + address + "\" is no address to dial; allowed: host:port, 192.0.2.1:port, [2001:db8::1]:port");
  }
  return parts;
}

PeerConnection::PeerConnection(Socket socket, std::shared_ptr<PeerTls> tls)
    : tls_(std::move(tls)),
      stream_(std::move(socket), tls_->context),
      watchdog_(stream_.get_executor()),
      end_(tls_->own.not_after) {}

void PeerConnection::allow(std::chrono::milliseconds limit) {
  watchdog_.expires_after(limit);
  watchdog_.async_wait([weak = weak_from_this()](const error_code& fault) {
    const std::shared_ptr<PeerConnection> self = weak.lock();
    // The wait may have been over already when a later one was set.
    if (fault || !self || self->watchdog_.expiry() > std::chrono::steady_clock::now()) return;
    self->is_late_ = self->is_open_;
    self->close();
  });
}

void PeerConnection::close() {
  if (!is_open_) return;
  is_open_ = false;
  watchdog_.cancel();
  // No farewell of TLS: every frame says how long it is, so that nothing can be cut off unnoticed.
  error_code ignored;
  stream_.lowest_layer().close(ignored);
}

bool PeerConnection::has_outlived_its_certificates() const {
  return std::chrono::system_clock::now() >= end_;
}

Error PeerConnection::lost(const error_code& fault) const {
  if (is_late_) return make_error(ErrorCode::io, "silent for too long");
  if (!is_open_) return make_error(ErrorCode::io, "closed");
  if (fault == asio::error::eof || fault == asio::ssl::error::stream_truncated) {
    return make_error(ErrorCode::io, "closed by the other side");
  }
  return make_error(ErrorCode::io, fault.message());
}

Awaited<Status> PeerConnection::connect(std::string address) {
  const Result<HostAndPort> parts = split_address(address);
  if (!parts) co_return parts.error();
  std::vector<tcp::endpoint> endpoints;
  error_code fault;
  const asio::ip::address numeric = asio::ip::make_address(parts->host, fault);
  if (!fault) {
    endpoints.emplace_back(numeric, static_cast<std::uint16_t>(std::stoul(parts->port)));
  } else {
    tcp::resolver resolver(stream_.get_executor());
    auto [error, found] = co_await resolver.async_resolve(parts->host, parts->port, with_error);
    if (error) co_return make_error(ErrorCode::io, "cannot find " + parts->host + ": " + error.message());
    for (const auto& result : found) endpoints.push_back(result.endpoint());
  }
  if (!is_open_) co_return lost(asio::error::operation_aborted);
  auto [error, endpoint] = co_await asio::async_connect(stream_.next_layer(), endpoints, with_error);
  if (error || !is_open_) co_return make_error(ErrorCode::io, "cannot reach " + address + ": " + lost(error).context);
  co_return Status();
}

Awaited<Result<CertName>> PeerConnection::shake_hands(TlsSide side) {
  set_options(stream_.next_layer());
  const auto role = side == TlsSide::dials ? asio::ssl::stream_base::client : asio::ssl::stream_base::server;
  auto [fault] = co_await stream_.async_handshake(role, with_error);
  if (fault || !is_open_) {
    const long verified = SSL_get_verify_result(stream_.native_handle());
    if (verified != X509_V_OK) {
      co_return make_error(ErrorCode::permission,
                           std::string("its certificate: ") + X509_verify_cert_error_string(verified));
    }
    co_return make_error(ErrorCode::permission, "no TLS handshake: " + lost(fault).context);
  }
  const X509Handle certificate(SSL_get1_peer_certificate(stream_.native_handle()));
  if (!certificate) co_return make_error(ErrorCode::permission, "it has shown no certificate");
  Result<CertInfo> info = cert_info_of(*certificate);
  if (!info) co_return make_error(ErrorCode::permission, info.error().context);
  end_ = std::min<std::chrono::system_clock::time_point>(end_, info->not_after);
  co_return std::move(info->name);
}

Awaited<Result<Frame>> PeerConnection::read() {
  while (true) {
    Result<std::optional<Frame>> next = reader_.next();
    if (!next) co_return next.error();
    if (next->has_value()) co_return **next;
    const std::span<char> room = reader_.room();
    auto [fault, bytes] = co_await stream_.async_read_some(asio::buffer(room.data(), room.size()), with_error);
    if (fault || !is_open_) co_return lost(fault);
    reader_.filled(bytes);
  }
}

Awaited<Status> PeerConnection::write(std::string bytes) {
  auto [fault, count] = co_await asio::async_write(stream_, asio::buffer(bytes), with_error);
  if (fault || !is_open_) co_return lost(fault);
  co_return Status();
}

}  // namespace sluice::io
