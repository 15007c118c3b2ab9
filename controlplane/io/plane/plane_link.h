// SPDX-License-Identifier: Apache-2.0
// The plane on this host, over its control socket (docs/control-socket.md): kept in touch with, told what to forward
// by. Everything on the io_context's one thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "error.h"
#include "forwarding_state.h"

namespace sluice::io {

class PlaneLink {
 public:
  struct Callbacks {
    // As its status says: what it forwards by, 0 = nothing yet.
    std::function<void(std::string kind, std::uint64_t generation, StatePhase phase)> connected;
    // Or not found: once for each reason.
    std::function<void(const std::string& why)> lost;
    std::function<void()> published;
    std::function<void(const std::string& why)> refused;
  };

  // `context` must outlive it.
  PlaneLink(boost::asio::io_context& context, std::string path, Callbacks callbacks);
  PlaneLink(const PlaneLink&) = delete;
  PlaneLink& operator=(const PlaneLink&) = delete;
  ~PlaneLink();

  void start();
  // While connected. Answered by published(), refused() or lost(). One at a time.
  void publish(std::shared_ptr<const ForwardingState> state);
  // Told as soon as may be, and again after every reconnection. Before either is called the plane is told neither.
  void fence();
  // Once a time has been told, a later one may wait for a quarter of what is left: a lease is renewed with every
  // report.
  void unfence_until(std::chrono::steady_clock::time_point lease_end);

  // One request line by a connection of its own, for questions of operators. The answer: the whole line.
  void ask(std::string line, std::function<void(Result<std::string>)> done);

 private:
  struct Life;  // what a coroutine may still look at when the client has gone

  boost::asio::io_context& context_;
  std::shared_ptr<Life> life_;
};

}  // namespace sluice::io
