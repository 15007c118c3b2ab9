// SPDX-License-Identifier: Apache-2.0
// dataplane/dpdk's worker between two ring ports, in one thread: frames are put into a ring, polled, and taken out of
// the ring they were sent to, or of a socket that stands for the kernel. No privilege, no huge pages.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>

#include "dpdk_image.h"
#include "eal.h"
#include "packet_plane.h"
#include "packet_pool.h"
#include "port.h"
#include "unique_fd.h"
#include "worker.h"

struct rte_ring;

namespace sluice {

enum class FramePieces : std::uint8_t {
  one,   // one buffer a frame
  some,  // cut into one to five, as ports with small buffers hand them over
};

class DpdkPlane final : public PacketPlane {
 public:
  // Once per process: EAL is. Throws std::runtime_error.
  DpdkPlane(const ImageSizes& sizes, FramePieces pieces);
  ~DpdkPlane() override;

  // Any worker but the first, so that a mistaken index shows.
  static constexpr std::uint32_t workers_count = 3;
  static constexpr std::uint32_t used_worker = 1;

  void reset() override;
  void set_tick(std::uint32_t tick) override { tick_ = tick; }
  PacketVerdict run(std::span<const std::uint8_t> frame) override;
  std::vector<PacketVerdict> run_burst(std::span<const Frame> frames) override;
  [[nodiscard]] std::size_t burst_frames() const override { return burst_frames_max; }
  [[nodiscard]] std::size_t frame_bytes_min() const override { return 0; }

 protected:
  [[nodiscard]] std::uint32_t flow_clock() const override { return tick_; }

 private:
  using Bytes = std::vector<std::uint8_t>;
  struct Rings {
    rte_ring* in = nullptr;
    rte_ring* out = nullptr;
  };

  void open_ports();
  void make_worker();
  rte_mbuf* buffer_of(std::span<const std::uint8_t> frame);
  rte_mbuf* buffer_in_pieces(std::span<const std::uint8_t> frame);
  PacketVerdict collect(const sluice_verdict& verdict, Bytes& output);
  bool take_sent(std::uint32_t port, Bytes& output);
  bool take_kernel(Bytes& output);
  void expect_empty();

  FramePieces pieces_;
  std::uint64_t random_ = 1;  // where frames are cut
  std::optional<Eal> eal_;
  PacketPool pool_;
  DpdkImage image_;
  std::array<Rings, 2> rings_;
  std::vector<Port> ports_;
  UniqueFd kernel_;  // our end
  UniqueFd worker_kernel_;
  ReaderEpochs epochs_;
  std::atomic<sluice_tables*> live_tables_;
  std::unique_ptr<Worker> poller_;
  std::uint32_t tick_ = 0;
  std::array<Bytes, burst_frames_max> outputs_;
};

}  // namespace sluice
