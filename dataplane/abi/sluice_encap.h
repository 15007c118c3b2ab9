/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Writing the outer header. The inner packet is never changed but for its TTL (RFC 2003 section 3.1: a router that
 * encapsulates on the way decrements it once).
 *
 * Outer IPv4: DF set and identification 0 (RFC 6864 atomic datagram); the path MTU is enforced before, by ICMP. DSCP
 * and ECN are copied (RFC 2983 uniform model; RFC 6040 normal mode). Outer IPv6: flow label from the flow hash
 * (RFC 6438). GUE: variant 0, source port 49152..65535 from the flow hash, UDP checksum 0 (RFC 6935 for IPv6).
 *
 * A chain is private data of the GUE header (hlen counts it; receivers that do not know it skip it):
 *   generation (4) | hop (1) | count (1) | 0 (2) | count backend ids of 4 bytes        all in network order
 */
#ifndef SLUICE_ENCAP_H
#define SLUICE_ENCAP_H

#include "sluice_packet.h"

struct sluice_chain {
  sluice_u32 count; /* 0 .. SLUICE_PAST_MAX */
  sluice_u32 generation;
  /* Not an array: an index only known at run time would keep the whole packet state in memory (sluice_road). */
  sluice_u32 first;
  sluice_u32 second;
  sluice_u32 third;
};
SLUICE_STATIC_ASSERT(SLUICE_PAST_MAX == 3, "sluice_chain names its places");

SLUICE_INLINE sluice_u32 sluice_chain_bytes(sluice_u32 count) {
  return count ? 8 + 4 * count : 0;
}

SLUICE_INLINE sluice_u16 sluice_fold(sluice_u32 sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (sluice_u16)sum;
}

/* The constant part of an outer IPv4 header's checksum, over little-endian 16-bit loads; the writer stores it. */
SLUICE_INLINE sluice_u32 sluice_outer_checksum(sluice_u32 source, sluice_u32 destination) {
  return 0x0045u + 0x0040u /* DF */ + SLUICE_OUTER_TTL + (source & 0xffff) + (source >> 16) + (destination & 0xffff) +
         (destination >> 16);
}

SLUICE_INLINE int sluice_encap_is_outer_v6(sluice_u8 encapsulation) {
  return encapsulation == SLUICE_ENCAP_IPIP_V6 || encapsulation == SLUICE_ENCAP_GUE_V6;
}
SLUICE_INLINE int sluice_encap_is_gue(sluice_u8 encapsulation) {
  return encapsulation >= SLUICE_ENCAP_GUE_V4;
}

/* Bytes of the plain outer header, without a chain. */
SLUICE_INLINE sluice_u32 sluice_outer_bytes(sluice_u8 encapsulation) {
  if (encapsulation == SLUICE_ENCAP_L2) return 0;
  return (sluice_encap_is_outer_v6(encapsulation) ? SLUICE_IPV6_BYTES : SLUICE_IPV4_BYTES) +
         (sluice_encap_is_gue(encapsulation) ? SLUICE_UDP_BYTES + 4 : 0);
}

/* What the writer of an outer header has to know. */
struct sluice_outer {
  const struct sluice_backend* backend;
  const struct sluice_chain* chain;
  sluice_u64 flow_hash;
  sluice_u32 payload_bytes; /* the inner IP packet */
  sluice_u8 traffic_class;
  sluice_u8 inner_protocol; /* SLUICE_PROTO_IPIP or SLUICE_PROTO_IPV6 */
  sluice_u8 is_gue;
  sluice_u8 is_v6;
};

