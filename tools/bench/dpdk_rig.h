// SPDX-License-Identifier: Apache-2.0
// What `sluice-bench dpdk` measures in: DPDK without a port, packet buffers, an image, and a clock. Once per process.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dpdk_image.h"
#include "dpdk_loops.h"
#include "dpdk_traffic.h"
#include "eal.h"
#include "packet_pool.h"

namespace sluice::bench {

// 2 MiB pages reserved for the time of a benchmark, beyond those that were there.
class ReservedPages {
 public:
  // Takes as many of `pages` as the kernel gives.
  explicit ReservedPages(std::uint64_t pages);
  ReservedPages(const ReservedPages&) = delete;
  ReservedPages& operator=(const ReservedPages&) = delete;
  ~ReservedPages();

 private:
  std::optional<std::uint64_t> before_;  // to be written back
};

struct RigOptions {
  std::uint32_t buffers = 16384;
  bool want_huge = true;
  int cpu = -1;  // -1: the last that may be used
};

class DpdkRig {
 public:
  static Result<std::unique_ptr<DpdkRig>> create(const RigOptions& options);
  DpdkRig(const DpdkRig&) = delete;
  DpdkRig& operator=(const DpdkRig&) = delete;
  ~DpdkRig();

  [[nodiscard]] MemoryKind memory() const { return memory_; }
  [[nodiscard]] std::string memory_text() const;
  [[nodiscard]] rte_mempool* pool() { return pool_.get(); }

 private:
  DpdkRig() = default;

  std::unique_ptr<ReservedPages> pages_;
  std::optional<Eal> eal_;
  MemoryKind memory_ = MemoryKind::ordinary;
  PacketPool pool_;
};

// Packet buffers of one measuring thread, as a receive ring would hold them.
class BufferRing {
 public:
  // `count`: a multiple of the burst. All must be had, or `mbufs` is empty.
  BufferRing(rte_mempool* pool, std::uint32_t count);
  BufferRing(const BufferRing&) = delete;
  BufferRing& operator=(const BufferRing&) = delete;
  ~BufferRing();
  [[nodiscard]] std::vector<rte_mbuf*>& mbufs() { return mbufs_; }

 private:
  std::vector<rte_mbuf*> mbufs_;
};

struct TimingOptions {
  std::uint32_t bursts = 4000;
  // Bursts made ready before the first of them is timed: 1 finds its packets in the nearest cache, where a NIC that
  // writes into the cache would leave them a little further away.
  std::uint32_t ahead = 1;
};

// Ticks per packet of every burst.
[[nodiscard]] std::vector<double> time_loop(Loop loop, LoopContext& context, Traffic& traffic, BufferRing& ring,
                                            const TimingOptions& options);
[[nodiscard]] double median_of(std::vector<double> values);

}  // namespace sluice::bench
