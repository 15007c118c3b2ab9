// SPDX-License-Identifier: Apache-2.0
#include "dpdk_forwarding.h"

#include <fmt/format.h>
#include <net/if.h>
#include <rte_cycles.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "image_carry.h"
#include "process_lock.h"
#include "realtime.h"

namespace sluice {
namespace {

// A worker's cache in the pool (half as much again before it gives back), a burst under way, a send buffer per port.
constexpr std::uint32_t buffers_per_worker = 512;

Status check_config(const Config& config) {
  if (config.plane.dpdk) return {};
  return make_error(
      ErrorCode::invalid_argument,
      "plane: [plane.dpdk] is missing; sluice-dpdk needs at least one port; write [plane.dpdk] and ports = "
      "[ { device = \"net_af_packet0,iface=eth0\" } ] (examples/dpdk.toml)");
}

// One more than there are workers: what earlier, smaller images had counted (image_carry.h).
std::uint32_t image_workers(const DpdkConfig& config) {
  return config.workers + 1u;
}

Result<MemoryKind> choose_memory(PacketMemory wanted, std::uint64_t bytes, const Log& log) {
  if (wanted == PacketMemory::ordinary) return MemoryKind::ordinary;
  const std::uint64_t pages = huge_pages_for(bytes + eal_spare_bytes);
  const std::uint64_t free = free_huge_pages();
  if (free >= pages) return MemoryKind::huge;
  const std::string lack = fmt::format("{} huge pages of 2 MiB are free, {} are needed", free, pages);
  const std::string remedy = fmt::format("echo {} > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", pages);
  if (wanted == PacketMemory::huge)
    return make_error(ErrorCode::out_of_capacity,
                      fmt::format("too few huge pages: {}; {}, or memory = \"ordinary\"", lack, remedy));
  log(fmt::format("memory: ordinary pages; {} ({})", lack, remedy));
  return MemoryKind::ordinary;
}

}  // namespace

const PlaneKind dpdk_plane = {
    .name = "dpdk",
    .title = "The DPDK plane of Sluice: balances packets by one configuration file, in the foreground.",
    .end_help = "SIGTERM and SIGINT end the process, and forwarding with it; kernel interfaces stay.",
    .detach_help = "end a running process and remove the kernel interfaces",
    .restart_note = "it does not forward for less than a second",
    .end_note = "it forwards no longer; kernel interfaces stay, with their addresses",
    .detach_note = "removes them",
    .settle_at_start = std::chrono::milliseconds(300),
    .check = check_config,
    .open = DpdkForwarding::open,
    .detach_left = DpdkForwarding::detach_left,
};

Result<std::unique_ptr<Forwarding>> DpdkForwarding::open(const Config& config, const ForwardingModel& model,
                                                         const Log& log) {
  Result<UniqueFd> lock = lock_process(config.plane.control_socket);
  if (!lock) return lock.error();
  std::unique_ptr<DpdkForwarding> forwarding(new DpdkForwarding(*config.plane.dpdk, log, std::move(*lock)));
  if (Status possible = forwarding->check_mtu(model); !possible) return possible.error();
  if (Status done = forwarding->plan(); !done) return done.error();
  if (Status done = forwarding->start_eal(); !done) return done.error();
  if (Status done = forwarding->open_ports(); !done) return done.error();
  if (Status done = forwarding->start_ports(); !done) return done.error();
  if (Status done = forwarding->start_workers(); !done) return done.error();
  forwarding->log_ports();
  return std::unique_ptr<Forwarding>(std::move(forwarding));
}

DpdkForwarding::DpdkForwarding(const DpdkConfig& config, Log log, UniqueFd lock)
    : config_(config), log_(std::move(log)), lock_(std::move(lock)), epochs_(image_workers(config)) {
  for (const DpdkPortConfig& port : config_.ports) mtu_max_ = std::max(mtu_max_, port.mtu);
}

DpdkForwarding::~DpdkForwarding() {
  workers_.stop();
}

// What can be refused before anything has been touched.
Status DpdkForwarding::plan() {
  Result<CpuPlan> cpus = plan_cpus(config_, allowed_cpus());
  if (!cpus) return cpus.error();
  cpus_ = std::move(*cpus);
  return check_buffers();
}

Status DpdkForwarding::start_eal() {
  if (cpus_.is_shared)
    log_("warning: every CPU is a worker's; control requests and the host's other programs share them");
  EalOptions options;
  options.memory_bytes = packet_pool_bytes(config_.packet_buffers, mtu_max_);
  const Result<MemoryKind> memory = choose_memory(config_.memory, options.memory_bytes, log_);
  if (!memory) return memory.error();
  options.memory = memory_ = *memory;
  options.control_cpus = cpus_.control;
  options.worker_cpus = cpus_.workers;
  for (const DpdkPortConfig& port : config_.ports) {
    if (is_pci_address(device_name(port.device))) options.pci_devices.push_back(port.device);
  }
  Result<Eal> eal = Eal::start(options);
  if (!eal) return eal.error();
  eal_.emplace(std::move(*eal));
  clock_.emplace(rte_get_tsc_hz());
  return {};
}

Status DpdkForwarding::open_ports() {
  Result<PacketPool> pool = make_packet_pool(config_.packet_buffers, mtu_max_);
  if (!pool) return pool.error();
  pool_ = std::move(*pool);
  for (const DpdkPortConfig& config : config_.ports) {
    Result<Port> port = Port::open(port_options(config), pool_.get());
    if (!port) return port.error();
    ports_.push_back(std::move(*port));
  }
  return {};
}

PortOptions DpdkForwarding::port_options(const DpdkPortConfig& config) const {
  PortOptions options;
  options.device = config.device;
  options.rx_queues = config.queues != 0 ? config.queues : config_.workers;
  options.tx_queues = config_.workers;
  options.mtu = config.mtu;
  options.interrupts = config_.idle == IdleMode::adaptive;
  return options;
}

// A pool that runs dry in the middle of the day is a port that goes deaf.
Status DpdkForwarding::check_buffers() const {
  std::uint32_t needed = buffers_per_worker * config_.workers;
  for (const DpdkPortConfig& port : config_.ports) needed += buffers_held(port_options(port));
  if (needed <= config_.packet_buffers) return {};
  return make_error(
      ErrorCode::out_of_capacity,
      fmt::format("packet_buffers = {} is too few: the queues of the ports and the workers hold up to {}; "
                  "write packet_buffers = {}",
                  config_.packet_buffers, needed, needed));
}

Status DpdkForwarding::open_kernel_interface(const DpdkPortConfig& config, const Port& port) {
  kernel_interfaces_.emplace_back();
  if (!config.kernel_interface) return {};
  Result<KernelInterface> made =
      KernelInterface::open({*config.kernel_interface, port.mac(), config.mtu, config_.workers});
  if (!made) return made.error();
  kernel_interfaces_.back().emplace(std::move(*made));
  return {};
}

Status DpdkForwarding::start_ports() {
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    if (Status done = open_kernel_interface(config_.ports[i], ports_[i]); !done) return done;
    if (Status done = ports_[i].start(); !done) return done;
    // ND and routing protocols talk to groups that the port cannot know of.
    if (kernel_interfaces_[i]) ports_[i].take_multicast();
  }
  return {};
}

