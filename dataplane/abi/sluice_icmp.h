/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The packets a plane answers itself: echo to a VIP, "too big", "port unreachable". All go back out the way the packet
 * came, to the MAC it came from, from the VIP's address. All share one rate limit (RFC 1812 section 4.3.2.8).
 */
#ifndef SLUICE_ICMP_H
#define SLUICE_ICMP_H

#include "sluice_encap.h"

#define SLUICE_ICMP_ECHO_REPLY 0
#define SLUICE_ICMP_UNREACHABLE 3u
#define SLUICE_ICMP_ECHO 8
#define SLUICE_ICMP_TIME_EXCEEDED 11u
#define SLUICE_ICMP_PARAMETER 12u
#define SLUICE_ICMP_CODE_PORT 3u
#define SLUICE_ICMP_CODE_TOO_BIG 4u

#define SLUICE_ICMPV6_UNREACHABLE 1u
#define SLUICE_ICMPV6_TOO_BIG 2u
#define SLUICE_ICMPV6_PARAMETER 4u
#define SLUICE_ICMPV6_ECHO 128
#define SLUICE_ICMPV6_ECHO_REPLY 129
#define SLUICE_ICMPV6_CODE_PORT 4u

SLUICE_INLINE int sluice_icmp_is_error(sluice_u8 type, int is_v6) {
  if (is_v6) return type >= SLUICE_ICMPV6_UNREACHABLE && type <= SLUICE_ICMPV6_PARAMETER;
  return type == SLUICE_ICMP_UNREACHABLE || type == SLUICE_ICMP_TIME_EXCEEDED || type == SLUICE_ICMP_PARAMETER;
}

SLUICE_INLINE void sluice_swap_macs(sluice_u8* data) {
  const sluice_u32 destination_low = sluice_load32(data);
  const sluice_u16 destination_high = sluice_load16(data + 4);
  const sluice_u32 source_low = sluice_load32(data + 6);
  const sluice_u16 source_high = sluice_load16(data + 10);
  sluice_store32(data, source_low);
  sluice_store16(data + 4, source_high);
  sluice_store32(data + 6, destination_low);
  sluice_store16(data + 10, destination_high);
}

/* Turns an echo request into its reply where it stands. The type is the only checksummed change: swapping addresses
 * leaves ICMPv6's pseudo header sum as it was. The header has no options (the caller saw to it). */
SLUICE_INLINE void sluice_turn_echo(sluice_u8* data, sluice_u8* l3, sluice_u8* l4, struct sluice_packet* packet,
                                    int is_v6) {
  const sluice_u32 address_bytes = is_v6 ? 16 : 4;
  sluice_u8* source = l3 + (is_v6 ? 8 : 12);
  for (sluice_u32 i = 0; i < address_bytes / 4; ++i) {
    sluice_store32(source + 4 * i, packet->destination[i]);
    sluice_store32(source + address_bytes + 4 * i, packet->source[i]);
  }
  sluice_swap_macs(data);
  /* RFC 1624, eqn. 3 over the word (type, code), loaded little-endian: old - new = 8 or -1. */
  const sluice_u16 before = sluice_load16(l4);
  l4[0] = is_v6 ? SLUICE_ICMPV6_ECHO_REPLY : SLUICE_ICMP_ECHO_REPLY;
  const sluice_u16 after = sluice_load16(l4);
  const sluice_u32 sum = (sluice_u32)(sluice_u16)~sluice_load16(l4 + 2) + (sluice_u16)~before + after;
  sluice_store16(l4 + 2, (sluice_u16)~sluice_fold(sum));
  if (is_v6) {
    l3[7] = SLUICE_OUTER_TTL;
    return;
  }
  const sluice_u16 ttl_before = sluice_load16(l3 + 8);
  l3[8] = SLUICE_OUTER_TTL;
  const sluice_u32 header_sum =
      (sluice_u32)(sluice_u16)~sluice_load16(l3 + 10) + (sluice_u16)~ttl_before + sluice_load16(l3 + 8);
  sluice_store16(l3 + 10, (sluice_u16)~sluice_fold(header_sum));
}

/* An ICMP error to build: type and code of the family, and the word after the checksum (host order). */
struct sluice_icmp_error {
  sluice_u32 type;
  sluice_u32 code;
  sluice_u32 info;
};

