// SPDX-License-Identifier: Apache-2.0
// One connection between two balancers, from either end: TLS, frames, and a watchdog that closes it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "cert_issue.h"
#include "peer_frame.h"
#include "peer_tls.h"

namespace sluice::io {

template <typename T>
using Awaited = boost::asio::awaitable<T>;

enum class TlsSide : std::uint8_t { dials, accepts };

// Only by std::make_shared: the watchdog must notice when it has gone.
class PeerConnection : public std::enable_shared_from_this<PeerConnection> {
 public:
  using Socket = boost::asio::ip::tcp::socket;

  PeerConnection(Socket socket, std::shared_ptr<PeerTls> tls);

  // Closes it `limit` from now, unless this is called again before.
  void allow(std::chrono::milliseconds limit);
  void close();
  [[nodiscard]] bool is_open() const { return is_open_; }
  // Closed by the watchdog.
  [[nodiscard]] bool is_late() const { return is_late_; }
  // One of the two certificates has ended since the handshake.
  [[nodiscard]] bool has_outlived_its_certificates() const;

  // host:port, [v6]:port
  [[nodiscard]] Awaited<Status> connect(std::string address);
  // The other's certificate, of our authority, with its name in it.
  [[nodiscard]] Awaited<Result<CertName>> shake_hands(TlsSide side);
  // Good until the next call. invalid_argument: what came is no frame.
  [[nodiscard]] Awaited<Result<Frame>> read();
  [[nodiscard]] Awaited<Status> write(std::string bytes);
  void set_frame_bytes_max(std::size_t bytes) { reader_.set_bytes_max(bytes); }

 private:
  [[nodiscard]] Error lost(const boost::system::error_code& fault) const;

  std::shared_ptr<PeerTls> tls_;
  boost::asio::ssl::stream<Socket> stream_;
  boost::asio::steady_timer watchdog_;
  FrameReader reader_{hello_bytes_max};
  std::chrono::system_clock::time_point end_;
  bool is_open_ = true;
  bool is_late_ = false;
};

// "host:port" and "[v6]:port" in two.
struct HostAndPort {
  std::string host;
  std::string port;
};
[[nodiscard]] Result<HostAndPort> split_address(const std::string& address);

}  // namespace sluice::io
