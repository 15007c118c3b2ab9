// SPDX-License-Identifier: Apache-2.0
// Who may stay connected to a listener. A client is a stranger until it has sent a whole request head (and, on TLS,
// shown its certificate); strangers may take half of the places, and the newest is always let in: the stranger that has
// been silent longest goes. So any number of half-requests leaves the other half free, and a client that sends its
// request at once is served among them. Pure; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>

namespace sluice::api {

using ConnectionId = std::uint64_t;

class ConnectionTable {
 public:
  // `strangers_max` < `connections_max`, both at least 1.
  ConnectionTable(std::size_t connections_max, std::size_t strangers_max);

  struct Admission {
    ConnectionId id = 0;                // 0: refused, every place is busy with a request
    std::optional<ConnectionId> evict;  // this one has to go for it
  };
  [[nodiscard]] Admission admit();
  // A whole request head is there.
  void became_busy(ConnectionId id);
  // Answered; waits for the next request, and may be evicted for somebody else.
  void became_idle(ConnectionId id);
  void left(ConnectionId id);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] std::size_t strangers() const { return strangers_.size(); }

 private:
  using Order = std::list<ConnectionId>;  // the longest there first
  struct Entry {
    Order* order;
    Order::iterator place;
  };
  void move_to(ConnectionId id, Order& order);

  std::size_t connections_max_;
  std::size_t strangers_max_;
  ConnectionId last_ = 0;
  Order strangers_;
  Order idle_;
  Order busy_;
  std::unordered_map<ConnectionId, Entry> entries_;
};

}  // namespace sluice::api
