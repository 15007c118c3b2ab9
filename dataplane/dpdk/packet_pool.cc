// SPDX-License-Identifier: Apache-2.0
#include "packet_pool.h"

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <string>

#include "sluice_limits.h"

namespace sluice {
namespace {

static_assert(RTE_PKTMBUF_HEADROOM >= SLUICE_OUTER_BYTES_MAX, "the longest outer header fits before every frame");

// XDP_PACKET_HEADROOM: what the kernel keeps for itself in a buffer that an AF_XDP port shares with it.
constexpr std::uint32_t xdp_headroom_bytes = 256;
// Ethernet, two tags, and the frame check sequence that some drivers leave on.
constexpr std::uint32_t link_bytes = 14 + 2 * 4 + 4;
// Per-lcore cache of buffers: DPDK's own default for this kind of loop, a few bursts' worth.
constexpr std::uint32_t cache_buffers = 256;
// What a mempool element has around the buffer: the object header, and rounding to cache lines and channels.
constexpr std::uint64_t element_overhead_bytes = 192;

}  // namespace

void PacketPoolFree::operator()(rte_mempool* pool) const {
  rte_mempool_free(pool);
}

std::uint16_t packet_room_bytes(std::uint16_t mtu) {
  const std::uint32_t wanted = RTE_PKTMBUF_HEADROOM + xdp_headroom_bytes + mtu + link_bytes;
  const std::uint32_t rounded = (wanted + RTE_CACHE_LINE_SIZE - 1) / RTE_CACHE_LINE_SIZE * RTE_CACHE_LINE_SIZE;
  // The default's 2048: hardware ports count their receive buffers in KiB.
  return static_cast<std::uint16_t>(std::max<std::uint32_t>(rounded, RTE_MBUF_DEFAULT_BUF_SIZE));
}

std::uint64_t packet_pool_bytes(std::uint32_t count, std::uint16_t mtu) {
  return std::uint64_t{count} * (packet_room_bytes(mtu) + sizeof(rte_mbuf) + element_overhead_bytes);
}

Result<PacketPool> make_packet_pool(std::uint32_t count, std::uint16_t mtu) {
  PacketPool pool(rte_pktmbuf_pool_create("sluice-packets", count, std::min(cache_buffers, count / 4), 0,
                                          packet_room_bytes(mtu), static_cast<int>(rte_socket_id())));
  if (pool) return pool;
  return make_error(ErrorCode::out_of_capacity,
                    "no memory for " + std::to_string(count) + " packet buffers of " +
                        std::to_string(packet_room_bytes(mtu)) + " bytes (" + rte_strerror(rte_errno) +
                        "); lower packet_buffers, reserve more huge pages, or use memory = \"ordinary\"");
}

}  // namespace sluice