WorkerOptions DpdkForwarding::worker_options(std::uint16_t number, const std::vector<QueuePlace>& queues) const {
  WorkerOptions options;
  options.number = number;
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    WorkerPort port;
    port.port_id = ports_[i].id();
    port.tx_queue = number;
    if (kernel_interfaces_[i]) port.kernel_fd = kernel_interfaces_[i]->queue_fd(number);
    for (const QueuePlace& place : queues) {
      if (place.port == i) port.rx_queues.push_back(place.queue);
    }
    options.ports.push_back(std::move(port));
  }
  options.pool = pool_.get();
  options.tables = &live_tables_;
  options.process = burst_function();
  options.idle = config_.idle;
  options.tsc_hz = rte_get_tsc_hz();
  return options;
}

Status DpdkForwarding::start_workers() {
  Result<std::unique_ptr<Image>> empty = make_image({});
  if (!empty) return empty.error();
  run(std::move(*empty));
  std::vector<std::uint16_t> queues;
  for (const Port& port : ports_) queues.push_back(port.rx_queues());
  const std::vector<std::vector<QueuePlace>> plan = spread_queues(queues, config_.workers);
  std::vector<WorkerOptions> options;
  for (std::uint16_t number = 0; number < config_.workers; ++number) {
    options.push_back(worker_options(number, plan[number]));
    options.back().epochs = &epochs_;
  }
  return workers_.start(options);
}

