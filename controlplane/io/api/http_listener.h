// SPDX-License-Identifier: Apache-2.0
// What the connections of one listener share. Internal to controlplane/io/api.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "connection_table.h"
#include "http_server.h"

namespace sluice::io {

// A connection as the listener sees it: something that can be closed.
class Closable {
 public:
  Closable() = default;
  Closable(const Closable&) = delete;
  Closable& operator=(const Closable&) = delete;
  virtual ~Closable() = default;
  virtual void close() = 0;
};

class HttpServer::Listener {
 public:
  Listener(api::ApiHandler& asked, const HttpLimits& allowed)
      : handler(asked), limits(allowed), table(allowed.connections, allowed.strangers) {}
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  virtual ~Listener() = default;
  // Closes the acceptor and every connection.
  virtual void stop() = 0;

  // 0: no place. May close another connection for this one.
  api::ConnectionId enter(const std::shared_ptr<Closable>& connection) {
    const auto admission = table.admit();
    if (admission.evict) {
      const auto found = connections.find(*admission.evict);
      const std::shared_ptr<Closable> evicted = found == connections.end() ? nullptr : found->second.lock();
      if (evicted) evicted->close();
    }
    if (admission.id != 0) connections.emplace(admission.id, connection);
    return admission.id;
  }
  void leave(api::ConnectionId id) {
    table.left(id);
    connections.erase(id);
  }
  void close_connections() {
    // A copy: close() may lead to leave().
    const auto all = connections;
    for (const auto& [id, weak] : all) {
      if (const std::shared_ptr<Closable> connection = weak.lock()) connection->close();
    }
  }

  api::ApiHandler& handler;
  const HttpLimits limits;
  api::ConnectionTable table;
  std::unordered_map<api::ConnectionId, std::weak_ptr<Closable>> connections;
  std::uint64_t bodies_bytes = 0;  // reserved for bodies that are being read or handled
  std::size_t followers = 0;
};

}  // namespace sluice::io
