// SPDX-License-Identifier: Apache-2.0
#include "port_interrupts.h"

#include <rte_ethdev.h>
#include <rte_interrupts.h>
#include <sys/epoll.h>

#include <array>

namespace sluice {
PortInterrupts::~PortInterrupts() {
  disarm();
}

bool PortInterrupts::arm(const std::vector<Queue>& queues, const std::vector<int>& descriptors) {
  for (const Queue& queue : queues) {
    if (rte_eth_dev_rx_intr_ctl_q(queue.first, queue.second, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_ADD, nullptr) != 0) {
      disarm();
      return false;
    }
    queues_.push_back(queue);
  }
  for (const int descriptor : descriptors) {
    rte_epoll_event& event = events_.emplace_back();
    event.epdata.event = EPOLLIN;
    rte_epoll_ctl(RTE_EPOLL_PER_THREAD, EPOLL_CTL_ADD, descriptor, &event);
    event.fd = descriptor;
  }
  is_armed_ = !queues_.empty();
  return is_armed_;
}

void PortInterrupts::disarm() {
  for (const Queue& queue : queues_)
    rte_eth_dev_rx_intr_ctl_q(queue.first, queue.second, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_DEL, nullptr);
  for (rte_epoll_event& event : events_) rte_epoll_ctl(RTE_EPOLL_PER_THREAD, EPOLL_CTL_DEL, event.fd, &event);
  events_.clear();
  queues_.clear();
  is_armed_ = false;
}

bool PortInterrupts::wait(std::chrono::milliseconds limit) {
  if (!is_armed_) return false;
  for (const Queue& queue : queues_) rte_eth_dev_rx_intr_enable(queue.first, queue.second);
  std::array<rte_epoll_event, 8> events;
  const int count = rte_epoll_wait_interruptible(RTE_EPOLL_PER_THREAD, events.data(), static_cast<int>(events.size()),
                                                 static_cast<int>(limit.count()));
  for (const Queue& queue : queues_) rte_eth_dev_rx_intr_disable(queue.first, queue.second);
  return count != 0;  // a signal, too: net_tap says by one that frames have come
}

}  // namespace sluice