void DpdkForwarding::log_ports() const {
  log_(fmt::format("{} on CPU {}, packet path {}, {} memory", config_.workers == 1 ? "worker" : "workers",
                   fmt::join(cpus_.workers, ", "), burst_level_text(),
                   memory_ == MemoryKind::huge ? "huge-page" : "ordinary"));
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    const std::string_view name = device_name(ports_[i].device());
    if (kernel_interfaces_[i])
      log_(fmt::format("port {}: {}, the host's own frames by {}", name, to_string(ports_[i].mac()),
                       kernel_interfaces_[i]->name()));
    else if (ports_[i].driver() == "net_af_packet")
      log_(fmt::format("port {}: {}, the host's own frames by {} itself", name, to_string(ports_[i].mac()),
                       interface_of(i)));
    else
      log_(fmt::format(
          "warning: port {} has no kernel_interface: frames that are for no VIP (ARP, ND, ssh, BGP) end here", name));
  }
}

// What the kernel knows the port's network by.
std::string DpdkForwarding::interface_of(std::size_t port) const {
  if (kernel_interfaces_[port]) return kernel_interfaces_[port]->name();
  // Other drivers' iface is the far end of their cable, or no interface at all.
  const std::string& device = ports_[port].device();
  if (!device.starts_with("net_af_packet") && !device.starts_with("net_af_xdp")) return {};
  return device_argument(device, "iface");
}

Result<std::uint32_t> DpdkForwarding::interface_number(std::uint32_t kernel_index) const {
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    const std::string interface = interface_of(i);
    if (interface.empty() || if_nametoindex(interface.c_str()) != kernel_index) continue;
    // With one port "out the way it came" is the same. The source is the kernel's for this interface: the port's own.
    return static_cast<std::uint32_t>(ports_.size() == 1 ? 0 : i + 1);
  }
  char name[IF_NAMESIZE] = "?";
  if_indextoname(kernel_index, name);
  return make_error(
      ErrorCode::not_found,
      fmt::format("the route leads by {}, which is no port of this plane and no port's kernel_interface", name));
}

std::string_view DpdkForwarding::fixed_key_changed(const Config& running, const Config& wanted) const {
  return wanted.plane.dpdk == running.plane.dpdk ? "" : "[plane.dpdk]";
}

// A packet that just fits the pool's mtu has to fit every port that it may leave by.
Status DpdkForwarding::check_mtu(const ForwardingModel& model) const {
  for (const ForwardingPool& pool : model.pools) {
    for (const DpdkPortConfig& port : config_.ports) {
      if (pool.mtu <= port.mtu) continue;
      return make_error(
          ErrorCode::invalid_argument,
          fmt::format("pool \"{}\" sends packets of up to {} bytes with their outer header, but port {} has "
                      "an MTU of {}; raise mtu of the port, or lower mtu of the pool",
                      pool.name, pool.mtu, device_name(port.device), port.mtu));
    }
  }
  return {};
}

Result<std::unique_ptr<DpdkForwarding::Image>> DpdkForwarding::make_image(const ForwardingModel& model) {
  const ImageOptions options{image_workers(config_)};
  Result<DpdkImage> memory = DpdkImage::create(image_sizes_for(model, options), memory_);
  if (!memory) return memory.error();
  auto image = std::make_unique<Image>(std::move(*memory));
  if (live_ && live_->writer->generation().value() != 0)
    continue_numbering(image->memory.tables(), live_->writer->generation());
  image->writer = std::make_unique<ImageWriter>(image->memory.tables(), options, [this] { epochs_.wait(); });
  return image;
}

// When this returns, no worker looks at what ran before.
void DpdkForwarding::run(std::unique_ptr<Image> image) {
  live_tables_.store(&image->memory.tables(), std::memory_order_release);
  epochs_.wait();
  live_.swap(image);
}