SLUICE_INLINE void sluice_write_error_ipv4(sluice_u8* l3, const struct sluice_packet* packet, sluice_u32 quote_bytes) {
  const sluice_u32 total_be = sluice_swap16((sluice_u16)(SLUICE_IPV4_BYTES + SLUICE_ICMP_BYTES + quote_bytes));
  /* Precedence 6, internetwork control (RFC 1812 section 4.3.2.5). */
  sluice_store32(l3, 0x45u | 0xc0u << 8 | total_be << 16);
  sluice_store32(l3 + 4, 0x00400000u);
  sluice_u32 sum = sluice_outer_checksum(packet->destination[0], packet->source[0]) + (0xc0u << 8) + total_be +
                   ((sluice_u32)SLUICE_PROTO_ICMP << 8);
  sluice_store32(
      l3 + 8, SLUICE_OUTER_TTL | (sluice_u32)SLUICE_PROTO_ICMP << 8 | (sluice_u32)(sluice_u16)~sluice_fold(sum) << 16);
  sluice_store32(l3 + 12, packet->destination[0]);
  sluice_store32(l3 + 16, packet->source[0]);
}

/* Returns the pseudo header's sum (RFC 8200 section 8.1). */
SLUICE_INLINE sluice_u32 sluice_write_error_ipv6(sluice_u8* l3, const struct sluice_packet* packet,
                                                 sluice_u32 quote_bytes) {
  const sluice_u32 payload_be = sluice_swap16((sluice_u16)(SLUICE_ICMP_BYTES + quote_bytes));
  sluice_u32 sum = payload_be + ((sluice_u32)SLUICE_PROTO_ICMPV6 << 8);
  sluice_store32(l3, 0x60u);
  sluice_store32(l3 + 4, payload_be | (sluice_u32)SLUICE_PROTO_ICMPV6 << 16 | (sluice_u32)SLUICE_OUTER_TTL << 24);
  for (int i = 0; i < 4; ++i) {
    sluice_store32(l3 + 8 + 4 * i, packet->destination[i]);
    sluice_store32(l3 + 24 + 4 * i, packet->source[i]);
    sum += (packet->destination[i] & 0xffff) + (packet->destination[i] >> 16);
    sum += (packet->source[i] & 0xffff) + (packet->source[i] >> 16);
  }
  return sum;
}

/*
 * Replaces the frame by an ICMP error about it: as much of the packet as SLUICE_ICMP_QUOTE_MAX allows, a new IP and
 * ICMP header before it, tags kept. Non-zero = the driver refused; the frame is then not to be sent.
 */
SLUICE_INLINE int sluice_turn_error(struct sluice_frame* frame, const struct sluice_packet* packet,
                                    const struct sluice_icmp_error* error, int is_v6) {
  const sluice_u32 l3_offset = packet->l3_offset;
  const sluice_u32 quote = packet->l3_bytes < SLUICE_ICMP_QUOTE_MAX ? packet->l3_bytes : SLUICE_ICMP_QUOTE_MAX;
  const sluice_u32 ip_bytes = is_v6 ? SLUICE_IPV6_BYTES : SLUICE_IPV4_BYTES;
  sluice_u8* data = frame->data;
  if (data + 22 > frame->end) return -1;
  const sluice_u64 ethernet_low = sluice_load64(data);
  const sluice_u64 ethernet_high = sluice_load64(data + 8);
  const sluice_u64 ethernet_tail = sluice_load64(data + 14);
  if (sluice_trim(frame, l3_offset + quote)) return -1;
  if (sluice_grow_head(frame, ip_bytes + SLUICE_ICMP_BYTES)) return -1;
  data = frame->data;
  if (data + 22 > frame->end) return -1;
  sluice_store64(data, ethernet_low);
  sluice_store64(data + 8, ethernet_high); /* runs 2 bytes past an untagged header; the IP header covers them */
  if (l3_offset > SLUICE_ETHERNET_BYTES) sluice_store64(data + 14, ethernet_tail);
  sluice_swap_macs(data);
  sluice_u8* l3 = data + l3_offset;
  if (l3 + ip_bytes + SLUICE_ICMP_BYTES > frame->end) return -1;
  sluice_u8* l4 = l3 + ip_bytes;
  sluice_u32 sum = 0;
  if (is_v6)
    sum = sluice_write_error_ipv6(l3, packet, quote);
  else
    sluice_write_error_ipv4(l3, packet, quote);
  sluice_store32(l4, error->type | error->code << 8);
  sluice_store32(l4 + 4, sluice_swap32(error->info));
  /* The checksum field is zero up to here. */
  sum += sluice_sum(frame, l3_offset + ip_bytes, SLUICE_ICMP_BYTES + quote);
  sluice_store16(l4 + 2, (sluice_u16)~sluice_fold(sum));
  return 0;
}

#endif
