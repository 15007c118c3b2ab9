// SPDX-License-Identifier: Apache-2.0
// The API's HTTP/1.1 server: unix socket with peer credentials, TCP with mutual TLS. Everything on the io_context's one
// thread, in coroutines. Size, time and number of whatever a client can send are bounded (HttpLimits).
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "api_handler.h"
#include "error.h"
#include "identity.h"

namespace sluice::io {

struct HttpLimits {
  std::uint32_t header_bytes = 16 << 10;
  std::uint64_t body_bytes = 8 << 20;
  // Bodies that are being read at one time, over all connections: what bounds the memory that clients can take.
  std::uint64_t bodies_bytes = 64 << 20;
  std::chrono::milliseconds header_deadline = std::chrono::seconds(5);  // from the connection, TLS included
  std::chrono::milliseconds request_deadline = std::chrono::seconds(30);
  std::chrono::milliseconds idle = std::chrono::seconds(60);  // between requests
  std::size_t connections = 256;                              // per listener
  std::size_t strangers = 128;                                // of them (connection_table.h)
  std::size_t followers = 64;                                 // streams of events, per listener
  std::size_t events_waiting = 1024;                          // a follower this far behind is let go
};

struct UnixListener {
  std::string path;
  std::uint32_t mode = 0660;
  // -1: stays with the group of the process.
  std::int64_t gid = -1;
  api::UnixPolicy policy;
};

struct TlsListener {
  std::string address;  // "0.0.0.0", "::"
  std::uint16_t port = 0;
  std::string cluster_id;  // whose certificates count
};

class HttpServer {
 public:
  // All must outlive the server.
  HttpServer(boost::asio::io_context& context, api::ApiHandler& handler, HttpLimits limits = {});
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  // As stop().
  ~HttpServer();

  // Makes the socket and the directory it is in. Replaces a socket nobody listens on any more; conflict if somebody
  // does.
  [[nodiscard]] Status listen_unix(const UnixListener& listener);
  // The port it listens on. `tls` demands and verifies the client's certificate (tls_files.h).
  [[nodiscard]] Result<std::uint16_t> listen_tls(const TlsListener& listener,
                                                 std::shared_ptr<boost::asio::ssl::context> tls);
  // Closes listeners and connections, and removes the socket's file. The io_context must run on for the coroutines to
  // end.
  void stop();

  class Listener;

 private:
  boost::asio::io_context& context_;
  api::ApiHandler& handler_;
  HttpLimits limits_;
  std::vector<std::shared_ptr<Listener>> listeners_;
  std::string unix_path_;
};

}  // namespace sluice::io
