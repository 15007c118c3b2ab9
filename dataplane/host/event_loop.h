// SPDX-License-Identifier: Apache-2.0
// One thread, file descriptors and call-backs. Whoever has deadlines passes the nearest one to run_once.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "error.h"
#include "unique_fd.h"

namespace sluice {

class EventLoop {
 public:
  using Callback = std::function<void(std::uint32_t events)>;  // EPOLLIN, EPOLLOUT, ...

  static Result<EventLoop> create();

  Status watch(int fd, std::uint32_t events, Callback callback);
  void change(int fd, std::uint32_t events);
  // Before the descriptor is closed. Safe from within any call-back.
  void forget(int fd);

  // Waits until something happens or the time is over, and calls back. Negative: no limit.
  Status run_once(std::chrono::milliseconds timeout);

 private:
  explicit EventLoop(UniqueFd epoll) : epoll_(std::move(epoll)) {}

  UniqueFd epoll_;
  std::map<int, std::shared_ptr<Callback>> callbacks_;
};

}  // namespace sluice
