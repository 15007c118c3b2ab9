/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The backend's side of a tunnel: outer headers off, inner packet to the host's own stack. A frame that is no tunnel
 * packet to one of this host's addresses is the host's own business and is left alone.
 *
 * The judgement comes in two steps with nothing written in between (a later program decides there whether the
 * connection is this host's at all): sluice_decap_judge() reads, sluice_decap_strip() writes.
 *
 * Outer IPv4 with options and outer IPv6 with extension headers are never sent by a balancer: the former is refused,
 * the latter is left to the kernel, which has no tunnel for it.
 */
#ifndef SLUICE_DECAP_H
#define SLUICE_DECAP_H

#include "sluice_packet.h"

#define SLUICE_ECN_MASK 3u
#define SLUICE_ECN_ECT1 1u
#define SLUICE_ECN_ECT0 2u
#define SLUICE_ECN_CE 3u

#define SLUICE_GUE_BYTES 4u
#define SLUICE_GUE_HLEN_MASK 0x1fu

/* What an address means to this host; one address may be both. */
#define SLUICE_HOST_TUNNEL_END 1u /* outer packets may be addressed to it */
#define SLUICE_HOST_VIP 2u        /* inner packets may be addressed to it */

struct sluice_host_address {
  sluice_u32 address[4]; /* wire bytes; IPv4 in [0], the rest zero */
  sluice_u32 family;     /* 4 or 6 */
};

/* A range of outer sources, in the layout of a longest-prefix-match key: `bits` counts the family's 32 as well. */
struct sluice_source_range {
  sluice_u32 bits;
  sluice_u32 family;
  sluice_u32 address[4];
};

/* Counters of one CPU. The place of a reason is its number; room for those to come keeps pinned maps usable. */
#define SLUICE_DECAP_REASONS_MAX 64
struct sluice_decap_counters {
  sluice_u64 rx_packets;
  sluice_u64 rx_bytes;
  sluice_u64 reasons[SLUICE_DECAP_REASONS_MAX];
};
SLUICE_STATIC_ASSERT((int)SLUICE_REASON_COUNT <= SLUICE_DECAP_REASONS_MAX, "every reason has a counter");

#ifdef __bpf__

/* bpf/backend_tables.h: the same questions asked of BPF maps. */
struct sluice_decap_tables {
  sluice_u32 unused;
};
SLUICE_INLINE sluice_u32 sluice_host_meaning(const struct sluice_decap_tables* tables,
                                             const struct sluice_host_address* address);
SLUICE_INLINE int sluice_source_allowed(const struct sluice_decap_tables* tables,
                                        const struct sluice_source_range* source);
SLUICE_INLINE sluice_u16 sluice_decap_port(const struct sluice_decap_tables* tables);
SLUICE_INLINE int sluice_shrink_head(struct sluice_frame* frame, sluice_u32 bytes);

#else

struct sluice_host_entry {
  struct sluice_host_address address;
  sluice_u32 meaning; /* SLUICE_HOST_* */
};

/* Plain lists: user space decapsulates in tests only. */
struct sluice_decap_tables {
  const struct sluice_host_entry* addresses;
  const struct sluice_source_range* sources;
  sluice_u32 addresses_count;
  sluice_u32 sources_count;
  sluice_u16 gue_port;
};

SLUICE_INLINE sluice_u32 sluice_host_meaning(const struct sluice_decap_tables* tables,
                                             const struct sluice_host_address* address) {
  for (sluice_u32 i = 0; i < tables->addresses_count; ++i)
    if (memcmp(&tables->addresses[i].address, address, sizeof *address) == 0) return tables->addresses[i].meaning;
  return 0;
}

SLUICE_INLINE int sluice_range_covers(const struct sluice_source_range* range,
                                      const struct sluice_source_range* source) {
  if (range->family != source->family) return 0;
  for (sluice_u32 i = 0, left = range->bits - 32; left > 0; ++i) {
    const sluice_u32 bits = left < 32 ? left : 32;
    const sluice_u32 mask = sluice_swap32(0xffffffffu << (32 - bits));
    if ((range->address[i] ^ source->address[i]) & mask) return 0;
    left -= bits;
  }
  return 1;
}

SLUICE_INLINE int sluice_source_allowed(const struct sluice_decap_tables* tables,
                                        const struct sluice_source_range* source) {
  for (sluice_u32 i = 0; i < tables->sources_count; ++i)
    if (sluice_range_covers(&tables->sources[i], source)) return 1;
  return 0;
}

SLUICE_INLINE sluice_u16 sluice_decap_port(const struct sluice_decap_tables* tables) {
  return tables->gue_port;
}

/* Moves data up by `bytes`. Non-zero = the frame is shorter than that. */
SLUICE_INLINE int sluice_shrink_head(struct sluice_frame* frame, sluice_u32 bytes) {
  if ((sluice_u64)(frame->end - frame->data) < bytes) return -1;
  frame->data += bytes;
  return 0;
}

#endif

/* What the judgement leaves behind. */
struct sluice_decap {
  sluice_u32 l3_offset;   /* of the outer IP header */
  sluice_u32 outer_bytes; /* outer IP header up to the inner one: 20 .. 40 + 8 + 4 + 124 */
  sluice_u32 inner_bytes; /* room for the inner packet by the outer lengths */
  sluice_u8 protocol;     /* outer: IPIP, IPV6 or UDP; after GUE the inner packet's: IPIP or IPV6 */
  sluice_u8 outer_ecn;
  sluice_u8 inner_ecn; /* as it shall be */
};

SLUICE_INLINE int sluice_is_tunnel_protocol(sluice_u8 protocol) {
  return protocol == SLUICE_PROTO_IPIP || protocol == SLUICE_PROTO_IPV6;
}

/* Four words from `p` if the family is IPv6, else one and zeros. */
SLUICE_INLINE void sluice_copy_address(sluice_u32 to[4], const sluice_u8* p, int is_v6) {
  to[0] = sluice_load32(p);
  to[1] = is_v6 ? sluice_load32(p + 4) : 0;
  to[2] = is_v6 ? sluice_load32(p + 8) : 0;
  to[3] = is_v6 ? sluice_load32(p + 12) : 0;
}

SLUICE_INLINE sluice_u32 sluice_meaning_of(const struct sluice_decap_tables* tables, const sluice_u8* p, int is_v6) {
  struct sluice_host_address address;
  sluice_copy_address(address.address, p, is_v6);
  address.family = is_v6 ? 6 : 4;
  return sluice_host_meaning(tables, &address);
}

SLUICE_INLINE int sluice_is_balancer(const struct sluice_decap_tables* tables, const sluice_u8* p, int is_v6) {
  struct sluice_source_range source;
  sluice_copy_address(source.address, p, is_v6);
  source.family = is_v6 ? 6 : 4;
  source.bits = is_v6 ? 32 + 128 : 32 + 32;
  return sluice_source_allowed(tables, &source);
}

/* RFC 1071 over 20 bytes. */
SLUICE_INLINE int sluice_outer_checksum_wrong(const sluice_u8* l3) {
  sluice_u64 sum = (sluice_u64)sluice_load32(l3) + sluice_load32(l3 + 4) + sluice_load32(l3 + 8) +
                   sluice_load32(l3 + 12) + sluice_load32(l3 + 16);
  sum = (sum & 0xffffffffu) + (sum >> 32);
  sum = (sum & 0xffffu) + (sum >> 16);
  sum = (sum & 0xffffu) + (sum >> 16);
  sum = (sum & 0xffffu) + (sum >> 16);
  return sum != 0xffff;
}

/*
 * Is it a tunnel packet to this host at all? Needs only what every IP packet has, plus the UDP port. Everything that is
 * found wrong later is a drop.
 */
SLUICE_INLINE int sluice_is_tunnel(const struct sluice_frame* frame, const struct sluice_decap_tables* tables,
                                   struct sluice_decap* decap, int is_v6) {
  const sluice_u8* l3 = frame->data + decap->l3_offset;
  const sluice_u32 ip_bytes = is_v6 ? SLUICE_IPV6_BYTES : SLUICE_IPV4_BYTES;
  if (l3 + ip_bytes > frame->end || l3[0] >> 4 != (is_v6 ? 6 : 4)) return 0;
  decap->protocol = is_v6 ? l3[6] : l3[9];
  if (decap->protocol == SLUICE_PROTO_UDP) {
    /* With options the ports are elsewhere, in a later fragment nowhere: the host's own business. */
    if (!is_v6 && (l3[0] != 0x45 || (sluice_load16_be(l3 + 6) & SLUICE_IPV4_OFFSET))) return 0;
    if (l3 + ip_bytes + SLUICE_UDP_BYTES > frame->end) return 0;
    if (sluice_load16_be(l3 + ip_bytes + 2) != sluice_decap_port(tables)) return 0;
  } else if (!sluice_is_tunnel_protocol(decap->protocol)) {
    return 0;
  }
  return (sluice_meaning_of(tables, l3 + (is_v6 ? 24 : 16), is_v6) & SLUICE_HOST_TUNNEL_END) != 0;
}

/* Lengths, checksum and fragmentation of the outer IP header. Sets outer_bytes, inner_bytes and outer_ecn. */
SLUICE_INLINE enum sluice_reason sluice_judge_outer(const struct sluice_frame* frame, struct sluice_decap* decap,
                                                    int is_v6) {
  const sluice_u8* l3 = frame->data + decap->l3_offset;
  const sluice_u32 ip_bytes = is_v6 ? SLUICE_IPV6_BYTES : SLUICE_IPV4_BYTES;
  if (l3 + ip_bytes > frame->end) return SLUICE_REASON_internal;
  const sluice_u32 l3_bytes =
      is_v6 ? (sluice_u32)sluice_load16_be(l3 + 4) + SLUICE_IPV6_BYTES : sluice_load16_be(l3 + 2);
  if (l3_bytes < ip_bytes || l3_bytes > (sluice_u32)(frame->end - l3)) return SLUICE_REASON_tunnel_malformed;
  if (!is_v6) {
    if (l3[0] != 0x45 || (sluice_load16_be(l3 + 6) & (SLUICE_IPV4_MF | SLUICE_IPV4_OFFSET)) ||
        sluice_outer_checksum_wrong(l3))
      return SLUICE_REASON_tunnel_malformed;
  }
  decap->outer_ecn = (sluice_u8)((is_v6 ? l3[1] >> 4 : l3[1]) & SLUICE_ECN_MASK);
  decap->outer_bytes = ip_bytes;
  decap->inner_bytes = l3_bytes - ip_bytes;
  return SLUICE_REASON_delivered;
}

/*
 * UDP and GUE variant 0. No flag is known to us, and what an unknown flag means cannot be skipped safely; private data
 * (Sluice's chain) comes without a flag and is skipped by hlen. A UDP checksum is not verified: the balancer sends none
 * (RFC 6935), the inner packet carries its own, and it would not make a sender any more credible.
 */
SLUICE_INLINE enum sluice_reason sluice_judge_gue(const struct sluice_frame* frame, struct sluice_decap* decap,
                                                  int is_v6) {
  const sluice_u8* udp = frame->data + decap->l3_offset + (is_v6 ? SLUICE_IPV6_BYTES : SLUICE_IPV4_BYTES);
  if (decap->inner_bytes < SLUICE_UDP_BYTES + SLUICE_GUE_BYTES) return SLUICE_REASON_tunnel_malformed;
  if (udp + SLUICE_UDP_BYTES + SLUICE_GUE_BYTES > frame->end) return SLUICE_REASON_internal;
  if (sluice_load16_be(udp + 4) != decap->inner_bytes) return SLUICE_REASON_tunnel_malformed;
  const sluice_u8* gue = udp + SLUICE_UDP_BYTES;
  /* Version and control bit zero, flags zero. */
  if ((gue[0] & ~SLUICE_GUE_HLEN_MASK) != 0 || sluice_load16(gue + 2) != 0) return SLUICE_REASON_tunnel_malformed;
  const sluice_u32 header_bytes = SLUICE_UDP_BYTES + SLUICE_GUE_BYTES + (gue[0] & SLUICE_GUE_HLEN_MASK) * 4u;
  if (header_bytes > decap->inner_bytes || !sluice_is_tunnel_protocol(gue[1])) return SLUICE_REASON_tunnel_malformed;
  decap->protocol = gue[1];
  decap->outer_bytes += header_bytes;
  decap->inner_bytes -= header_bytes;
  return SLUICE_REASON_delivered;
}

/* RFC 6040 section 4.2. SLUICE_ECN_MASK + 1 = the packet is to be dropped. */
SLUICE_INLINE sluice_u32 sluice_decap_ecn(sluice_u32 outer, sluice_u32 inner) {
  if (outer == SLUICE_ECN_CE) return inner == 0 ? SLUICE_ECN_MASK + 1 : SLUICE_ECN_CE;
  if (outer == SLUICE_ECN_ECT1 && inner == SLUICE_ECN_ECT0) return SLUICE_ECN_ECT1;
  return inner;
}

SLUICE_INLINE enum sluice_reason sluice_judge_inner(const struct sluice_frame* frame,
                                                    const struct sluice_decap_tables* tables,
                                                    struct sluice_decap* decap, int is_v6) {
  const sluice_u8* l3 = frame->data + decap->l3_offset + decap->outer_bytes;
  const sluice_u32 ip_bytes = is_v6 ? SLUICE_IPV6_BYTES : SLUICE_IPV4_BYTES;
  if (decap->inner_bytes < ip_bytes) return SLUICE_REASON_tunnel_malformed;
  if (l3 + ip_bytes > frame->end) return SLUICE_REASON_internal;
  if (l3[0] >> 4 != (is_v6 ? 6 : 4)) return SLUICE_REASON_tunnel_malformed;
  const sluice_u32 header_bytes = is_v6 ? SLUICE_IPV6_BYTES : (sluice_u32)(l3[0] & 15) * 4;
  const sluice_u32 l3_bytes =
      is_v6 ? (sluice_u32)sluice_load16_be(l3 + 4) + SLUICE_IPV6_BYTES : sluice_load16_be(l3 + 2);
  if (header_bytes < ip_bytes || l3_bytes < header_bytes || l3_bytes > decap->inner_bytes)
    return SLUICE_REASON_tunnel_malformed;
  if (!(sluice_meaning_of(tables, l3 + (is_v6 ? 24 : 16), is_v6) & SLUICE_HOST_VIP)) return SLUICE_REASON_tunnel_inner;
  const sluice_u32 ecn = sluice_decap_ecn(decap->outer_ecn, (sluice_u32)(is_v6 ? l3[1] >> 4 : l3[1]) & SLUICE_ECN_MASK);
  if (ecn > SLUICE_ECN_MASK) return SLUICE_REASON_tunnel_malformed;
  decap->inner_ecn = (sluice_u8)ecn;
  return SLUICE_REASON_delivered;
}

/* The source comes before everything else: nothing of a stranger's packet is looked at. */
SLUICE_INLINE enum sluice_reason sluice_judge_family(const struct sluice_frame* frame,
                                                     const struct sluice_decap_tables* tables,
                                                     struct sluice_decap* decap, int is_v6) {
  if (SLUICE_LIKELY(!sluice_is_tunnel(frame, tables, decap, is_v6))) return SLUICE_REASON_not_tunnel;
  const sluice_u8* l3 = frame->data + decap->l3_offset;
  if (l3 + (is_v6 ? SLUICE_IPV6_BYTES : SLUICE_IPV4_BYTES) > frame->end) return SLUICE_REASON_internal;
  if (!sluice_is_balancer(tables, l3 + (is_v6 ? 8 : 12), is_v6)) return SLUICE_REASON_tunnel_source;
  const enum sluice_reason reason = sluice_judge_outer(frame, decap, is_v6);
  if (reason != SLUICE_REASON_delivered || decap->protocol != SLUICE_PROTO_UDP) return reason;
  return sluice_judge_gue(frame, decap, is_v6);
}

/* Ethernet and up to two tags: the ethertype behind them, 0 if the frame ends before or has more tags. Sets l3_offset.
 */
SLUICE_INLINE sluice_u16 sluice_decap_ethernet(const struct sluice_frame* frame, struct sluice_decap* decap) {
  const sluice_u8* data = frame->data;
  if (data + SLUICE_ETHERNET_BYTES > frame->end) return 0;
  sluice_u16 ethertype = sluice_load16_be(data + 12);
  sluice_u32 offset = SLUICE_ETHERNET_BYTES;
#pragma GCC unroll 2
  for (int tags = 0; tags < SLUICE_TAGS_MAX; ++tags) {
    if (SLUICE_LIKELY(ethertype != SLUICE_ETHERTYPE_8021Q && ethertype != SLUICE_ETHERTYPE_8021AD)) break;
    if (data + offset + SLUICE_TAG_BYTES > frame->end) return 0;
    ethertype = sluice_load16_be(data + offset + 2);
    offset += SLUICE_TAG_BYTES;
  }
  decap->l3_offset = offset;
  return ethertype;
}

/* SLUICE_REASON_delivered: `decap` is whole and sluice_decap_strip() is next. Reads only. */
SLUICE_INLINE enum sluice_reason sluice_decap_judge(const struct sluice_frame* frame,
                                                    const struct sluice_decap_tables* tables,
                                                    struct sluice_decap* decap) {
  const sluice_u16 ethertype = sluice_decap_ethernet(frame, decap);
  if (ethertype != SLUICE_ETHERTYPE_IPV4 && ethertype != SLUICE_ETHERTYPE_IPV6) return SLUICE_REASON_not_tunnel;
  const enum sluice_reason reason = ethertype == SLUICE_ETHERTYPE_IPV6 ? sluice_judge_family(frame, tables, decap, 1)
                                                                       : sluice_judge_family(frame, tables, decap, 0);
  if (reason != SLUICE_REASON_delivered) return reason;
  return decap->protocol == SLUICE_PROTO_IPV6 ? sluice_judge_inner(frame, tables, decap, 1)
                                              : sluice_judge_inner(frame, tables, decap, 0);
}

/* The inner header's ECN field; IPv4's checksum follows by RFC 1624, eqn. 3, over the first word. */
SLUICE_INLINE void sluice_set_ecn(sluice_u8* l3, sluice_u32 ecn, int is_v6) {
  if (is_v6) {
    l3[1] = (sluice_u8)((l3[1] & ~(SLUICE_ECN_MASK << 4)) | ecn << 4);
    return;
  }
  if ((l3[1] & SLUICE_ECN_MASK) == ecn) return;
  const sluice_u16 before = sluice_load16(l3);
  l3[1] = (sluice_u8)((l3[1] & ~SLUICE_ECN_MASK) | ecn);
  const sluice_u32 sum = (sluice_u32)(sluice_u16)~sluice_load16(l3 + 10) + (sluice_u16)~before + sluice_load16(l3);
  const sluice_u32 folded = (sum & 0xffff) + (sum >> 16);
  sluice_store16(l3 + 10, (sluice_u16) ~((folded & 0xffff) + (folded >> 16)));
}

/*
 * Takes the outer headers off: Ethernet addresses and tags move up to the inner packet. Bytes after it stay (the stack
 * goes by the IP length). Nothing is checked here that the judgement has not checked.
 */
SLUICE_INLINE enum sluice_reason sluice_decap_strip(struct sluice_frame* frame, const struct sluice_decap* decap) {
  const sluice_u32 l3_offset = decap->l3_offset;
  const int is_v6 = decap->protocol == SLUICE_PROTO_IPV6;
  sluice_u8* data = frame->data;
  /* Every outer header is 20 bytes at least, so this reads no further than it. */
  if (data + SLUICE_ETHERNET_BYTES + 2 * SLUICE_TAG_BYTES > frame->end) return SLUICE_REASON_internal;
  const sluice_u64 macs_low = sluice_load64(data);
  const sluice_u32 macs_high = sluice_load32(data + 8);
  const sluice_u32 first_tag = sluice_load32(data + 12);
  const sluice_u32 second_tag = sluice_load32(data + 16);
  if (sluice_shrink_head(frame, decap->outer_bytes)) return SLUICE_REASON_internal;
  data = frame->data;
  sluice_u8* l3 = data + l3_offset;
  if (l3 + SLUICE_IPV4_BYTES > frame->end) return SLUICE_REASON_internal;
  sluice_store64(data, macs_low);
  sluice_store32(data + 8, macs_high);
  if (l3_offset > SLUICE_ETHERNET_BYTES) sluice_store32(data + 12, first_tag);
  if (l3_offset > SLUICE_ETHERNET_BYTES + SLUICE_TAG_BYTES) sluice_store32(data + 16, second_tag);
  sluice_store16_be(l3 - 2, is_v6 ? SLUICE_ETHERTYPE_IPV6 : SLUICE_ETHERTYPE_IPV4);
  sluice_set_ecn(l3, decap->inner_ecn, is_v6);
  return SLUICE_REASON_delivered;
}

/* One frame, judged and, if it is due, decapsulated. Any reason but delivered leaves it as it was. */
SLUICE_INLINE enum sluice_reason sluice_decapsulate(struct sluice_frame* frame,
                                                    const struct sluice_decap_tables* tables) {
  struct sluice_decap decap = SLUICE_ZERO;
  const enum sluice_reason reason = sluice_decap_judge(frame, tables, &decap);
  return reason == SLUICE_REASON_delivered ? sluice_decap_strip(frame, &decap) : reason;
}

#endif
