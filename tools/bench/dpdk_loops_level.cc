// SPDX-License-Identifier: Apache-2.0
// The timed loops at one instruction set level; see dpdk_loops.h.
#include <rte_hash.h>

#include "dpdk_loops.h"
#include "mbuf_burst.h"

namespace sluice::bench::SLUICE_LEVEL {
namespace {

SLUICE_INLINE sluice_u8* data_of(rte_mbuf* mbuf) {
  return static_cast<sluice_u8*>(mbuf->buf_addr) + mbuf->data_off;
}

SLUICE_INLINE void put_all(PacketBurst& burst, rte_mbuf** in, std::uint32_t count) {
  burst.count = 0;
  burst.headroom_bytes = mbuf_headroom_bytes;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (SLUICE_UNLIKELY(!is_ready(in[i]))) return;  // a benchmark's buffers are: the figure would not count
    put_frame(burst, i, in[i]);
  }
  burst.count = count;
}

// As Worker::poll_queue() does it.
SLUICE_INLINE std::uint32_t take_all(const PacketBurst& burst, rte_mbuf** in, rte_mbuf** out) {
  if (SLUICE_LIKELY(burst.outer_bytes != 0)) {
    for (std::uint32_t i = 0; i < burst.count; ++i) prepend(in[i], burst.outer_bytes);
    memcpy(out, in, burst.count * sizeof *out);
    return burst.count;
  }
  std::uint32_t sent = 0;
  for (std::uint32_t i = 0; i < burst.count; ++i) {
    take_frame(burst, i, in[i]);
    if (SLUICE_LIKELY(sluice_class_of(burst.verdicts[i].reason) == SLUICE_CLASS_TX)) out[sent++] = in[i];
  }
  return sent;
}

constexpr std::uint32_t tick = 1;

}  // namespace

std::uint32_t io(LoopContext&, rte_mbuf** in, std::uint32_t count, rte_mbuf** out) {
  for (std::uint32_t i = 0; i < count; ++i) out[i] = in[i];
  return count;
}

std::uint32_t macswap(LoopContext&, rte_mbuf** in, std::uint32_t count, rte_mbuf** out) {
  for (std::uint32_t i = 0; i < count; ++i) {
    sluice_swap_macs(data_of(in[i]));
    out[i] = in[i];
  }
  return count;
}

std::uint32_t five_tuple_swap(LoopContext&, rte_mbuf** in, std::uint32_t count, rte_mbuf** out) {
  for (std::uint32_t i = 0; i < count; ++i) {
    sluice_u8* data = data_of(in[i]);
    sluice_swap_macs(data);
    sluice_u8* l3 = data + SLUICE_ETHERNET_BYTES;
    if (sluice_load16_be(l3 - 2) == SLUICE_ETHERTYPE_IPV4) {
      const sluice_u64 addresses = sluice_load64(l3 + 12);
      sluice_store64(l3 + 12, addresses << 32 | addresses >> 32);
      sluice_u8* l4 = l3 + (l3[0] & 15) * 4;
      const sluice_u32 ports = sluice_load32(l4);
      sluice_store32(l4, ports << 16 | ports >> 16);
    }
    out[i] = in[i];
  }
  return count;
}

std::uint32_t parse_blind_encap(LoopContext& context, rte_mbuf** in, std::uint32_t count, rte_mbuf** out) {
  constexpr sluice_u32 outer_bytes = SLUICE_IPV4_BYTES;
  const auto* constant = reinterpret_cast<const sluice_u8*>(&context.tables->backends[1]);
  std::uint32_t sent = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    rte_mbuf* mbuf = in[i];
    if (SLUICE_UNLIKELY(!is_ready(mbuf))) continue;
    sluice_frame frame = {data_of(mbuf), data_of(mbuf) + mbuf->data_len, static_cast<sluice_u8*>(mbuf->buf_addr)};
    sluice_packet packet{};
    const sluice_u16 ethertype = sluice_parse_ethernet(&frame, &packet, SLUICE_COMMON);
    sluice_shape shape = SLUICE_SHAPE_KERNEL;
    if (SLUICE_LIKELY(ethertype == SLUICE_ETHERTYPE_IPV4))
      shape = sluice_parse_ipv4(&frame, &packet, SLUICE_COMMON);
    else if (ethertype == SLUICE_ETHERTYPE_IPV6)
      shape = sluice_parse_ipv6(&frame, &packet, SLUICE_COMMON);
    if (SLUICE_UNLIKELY(shape != SLUICE_SHAPE_FLOW || packet.fault != SLUICE_REASON_forwarded)) continue;
    // What a balancer would go by must have been read.
    asm volatile(""
                 :
                 : "r"(packet.source[0]), "r"(packet.destination[0]), "r"(packet.source_port),
                   "r"(packet.destination_port), "r"(packet.tcp_flags), "r"(packet.protocol));
    memcpy(frame.data - outer_bytes, constant, SLUICE_ETHERNET_BYTES + outer_bytes);
    mbuf->data_off = static_cast<sluice_u16>(mbuf->data_off - outer_bytes);
    mbuf->data_len = static_cast<sluice_u16>(mbuf->data_len + outer_bytes);
    mbuf->pkt_len = mbuf->data_len;
    out[sent++] = mbuf;
  }
  return sent;
}

std::uint32_t sluice(LoopContext& context, rte_mbuf** in, std::uint32_t count, rte_mbuf** out) {
  PacketBurst burst;
  put_all(burst, in, count);
  context.process(context.tables, context.worker, tick, &burst);
  return take_all(burst, in, out);
}

// Keys in registers, stored whole: narrow stores read back in wide ones would cost more than the look-up. The entries
// are fetched for all before the first is looked at, as the hash does with its own lines.
std::uint32_t rte_hash_bulk(LoopContext& context, rte_mbuf** in, std::uint32_t count, rte_mbuf** out) {
  PacketBurst burst;
  put_all(burst, in, count);
  FiveTuple keys[burst_frames_max];
  const void* pointers[burst_frames_max];
  std::int32_t positions[burst_frames_max];
  for (std::uint32_t i = 0; i < burst.count; ++i) {
    keys[i] = five_tuple_of(burst.data[i]);
    pointers[i] = &keys[i];
  }
  rte_hash_lookup_bulk(context.hash, pointers, burst.count, positions);
  for (std::uint32_t i = 0; i < burst.count; ++i)
    if (SLUICE_LIKELY(positions[i] >= 0)) __builtin_prefetch(&context.entries[positions[i]], 0, 3);
  context.process(context.tables, context.worker, tick, &burst);
  for (std::uint32_t i = 0; i < burst.count; ++i) {
    if (SLUICE_UNLIKELY(positions[i] < 0)) continue;
    sluice_u64* entry = &context.entries[positions[i]];
    const sluice_u64 wanted = sluice_flow_entry(0, sluice_flow_backend(*entry), tick);
    if (*entry != wanted) *entry = wanted;
    context.hits += 1;
  }
  return take_all(burst, in, out);
}

}  // namespace sluice::bench::SLUICE_LEVEL
