// SPDX-License-Identifier: Apache-2.0
#include "event_loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

#include "errno_error.h"

namespace sluice {

Result<EventLoop> EventLoop::create() {
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.is_open()) return errno_error("epoll_create1", errno);
  return EventLoop(std::move(epoll));
}

Status EventLoop::watch(int fd, std::uint32_t events, Callback callback) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return errno_error("epoll_ctl", errno);
  callbacks_[fd] = std::make_shared<Callback>(std::move(callback));
  return {};
}

void EventLoop::change(int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  SLUICE_INVARIANT(epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0);
}

void EventLoop::forget(int fd) {
  if (callbacks_.erase(fd) != 0) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

Status EventLoop::run_once(std::chrono::milliseconds timeout) {
  std::array<epoll_event, 64> events{};
  const auto limit = std::clamp<std::chrono::milliseconds::rep>(timeout.count(), -1, std::numeric_limits<int>::max());
  const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), static_cast<int>(limit));
  if (count < 0) {
    if (errno == EINTR) return {};
    return errno_error("epoll_wait", errno);
  }
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    // An earlier call-back of this round may have forgotten it; a copy keeps the running one alive meanwhile.
    const auto found = callbacks_.find(event.data.fd);
    if (found == callbacks_.end()) continue;
    const std::shared_ptr<Callback> callback = found->second;
    (*callback)(event.events);
  }
  return {};
}

}  // namespace sluice
