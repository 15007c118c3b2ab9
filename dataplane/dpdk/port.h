// SPDX-License-Identifier: Apache-2.0
// One ethdev port, physical or virtual, from the text that names it.
//
// Nothing that the packet path needs is left to the port: checksums of outer headers are computed in software, so a
// frame has the same bytes on every port.
#pragma once

#include <cstdint>
#include <string>

#include "error.h"
#include "network_view.h"

struct rte_mempool;

namespace sluice {

struct PortOptions {
  std::string device;  // a PCI address, or a virtual device with its arguments: net_af_packet0,iface=eth0
  std::uint16_t rx_queues = 1;
  std::uint16_t tx_queues = 1;
  std::uint16_t mtu = 1500;
  bool interrupts = false;  // ask for receive interrupts, where the driver has them (port_interrupts.h)
};

// The value of one argument of a virtual device; empty if there is none.
[[nodiscard]] std::string device_argument(const std::string& device, const std::string& key);
// Packet buffers that the queues of such a port may hold at one time.
[[nodiscard]] std::uint32_t buffers_held(const PortOptions& options);

class Port {
 public:
  // Finds or makes the device, and sets it up with queues that take their buffers from `pool`. Not started yet.
  static Result<Port> open(const PortOptions& options, rte_mempool* pool);
  Port(Port&& other) noexcept;
  Port& operator=(Port&&) = delete;
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  // Stopped and closed; an interface of the kernel is as it was before.
  ~Port();

  Status start();
  // Group addresses too, by whatever of it the port can. After start().
  void take_multicast();

  [[nodiscard]] std::uint16_t id() const { return id_; }
  [[nodiscard]] const std::string& device() const { return options_.device; }
  [[nodiscard]] std::uint16_t rx_queues() const { return options_.rx_queues; }
  [[nodiscard]] MacAddress mac() const;
  // "net_af_packet", "net_mlx5"
  [[nodiscard]] const std::string& driver() const { return driver_; }

 private:
  Port(PortOptions options, std::uint16_t id) : options_(std::move(options)), id_(id) {}
  Status configure();
  Status set_mtu();
  Status set_up_queues(rte_mempool* pool);

  PortOptions options_;
  std::uint16_t id_;
  bool is_owner_ = true;
  bool is_promiscuous_ = false;
  std::string driver_;
};

}  // namespace sluice