Result<PublishReport> DpdkForwarding::start(const ForwardingModel& model, const ImageWriter::NextHopOf& next_hop_of,
                                            const Config&) {
  Result<std::unique_ptr<Image>> image = make_image(model);
  if (!image) return image.error();
  Result<PublishReport> report = (*image)->writer->publish(model, next_hop_of, now_realtime_ns());
  if (!report) return report;
  if (Status kept = keep_kernel_interfaces(); !kept) return kept.error();
  run(std::move(*image));
  return report;
}

Status DpdkForwarding::keep_kernel_interfaces() {
  for (std::optional<KernelInterface>& one : kernel_interfaces_) {
    if (!one) continue;
    if (Status kept = one->keep(); !kept) return kept;
  }
  return {};
}

Result<PublishReport> DpdkForwarding::publish(const ForwardingModel& model, const ImageWriter::NextHopOf& next_hop_of,
                                              const Config&) {
  if (Status possible = check_mtu(model); !possible) return possible.error();
  Result<PublishReport> published = live_->writer->publish(model, next_hop_of, now_realtime_ns());
  if (published || published.error().code != ErrorCode::out_of_capacity) return published;
  return publish_growing(model, next_hop_of);
}

Result<PublishReport> DpdkForwarding::publish_growing(const ForwardingModel& model,
                                                      const ImageWriter::NextHopOf& next_hop_of) {
  Result<std::unique_ptr<Image>> larger = make_image(model);
  if (!larger) return larger.error();
  Result<PublishReport> report = (*larger)->writer->publish(model, next_hop_of, now_realtime_ns());
  if (!report) return report;
  // The smaller one stays until its late flows and last counts have been taken.
  const ImageWriter& to = *(*larger)->writer;
  ImageCarry carry(*live_->writer, to, model);
  carry.copy_flows();
  live_tables_.store(&(*larger)->memory.tables(), std::memory_order_release);
  epochs_.wait();
  carry.copy_late_flows();
  carry.copy_counters();
  live_ = std::move(*larger);
  return report;
}

bool DpdkForwarding::tick(Clock::time_point) {
  return false;
}

void DpdkForwarding::detach() {
  workers_.stop();
  ports_.clear();
  for (std::optional<KernelInterface>& one : kernel_interfaces_) {
    if (one) one->let_go();
    one.reset();
  }
  log_("detached: the ports are closed and the kernel interfaces removed");
}

Result<std::string> DpdkForwarding::detach_left(const Config& config) {
  const Result<UniqueFd> lock = lock_process(config.plane.control_socket);
  if (!lock) return lock.error();
  std::string removed;
  for (const DpdkPortConfig& port : config.plane.dpdk->ports) {
    if (!port.kernel_interface) continue;
    const Result<bool> done = remove_kernel_interface(*port.kernel_interface);
    if (!done) return done.error();
    if (*done) removed += (removed.empty() ? "" : ", ") + *port.kernel_interface;
  }
  if (removed.empty()) return std::string("nothing to detach: no kernel interface of this configuration is left");
  return "detached: removed the kernel interface " + removed;
}

std::vector<InterfaceStatus> DpdkForwarding::interfaces() const {
  std::vector<InterfaceStatus> interfaces;
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    const std::string interface = interface_of(i);
    interfaces.push_back({interface.empty() ? std::string(device_name(ports_[i].device())) : interface,
                          ports_[i].driver(),
                          fmt::format("{}, {} {}", ports_[i].device(), ports_[i].rx_queues(),
                                      ports_[i].rx_queues() == 1 ? "queue" : "queues")});
  }
  return interfaces;
}

std::vector<PlaneCount> DpdkForwarding::counts() const {
  const WorkerCounts sum = workers_.counts();
  return {{"tx_unsent", sum.tx_unsent},           {"kernel_up", sum.kernel_up},
          {"kernel_up_lost", sum.kernel_up_lost}, {"kernel_up_freed", sum.kernel_up_freed},
          {"kernel_down", sum.kernel_down},       {"copied", sum.copied}};
}

Result<std::uint32_t> DpdkForwarding::now_tick() const {
  return clock_->tick(rte_rdtsc());
}

}  // namespace sluice
