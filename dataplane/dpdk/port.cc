// SPDX-License-Identifier: Apache-2.0
#include "port.h"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <utility>

#include "config.h"
#include "eal_log.h"

namespace sluice {
namespace {

// Deep enough to ride out a worker that sleeps for 100 us at 5 million packets a second, and small enough that a few
// queues' rings stay in the second-level cache.
constexpr std::uint16_t descriptors_wanted = 1024;
// The AF_XDP driver fills the kernel's own ring too, whose size it does not let choose.
constexpr std::uint32_t af_xdp_fill_buffers = 2048;
// A spread over queues by addresses and ports; what the port does not support of it is left out.
constexpr std::uint64_t rss_wanted = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP;

Error port_error(ErrorCode code, const std::string& device, const std::string& text) {
  return make_error(code, "port " + std::string(device_name(device)) + ": " + text);
}

std::string known_ports() {
  std::string names;
  for (std::uint16_t id = 0; id < RTE_MAX_ETHPORTS; ++id) {
    char name[RTE_ETH_NAME_MAX_LEN];
    if (rte_eth_dev_get_name_by_port(id, name) == 0) names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return names.empty() ? "none" : names;
}

Error probe_error(const std::string& device, int number) {
  const std::string said = take_eal_log();
  const std::string why = said.empty() ? std::string(rte_strerror(-number)) : said;
  if (is_pci_address(device_name(device)))
    return port_error(ErrorCode::not_found, device,
                      "no DPDK driver has taken this PCI device (" + why + "); ports there are: " + known_ports() +
                          "; bind it to vfio-pci (dpdk-devbind.py --status shows what has it now)");
  if (why.find("failed to parse device") != std::string::npos)
    return port_error(
        ErrorCode::not_found, device,
        "there is no driver of this name; net_af_packet0, net_af_xdp0, net_tap0, net_pcap0 are devices of "
        "some that there are");
  const std::string interface = device_argument(device, "iface");
  return port_error(ErrorCode::not_found, device,
                    "the device cannot be made (" + why + "); " +
                        (interface.empty() ? "see the driver's arguments in the DPDK guide"
                                           : "is there an interface " + interface + " (ip link), and is this root?"));
}

Result<std::uint16_t> find_or_make(const std::string& device) {
  const std::string name(device_name(device));
  std::uint16_t id = 0;
  if (rte_eth_dev_get_port_by_name(name.c_str(), &id) == 0) return id;
  take_eal_log();
  if (const int failed = rte_dev_probe(device.c_str()); failed != 0) return probe_error(device, failed);
  if (rte_eth_dev_get_port_by_name(name.c_str(), &id) == 0) return id;
  return probe_error(device, -ENODEV);
}

// How a virtual device is told to have more queues.
std::string queues_remedy(const std::string& device) {
  if (device.starts_with("net_af_packet")) return "add qpairs=N to the device";
  if (device.starts_with("net_af_xdp"))
    return "add queue_count=N to the device (the interface needs as many combined channels: ethtool -L)";
  if (device.starts_with("net_virtio_user") || device.starts_with("net_vhost")) return "add queues=N to the device";
  return "lower queues";
}

}  // namespace

std::string device_argument(const std::string& device, const std::string& key) {
  std::size_t at = device.find(',');
  while (at != std::string::npos) {
    const std::size_t next = device.find(',', at + 1);
    const std::string argument = device.substr(at + 1, next == std::string::npos ? next : next - at - 1);
    if (argument.starts_with(key + "=")) return argument.substr(key.size() + 1);
    at = next;
  }
  return {};
}

std::uint32_t buffers_held(const PortOptions& options) {
  const std::uint32_t more = options.device.starts_with("net_af_xdp") ? af_xdp_fill_buffers : 0;
  return options.rx_queues * (descriptors_wanted + more) + options.tx_queues * std::uint32_t{descriptors_wanted};
}

Result<Port> Port::open(const PortOptions& options, rte_mempool* pool) {
  const Result<std::uint16_t> id = find_or_make(options.device);
  if (!id) return id.error();
  Port port(options, *id);
  if (Status done = port.configure(); !done) return done.error();
  if (Status done = port.set_mtu(); !done) return done.error();
  if (Status done = port.set_up_queues(pool); !done) return done.error();
  return port;
}

Port::Port(Port&& other) noexcept
    : options_(std::move(other.options_)),
      id_(other.id_),
      is_owner_(std::exchange(other.is_owner_, false)),
      is_promiscuous_(other.is_promiscuous_),
      driver_(std::move(other.driver_)) {}

Port::~Port() {
  if (!is_owner_) return;
  if (is_promiscuous_) rte_eth_promiscuous_disable(id_);
  rte_eth_dev_stop(id_);
  rte_eth_dev_close(id_);
}

Status Port::configure() {
  rte_eth_dev_info info{};
  if (const int failed = rte_eth_dev_info_get(id_, &info); failed != 0)
    return port_error(ErrorCode::io, options_.device, std::string("says nothing of itself: ") + rte_strerror(-failed));
  driver_ = info.driver_name;
  if (options_.rx_queues > info.max_rx_queues || options_.tx_queues > info.max_tx_queues)
    return port_error(ErrorCode::invalid_argument, options_.device,
                      "too few queues: it has " + std::to_string(info.max_rx_queues) + " to receive and " +
                          std::to_string(info.max_tx_queues) + " to send; needed are " +
                          std::to_string(options_.rx_queues) + " to receive and " + std::to_string(options_.tx_queues) +
                          " to send, one per worker; " + queues_remedy(options_.device) + ", or lower workers");
  rte_eth_conf conf{};
  const std::uint64_t rss = rss_wanted & info.flow_type_rss_offloads;
  if (options_.rx_queues > 1 && rss != 0) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf.rss_hf = rss;
  }
  conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
  conf.intr_conf.rxq = options_.interrupts ? 1 : 0;
  take_eal_log();
  int failed = rte_eth_dev_configure(id_, options_.rx_queues, options_.tx_queues, &conf);
  if (failed != 0 && options_.interrupts) {
    conf.intr_conf.rxq = 0;
    failed = rte_eth_dev_configure(id_, options_.rx_queues, options_.tx_queues, &conf);
  }
  if (failed != 0)
    return port_error(ErrorCode::unsupported, options_.device, "cannot be configured: " + eal_reason(-failed));
  return {};
}

Status Port::set_mtu() {
  std::uint16_t present = 0;
  if (rte_eth_dev_get_mtu(id_, &present) == 0 && present == options_.mtu) return {};
  rte_eth_dev_info info{};
  rte_eth_dev_info_get(id_, &info);
  const int failed = rte_eth_dev_set_mtu(id_, options_.mtu);
  // Ports that are only memory know no MTU and carry any frame.
  if (failed == 0 || failed == -ENOTSUP) return {};
  // Drivers contradict themselves: the frame's length bounds the MTU too.
  const std::uint32_t largest =
      std::min<std::uint32_t>(info.max_mtu, info.max_rx_pktlen - RTE_ETHER_HDR_LEN - RTE_ETHER_CRC_LEN);
  return port_error(ErrorCode::unsupported, options_.device,
                    "does not take an MTU of " + std::to_string(options_.mtu) + " (" + eal_reason(-failed) +
                        "); it can do " + std::to_string(info.min_mtu) + " to " + std::to_string(largest) +
                        "; change mtu of this port" +
                        (options_.device.starts_with("net_af_packet") ? ", or use net_af_xdp" : ""));
}

Status Port::set_up_queues(rte_mempool* pool) {
  std::uint16_t rx = descriptors_wanted;
  std::uint16_t tx = descriptors_wanted;
  rte_eth_dev_adjust_nb_rx_tx_desc(id_, &rx, &tx);
  const auto socket = static_cast<unsigned>(rte_eth_dev_socket_id(id_));
  const auto failed_with = [&](int number, const char* what) {
    return port_error(number == ENOMEM ? ErrorCode::out_of_capacity : ErrorCode::io, options_.device,
                      std::string("cannot set up its ") + what + " queues: " + eal_reason(number) +
                          "; more packet_buffers or memory may help");
  };
  take_eal_log();
  for (std::uint16_t queue = 0; queue < options_.rx_queues; ++queue) {
    if (const int failed = rte_eth_rx_queue_setup(id_, queue, rx, socket, nullptr, pool); failed != 0)
      return failed_with(-failed, "receive");
  }
  for (std::uint16_t queue = 0; queue < options_.tx_queues; ++queue) {
    if (const int failed = rte_eth_tx_queue_setup(id_, queue, tx, socket, nullptr); failed != 0)
      return failed_with(-failed, "send");
  }
  return {};
}

Status Port::start() {
  take_eal_log();
  if (const int failed = rte_eth_dev_start(id_); failed != 0)
    return port_error(ErrorCode::io, options_.device, "does not start: " + eal_reason(-failed));
  return {};
}

void Port::take_multicast() {
  if (rte_eth_allmulticast_enable(id_) != 0) is_promiscuous_ = rte_eth_promiscuous_enable(id_) == 0;
}

MacAddress Port::mac() const {
  rte_ether_addr address{};
  rte_eth_macaddr_get(id_, &address);
  MacAddress mac{};
  std::copy(std::begin(address.addr_bytes), std::end(address.addr_bytes), mac.begin());
  return mac;
}

}  // namespace sluice
