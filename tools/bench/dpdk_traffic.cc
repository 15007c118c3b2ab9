// SPDX-License-Identifier: Apache-2.0
#include "dpdk_traffic.h"

#include <algorithm>
#include <cstring>

#include "error.h"
#include "sluice_encap.h"

namespace sluice::bench {
namespace {

std::uint32_t l3_offset_of(PacketKind kind) {
  return kind == PacketKind::vlan_tcp4_ack ? 18 : 14;
}

// Of a header whose checksum field is zero.
std::uint16_t checksum_of(const std::uint8_t* l3) {
  std::uint32_t sum = 0;
  for (std::uint32_t i = 0; i < SLUICE_IPV4_BYTES; i += 2) sum += sluice_load16(l3 + i);
  return static_cast<std::uint16_t>(~sluice_fold(sum));
}

}  // namespace

Traffic::Traffic(const TrafficOptions& options)
    : options_(options),
      frame_(bench_frame(options.packet, options.frame_bytes)),
      syn_(bench_frame(PacketKind::tcp4_syn, options.frame_bytes)),
      state_(options.first_flow) {
  SLUICE_INVARIANT(options.flows <= 1U << 23 && (options.flows & (options.flows - 1)) == 0);
  SLUICE_INVARIANT(options.services <= 256 && (options.services & (options.services - 1)) == 0);
}

// A linear congruential generator of full period (Hull and Dobell: odd increment, multiplier = 1 mod 4), its bits mixed
// by an odd multiplication, which is a bijection too.
std::uint32_t Traffic::next_flow() {
  const std::uint32_t mask = options_.flows - 1;
  state_ = (state_ * 1664525U + 1013904223U) & mask;
  const std::uint32_t mixed = (state_ ^ (state_ >> 7)) & mask;
  return (mixed * 2654435761U) & mask;
}

// The flow's 23 bits: 16 in the source port, 7 in the source address; the service in the destination's last byte.
void Traffic::write(rte_mbuf* mbuf, const std::vector<std::uint8_t>& frame, std::uint32_t flow) const {
  rte_pktmbuf_reset(mbuf);
  mbuf->data_len = static_cast<std::uint16_t>(frame.size());
  mbuf->pkt_len = mbuf->data_len;
  auto* data = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
  std::memcpy(data, frame.data(), frame.size());
  std::uint8_t* l3 = data + l3_offset_of(options_.packet);
  const bool is_v6 = options_.packet == PacketKind::tcp6_ack;
  const auto service = static_cast<std::uint8_t>(flow & (options_.services - 1));
  l3[is_v6 ? 23 : 15] = static_cast<std::uint8_t>(1 + (flow >> 16));
  l3[is_v6 ? 39 : 19] = service;
  sluice_store16_be(l3 + (is_v6 ? SLUICE_IPV6_BYTES : SLUICE_IPV4_BYTES), static_cast<std::uint16_t>(flow));
  if (is_v6) return;
  sluice_store16(l3 + 10, 0);
  sluice_store16(l3 + 10, checksum_of(l3));
}

void Traffic::fill(std::span<rte_mbuf* const> mbufs) {
  for (rte_mbuf* mbuf : mbufs) write(mbuf, frame_, next_flow());
}

void Traffic::fill_syns(std::span<rte_mbuf* const> mbufs) {
  for (rte_mbuf* mbuf : mbufs) write(mbuf, syn_, next_flow());
}

}  // namespace sluice::bench
