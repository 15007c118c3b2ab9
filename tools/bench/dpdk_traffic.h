// SPDX-License-Identifier: Apache-2.0
// Packets of many flows, written into packet buffers. Not timed, so plain rather than fast.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <span>
#include <vector>

#include "bench_image.h"

namespace sluice::bench {

struct TrafficOptions {
  PacketKind packet = PacketKind::tcp4_ack;
  std::uint32_t flows = 1;     // a power of two up to 2^23
  std::uint32_t services = 1;  // a power of two up to 256; a flow belongs to one
  std::uint32_t frame_bytes = 64;
  // Where in their order it begins: those opened first are not typical, being the first to make room for others.
  std::uint32_t first_flow = 1;
};

class Traffic {
 public:
  explicit Traffic(const TrafficOptions& options);

  // Every flow once before any comes again, in an order that no prefetcher foresees.
  void fill(std::span<rte_mbuf* const> mbufs);
  // The same flows opened: SYNs.
  void fill_syns(std::span<rte_mbuf* const> mbufs);

 private:
  std::uint32_t next_flow();
  void write(rte_mbuf* mbuf, const std::vector<std::uint8_t>& frame, std::uint32_t flow) const;

  TrafficOptions options_;
  std::vector<std::uint8_t> frame_;
  std::vector<std::uint8_t> syn_;
  std::uint32_t state_;
};

}  // namespace sluice::bench
