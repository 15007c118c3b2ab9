// SPDX-License-Identifier: Apache-2.0
// What this plane does with packets: an image in the process' own memory, workers that poll ports by it, and the kernel
// interfaces beside them. Everything ends with the process but the kernel interfaces.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "dpdk_image.h"
#include "eal.h"
#include "forwarding.h"
#include "kernel_interface.h"
#include "packet_pool.h"
#include "port.h"
#include "reader_epochs.h"
#include "tsc_clock.h"
#include "unique_fd.h"
#include "worker_plan.h"
#include "worker_set.h"

namespace sluice {

class DpdkForwarding final : public Forwarding {
 public:
  // Starts EAL, the ports and the workers. From here on the host's own frames pass; what is for a VIP does after
  // start().
  static Result<std::unique_ptr<Forwarding>> open(const Config& config, const ForwardingModel& model, const Log& log);
  // The kernel interfaces that an earlier process has left.
  static Result<std::string> detach_left(const Config& config);
  ~DpdkForwarding() override;

  [[nodiscard]] std::string_view fixed_key_changed(const Config& running, const Config& wanted) const override;
  Result<PublishReport> start(const ForwardingModel& model, const ImageWriter::NextHopOf& next_hop_of,
                              const Config& config) override;
  Result<PublishReport> publish(const ForwardingModel& model, const ImageWriter::NextHopOf& next_hop_of,
                                const Config& wanted) override;
  bool tick(Clock::time_point now) override;
  void detach() override;

  [[nodiscard]] Result<std::uint32_t> interface_number(std::uint32_t kernel_index) const override;
  [[nodiscard]] ImageWriter& writer() override { return *live_->writer; }
  [[nodiscard]] const ImageWriter& writer() const override { return *live_->writer; }
  [[nodiscard]] std::uint64_t memory_bytes() const override { return live_->memory.bytes(); }
  [[nodiscard]] std::vector<InterfaceStatus> interfaces() const override;
  [[nodiscard]] std::vector<PlaneCount> counts() const override;
  [[nodiscard]] Result<std::uint32_t> now_tick() const override;

 private:
  struct Image {
    explicit Image(DpdkImage arrays) : memory(std::move(arrays)) {}
    DpdkImage memory;
    std::unique_ptr<ImageWriter> writer;
  };

  DpdkForwarding(const DpdkConfig& config, Log log, UniqueFd lock);
  Status plan();
  Status start_eal();
  Status open_ports();
  [[nodiscard]] PortOptions port_options(const DpdkPortConfig& config) const;
  [[nodiscard]] Status check_buffers() const;
  Status open_kernel_interface(const DpdkPortConfig& config, const Port& port);
  Status start_ports();
  Status keep_kernel_interfaces();
  Status start_workers();
  void log_ports() const;
  [[nodiscard]] WorkerOptions worker_options(std::uint16_t number, const std::vector<QueuePlace>& queues) const;
  [[nodiscard]] Status check_mtu(const ForwardingModel& model) const;
  [[nodiscard]] std::string interface_of(std::size_t port) const;

  Result<std::unique_ptr<Image>> make_image(const ForwardingModel& model);
  void run(std::unique_ptr<Image> image);
  Result<PublishReport> publish_growing(const ForwardingModel& model, const ImageWriter::NextHopOf& next_hop_of);

  DpdkConfig config_;
  Log log_;
  UniqueFd lock_;
  CpuPlan cpus_;
  MemoryKind memory_ = MemoryKind::ordinary;
  std::uint16_t mtu_max_ = 0;
  // In the order of their making; taken down the other way round.
  std::optional<Eal> eal_;
  PacketPool pool_;
  std::vector<std::optional<KernelInterface>> kernel_interfaces_;  // per port
  std::vector<Port> ports_;
  ReaderEpochs epochs_;
  std::unique_ptr<Image> live_;
  std::atomic<sluice_tables*> live_tables_ = nullptr;
  WorkerSet workers_;
  std::optional<TscClock> clock_;
};

extern const PlaneKind dpdk_plane;

}  // namespace sluice
