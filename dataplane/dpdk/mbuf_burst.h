// SPDX-License-Identifier: Apache-2.0
// Packet buffers as frames of a burst, there and back. A worker's own, and what `sluice-bench dpdk` measures.
#pragma once

#include <rte_mbuf.h>

#include "packet_burst.h"

namespace sluice {

// Room that every frame of a burst has before it, also if a tag was put back; a buffer with less has come from
// elsewhere and is copied first.
inline constexpr std::uint32_t mbuf_headroom_bytes = RTE_PKTMBUF_HEADROOM - SLUICE_TAG_BYTES;
static_assert(mbuf_headroom_bytes >= SLUICE_OUTER_BYTES_MAX, "the longest outer header fits before every frame");

// In one piece, with the room, and with its tags where they belong?
inline bool is_ready(const rte_mbuf* mbuf) {
  return mbuf->nb_segs == 1 && mbuf->data_off >= mbuf_headroom_bytes &&
         (mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) == 0;
}

inline void put_frame(PacketBurst& burst, std::uint32_t i, rte_mbuf* mbuf) {
  burst.data[i] = static_cast<sluice_u8*>(mbuf->buf_addr) + mbuf->data_off;
  burst.bytes[i] = mbuf->data_len;
}

// The buffer holds what the frame has become.
inline void take_frame(const PacketBurst& burst, std::uint32_t i, rte_mbuf* mbuf) {
  mbuf->data_off = static_cast<std::uint16_t>(burst.data[i] - static_cast<sluice_u8*>(mbuf->buf_addr));
  mbuf->data_len = static_cast<std::uint16_t>(burst.bytes[i]);
  mbuf->pkt_len = mbuf->data_len;
}

// The same where all frames of a burst have become longer alike (PacketBurst::outer_bytes).
inline void prepend(rte_mbuf* mbuf, std::uint32_t bytes) {
  mbuf->data_off = static_cast<std::uint16_t>(mbuf->data_off - bytes);
  mbuf->data_len = static_cast<std::uint16_t>(mbuf->data_len + bytes);
  mbuf->pkt_len += bytes;
}

}  // namespace sluice
