// SPDX-License-Identifier: Apache-2.0
// The one pool of packet buffers of the process. One, not one per port: a frame that comes in by one port and leaves by
// another would break the promise of RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE (all buffers of a queue from one pool).
#pragma once

#include <cstdint>
#include <memory>

#include "error.h"

struct rte_mempool;

namespace sluice {

struct PacketPoolFree {
  void operator()(rte_mempool* pool) const;
};
using PacketPool = std::unique_ptr<rte_mempool, PacketPoolFree>;

// Bytes of one buffer's room for a port of this MTU: the whole frame with its tags, and before it what outer headers
// and AF_XDP need.
[[nodiscard]] std::uint16_t packet_room_bytes(std::uint16_t mtu);
// Memory for `count` such buffers, headers and all.
[[nodiscard]] std::uint64_t packet_pool_bytes(std::uint32_t count, std::uint16_t mtu);

// `mtu`: the largest of all ports.
[[nodiscard]] Result<PacketPool> make_packet_pool(std::uint32_t count, std::uint16_t mtu);

}  // namespace sluice
