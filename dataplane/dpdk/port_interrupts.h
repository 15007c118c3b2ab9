// SPDX-License-Identifier: Apache-2.0
// Sleeping until a frame comes, for ports whose driver can say so (cards on vfio-pci, net_tap, virtio). One polling
// thread's own; made, used and gone on that thread.
#pragma once

#include <rte_epoll.h>

#include <chrono>
#include <cstdint>
#include <list>
#include <utility>
#include <vector>

namespace sluice {

class PortInterrupts {
 public:
  using Queue = std::pair<std::uint16_t, std::uint16_t>;  // port and receive queue

  PortInterrupts() = default;
  PortInterrupts(const PortInterrupts&) = delete;
  PortInterrupts& operator=(const PortInterrupts&) = delete;
  ~PortInterrupts();

  // From here on wait() ends early for frames of these queues and for these descriptors. False, and nothing is armed,
  // if one of the queues cannot.
  bool arm(const std::vector<Queue>& queues, const std::vector<int>& descriptors);
  // True: something has come. A frame that came just before the call may not count.
  bool wait(std::chrono::milliseconds limit);

 private:
  void disarm();

  std::vector<Queue> queues_;
  std::list<rte_epoll_event> events_;  // EAL keeps pointers to them
  bool is_armed_ = false;
};

}  // namespace sluice