SLUICE_INLINE void sluice_write_outer_ipv4(sluice_u8* p, const struct sluice_outer* outer, sluice_u32 extra_bytes) {
  const struct sluice_backend* backend = outer->backend;
  const sluice_u16 total = (sluice_u16)(SLUICE_IPV4_BYTES + extra_bytes + outer->payload_bytes);
  const sluice_u32 protocol = outer->is_gue ? SLUICE_PROTO_UDP : outer->inner_protocol;
  const sluice_u32 total_be = sluice_swap16(total);
  const sluice_u32 sum = backend->checksum + ((sluice_u32)outer->traffic_class << 8) + total_be + (protocol << 8);
  sluice_store32(p, 0x45u | (sluice_u32)outer->traffic_class << 8 | total_be << 16);
  sluice_store32(p + 4, 0x00400000u); /* identification 0, DF */
  sluice_store32(p + 8, SLUICE_OUTER_TTL | protocol << 8 | (sluice_u32)(sluice_u16)~sluice_fold(sum) << 16);
  sluice_store32(p + 12, backend->source[0]);
  sluice_store32(p + 16, backend->destination[0]);
}

SLUICE_INLINE void sluice_write_outer_ipv6(sluice_u8* p, const struct sluice_outer* outer, sluice_u32 extra_bytes) {
  const struct sluice_backend* backend = outer->backend;
  const sluice_u32 label = (sluice_u32)(outer->flow_hash >> 28) & 0xfffffu;
  const sluice_u32 payload = extra_bytes + outer->payload_bytes;
  const sluice_u32 protocol = outer->is_gue ? SLUICE_PROTO_UDP : outer->inner_protocol;
  sluice_store32(p, sluice_swap32(0x60000000u | (sluice_u32)outer->traffic_class << 20 | label));
  sluice_store32(p + 4,
                 (sluice_u32)sluice_swap16((sluice_u16)payload) | protocol << 16 | (sluice_u32)SLUICE_OUTER_TTL << 24);
  for (int i = 0; i < 4; ++i) {
    sluice_store32(p + 8 + 4 * i, backend->source[i]);
    sluice_store32(p + 24 + 4 * i, backend->destination[i]);
  }
}

/* UDP and GUE base header, 12 bytes. */
SLUICE_INLINE void sluice_write_gue(sluice_u8* p, const struct sluice_outer* outer, sluice_u32 chain_bytes) {
  const sluice_u16 source_port = (sluice_u16)(0xc000u | ((outer->flow_hash >> 32) & 0x3fff));
  sluice_store32(p, (sluice_u32)sluice_swap16(source_port) | (sluice_u32)outer->backend->port_be << 16);
  /* Length, then checksum 0. */
  sluice_store32(p + 4, sluice_swap16((sluice_u16)(SLUICE_UDP_BYTES + 4 + chain_bytes + outer->payload_bytes)));
  sluice_store32(p + 8, (chain_bytes / 4) | (sluice_u32)outer->inner_protocol << 8);
}

SLUICE_INLINE void sluice_write_chain_head(sluice_u8* p, const struct sluice_chain* chain) {
  sluice_store32(p, sluice_swap32(chain->generation));
  sluice_store32(p + 4, (chain->count & 0xff) << 8);
}

/* Decrement the inner TTL or hop limit at `l3`; IPv4's checksum follows by RFC 1624, eqn. 3 with m' = m - 0x0100. */
SLUICE_INLINE void sluice_decrement_ttl(sluice_u8* l3, int is_v6) {
  if (is_v6) {
    l3[7] = (sluice_u8)(l3[7] - 1);
    return;
  }
  const sluice_u32 sum = (sluice_u32)sluice_load16(l3 + 10) + 1; /* 0x0100 in network order */
  sluice_store16(l3 + 10, (sluice_u16)(sum + (sum >= 0xffff)));
  l3[8] = (sluice_u8)(l3[8] - 1);
}

/* Ethernet addresses towards the backend's next hop. */
SLUICE_INLINE void sluice_write_macs(sluice_u8* p, const struct sluice_backend* backend) {
  sluice_store64(p, SLUICE_SHARED_LOAD(&backend->mac_low));
  sluice_store32(p + 8, SLUICE_SHARED_LOAD(&backend->mac_high));
}

#endif
