// SPDX-License-Identifier: Apache-2.0
// The host's own way to the network of a port that DPDK has: a tap interface with the port's addresses. What is for no
// VIP goes up through it, and what the kernel sends on it leaves by the port, so ssh, ARP, ND and BGP stay on the same
// cable.
//
// Our own rather than the net_tap driver's: this one is there, with its addresses and routes, before and after us; a
// worker reads and writes its queue without a signal per frame; and the kernel is offered no checksum or segmentation
// offload, so each frame that comes down is complete.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "error.h"
#include "network_view.h"
#include "unique_fd.h"

namespace sluice {

class KernelInterface {
 public:
  struct Options {
    std::string name;
    MacAddress mac{};
    std::uint16_t mtu = 1500;
    std::uint16_t queues = 1;
  };
  // Made, or taken over from an earlier process; up when this returns.
  static Result<KernelInterface> open(const Options& options);

  // One frame per read() or write(), never waiting.
  [[nodiscard]] int queue_fd(std::uint16_t queue) const { return queues_.at(queue).get(); }
  [[nodiscard]] const std::string& name() const { return name_; }

  // From now on it outlives the process. Before that, one that was made here goes with its descriptors.
  Status keep();
  // It goes, with its addresses, when its descriptors are closed.
  void let_go();

 private:
  explicit KernelInterface(std::string name) : name_(std::move(name)) {}
  Status open_queue();
  Status set_up(const Options& options);
  Status set_mac(int socket, const MacAddress& mac);

  std::string name_;
  std::vector<UniqueFd> queues_;
};

// Removes what an ended process has left. False: there is none of this name. Never an interface of another kind.
Result<bool> remove_kernel_interface(const std::string& name);

}  // namespace sluice
