// SPDX-License-Identifier: Apache-2.0
// What `sluice-bench dpdk` times: a burst of packet buffers in, those to be sent out. Compiled once per instruction set
// level like the packet path itself, so that floor and figure have the same compiler options.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "packet_burst.h"

struct rte_hash;

namespace sluice::bench {

struct LoopContext {
  sluice_tables* tables = nullptr;
  std::uint32_t worker = 0;
  BurstFunction process = nullptr;
  // Of rte_hash_bulk: by the position that the hash gives a flow, its backend and the time of its last packet, as one
  // of our own entries has them.
  const rte_hash* hash = nullptr;
  std::uint64_t* entries = nullptr;
  std::uint64_t hits = 0;
};

// `in`: `count` buffers, up to burst_frames_max. Returns how many of them, in `out`, are to be sent.
using Loop = std::uint32_t (*)(LoopContext& context, rte_mbuf** in, std::uint32_t count, rte_mbuf** out);

enum class LoopKind : std::uint8_t {
  io,                 // nothing but the burst itself: what testpmd's io mode does
  macswap,            // MAC addresses
  five_tuple_swap,    // MAC and IP addresses and ports: testpmd's 5tswap
  parse_blind_encap,  // our parser, and a constant outer header before whatever has passed it
  sluice,             // the packet path
  rte_hash_bulk,  // rte_hash_lookup_bulk() over the five-tuples, each flow's backend and time of last packet, then the
                  // packet path without a flow table of its own
};

// Of the level that burst_function() takes.
[[nodiscard]] Loop loop_of(LoopKind kind);

// The key rte_hash is asked by, 16 bytes.
struct FiveTuple {
  std::uint64_t addresses;
  std::uint64_t ports_and_protocol;
};
// Of an untagged IPv4 frame without options. static: each level has its own.
[[maybe_unused]] static inline FiveTuple five_tuple_of(const std::uint8_t* frame) {
  const std::uint8_t* l3 = frame + SLUICE_ETHERNET_BYTES;
  return {sluice_load64(l3 + 12), sluice_load32(l3 + 20) | static_cast<std::uint64_t>(l3[9]) << 32};
}

}  // namespace sluice::bench
