/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Frame -> what the packet path needs to know of it. Reads, never writes.
 *
 * Parsing judges nothing that could be the host's own business: a broken packet that is not for a VIP belongs to the
 * kernel. So a contradiction is noted in `fault` and becomes a drop only after a service has matched.
 */
#ifndef SLUICE_PACKET_H
#define SLUICE_PACKET_H

#include "sluice_image.h"

/* A frame in memory. */
struct sluice_frame {
  sluice_u8* data;
  sluice_u8* end;
#ifdef __bpf__
  void* context; /* struct xdp_md; data and end are its packet pointers */
#else
  sluice_u8* head; /* lowest address data may be moved down to */
#endif
};

#ifdef __bpf__
/* bpf/frame.h: the helpers that move a packet's ends. Non-zero = refused. */
SLUICE_INLINE int sluice_grow_head(struct sluice_frame* frame, sluice_u32 bytes);
SLUICE_INLINE int sluice_trim(struct sluice_frame* frame, sluice_u32 bytes);
#else
/* Moves data down by `bytes`; the new bytes are undefined. Non-zero = no room. */
SLUICE_INLINE int sluice_grow_head(struct sluice_frame* frame, sluice_u32 bytes) {
  if ((sluice_u64)(frame->data - frame->head) < bytes) return -1;
  frame->data -= bytes;
  return 0;
}
/* Shortens the frame to `bytes` in all. Non-zero = it is shorter already. */
SLUICE_INLINE int sluice_trim(struct sluice_frame* frame, sluice_u32 bytes) {
  if ((sluice_u64)(frame->end - frame->data) < bytes) return -1;
  frame->end = frame->data + bytes;
  return 0;
}
#endif

/* The longest stretch ever summed: an ICMP header and its quote. */
#define SLUICE_SUM_BYTES_MAX (8 + SLUICE_ICMP_QUOTE_MAX)

/* One's complement sum, not folded, of `bytes` bytes from `offset` on, as little-endian words; stops at the frame's
 * end. */
SLUICE_INLINE sluice_u32 sluice_sum_inline(const struct sluice_frame* frame, sluice_u32 offset, sluice_u32 bytes) {
  sluice_u32 sum = 0;
  const sluice_u8* p = frame->data + offset;
#ifdef __clang__
#pragma clang loop unroll(disable)
#endif
  for (sluice_u32 i = 0; i < SLUICE_SUM_BYTES_MAX; i += 2) {
    if (i >= bytes) return sum;
    SLUICE_OPAQUE(p);
    if (p + 1 > frame->end) return sum;
    if (i + 1 == bytes || p + 2 > frame->end) return sum + *p;
    sum += sluice_load16(p);
    p += 2;
  }
  return sum;
}

#ifdef __bpf__
/* bpf/balancer.bpf.c: a global function, so that the loop is verified once. */
SLUICE_INLINE sluice_u32 sluice_sum(const struct sluice_frame* frame, sluice_u32 offset, sluice_u32 bytes);
#else
#define sluice_sum sluice_sum_inline
#endif

#define SLUICE_ETHERTYPE_IPV4 0x0800
#define SLUICE_ETHERTYPE_IPV6 0x86dd
#define SLUICE_ETHERTYPE_8021Q 0x8100
#define SLUICE_ETHERTYPE_8021AD 0x88a8

#define SLUICE_PROTO_ICMP 1
#define SLUICE_PROTO_IPIP 4
#define SLUICE_PROTO_TCP 6
#define SLUICE_PROTO_UDP 17
#define SLUICE_PROTO_IPV6 41
#define SLUICE_PROTO_ICMPV6 58

#define SLUICE_ETHERNET_BYTES 14u
#define SLUICE_TAG_BYTES 4u
#define SLUICE_IPV4_BYTES 20u
#define SLUICE_IPV6_BYTES 40u
#define SLUICE_UDP_BYTES 8u
#define SLUICE_TCP_BYTES 20u
#define SLUICE_ICMP_BYTES 8u

#define SLUICE_TCP_SYN 0x02
#define SLUICE_TCP_ACK 0x10

#define SLUICE_IPV4_DF 0x4000
#define SLUICE_IPV4_MF 0x2000
#define SLUICE_IPV4_OFFSET 0x1fff

/* What parsing found. */
enum sluice_shape {
  SLUICE_SHAPE_KERNEL,         /* not ours to look at; `fault` says why */
  SLUICE_SHAPE_FLOW,           /* TCP or UDP with readable ports; `first_fragment` may be set */
  SLUICE_SHAPE_LATER_FRAGMENT, /* TCP or UDP without ports */
  SLUICE_SHAPE_TRUNCATED,      /* TCP or UDP whose transport header is not all there */
  SLUICE_SHAPE_ICMP,           /* ICMP or ICMPv6 with its 8 bytes readable, not a fragment */
  SLUICE_SHAPE_UNCOMMON,       /* unless SLUICE_FULL: start again with SLUICE_FULL */
};

/*
 * Nearly every packet is whole, has no options and is TCP or UDP. The road for those is compiled on its own
 * (SLUICE_COMMON): it stays in registers and few cache lines, and the BPF verifier sees two small programs instead of
 * one whose branches multiply. A packet that turns out to be something else starts again on the full road, before
 * anything has been written or counted. Both roads are these same functions, so there is nothing to keep in step.
 */
enum sluice_depth {
  SLUICE_COMMON, /* as above, untagged */
  SLUICE_TAGGED, /* the same with VLAN tags; a road of its own keeps the IP header at a constant place in the other */
  SLUICE_FULL,
};

struct sluice_packet {
  sluice_u32 source[4];      /* wire bytes; IPv4 in [0] */
  sluice_u32 destination[4]; /* wire bytes; IPv4 in [0] */
  sluice_u16 source_port;    /* host order */
  sluice_u16 destination_port;
  sluice_u16 l3_offset; /* bytes from the start of the frame to the IP header */
  sluice_u16 l4_offset; /* from the start of the IP header to the transport header */
  sluice_u16 l3_bytes;  /* length of the IP packet by its own header; IPv6: 40 + payload length */
  sluice_u8 protocol;   /* of the transport header */
  sluice_u8 tcp_flags;
  sluice_u8 ttl;
  sluice_u8 traffic_class; /* DSCP and ECN */
  sluice_u8 first_fragment;
  sluice_u8 dont_fragment; /* IPv4 DF; always 1 for IPv6 */
  sluice_u8 is_v6;
  sluice_u8 tagged; /* SLUICE_COMMON only: gave up because of a VLAN tag */
  sluice_u8 quoted; /* in: the packet is quoted in an ICMP error, cut after 8 bytes of transport (RFC 792) */
  sluice_u8 fault;  /* enum sluice_reason; SLUICE_REASON_forwarded = none */
};

SLUICE_INLINE int sluice_is_flow_protocol(sluice_u8 protocol) {
  return protocol == SLUICE_PROTO_TCP || protocol == SLUICE_PROTO_UDP;
}

SLUICE_INLINE enum sluice_shape sluice_to_kernel(struct sluice_packet* packet, enum sluice_reason reason) {
  packet->fault = (sluice_u8)reason;
  return SLUICE_SHAPE_KERNEL;
}

/* Ethernet and up to two tags. On return l3_offset is set and the ethertype is returned; 0 = hand to the kernel. */
SLUICE_INLINE sluice_u16 sluice_parse_ethernet(const struct sluice_frame* frame, struct sluice_packet* packet,
                                               enum sluice_depth depth) {
  const sluice_u8* data = frame->data;
  if (data + SLUICE_ETHERNET_BYTES > frame->end) {
    sluice_to_kernel(packet, SLUICE_REASON_unparsed);
    return 0;
  }
  sluice_u16 ethertype = sluice_load16_be(data + 12);
  sluice_u16 offset = SLUICE_ETHERNET_BYTES;
  if (depth == SLUICE_COMMON) {
    packet->l3_offset = SLUICE_ETHERNET_BYTES;
    return ethertype; /* a tag's ethertype is neither IP's: the caller starts again */
  }
  for (int tags = 0; SLUICE_UNLIKELY(ethertype == SLUICE_ETHERTYPE_8021Q || ethertype == SLUICE_ETHERTYPE_8021AD);
       ++tags) {
    if (tags == SLUICE_TAGS_MAX) {
      sluice_to_kernel(packet, SLUICE_REASON_vlan_depth);
      return 0;
    }
    if (data + offset + SLUICE_TAG_BYTES > frame->end) {
      sluice_to_kernel(packet, SLUICE_REASON_unparsed);
      return 0;
    }
    ethertype = sluice_load16_be(data + offset + 2);
    offset = (sluice_u16)(offset + SLUICE_TAG_BYTES);
  }
  packet->l3_offset = offset;
  return ethertype;
}

/*
 * Transport header at `l4`, `available` bytes of the IP packet from there on (by the IP header, not the frame).
 * A first fragment must hold its whole transport header (RFC 1858 section 3), but not the payload UDP announces.
 */
SLUICE_INLINE enum sluice_shape sluice_parse_transport(const struct sluice_frame* frame, struct sluice_packet* packet,
                                                       const sluice_u8* l4, sluice_u32 available) {
  const enum sluice_reason too_short = packet->first_fragment ? SLUICE_REASON_fragment_tiny : SLUICE_REASON_bad_length;
  if (packet->quoted) {
    if (l4 + 8 > frame->end) return SLUICE_SHAPE_TRUNCATED;
  } else if (packet->protocol == SLUICE_PROTO_TCP) {
    if (l4 + SLUICE_TCP_BYTES > frame->end) return SLUICE_SHAPE_TRUNCATED;
    const sluice_u32 header_bytes = (sluice_u32)(l4[12] >> 4) * 4;
    packet->tcp_flags = l4[13];
    if (header_bytes < SLUICE_TCP_BYTES) packet->fault = SLUICE_REASON_bad_length;
    if (header_bytes > available || available < SLUICE_TCP_BYTES) packet->fault = (sluice_u8)too_short;
  } else {
    if (l4 + SLUICE_UDP_BYTES > frame->end) return SLUICE_SHAPE_TRUNCATED;
    const sluice_u32 udp_bytes = sluice_load16_be(l4 + 4);
    if (udp_bytes < SLUICE_UDP_BYTES || (udp_bytes > available && !packet->first_fragment))
      packet->fault = SLUICE_REASON_bad_length;
    if (available < SLUICE_UDP_BYTES) packet->fault = (sluice_u8)too_short;
  }
  packet->source_port = sluice_load16_be(l4);
  packet->destination_port = sluice_load16_be(l4 + 2);
  return SLUICE_SHAPE_FLOW;
}

/* What follows the IP header and its options or extension headers, for either family. */
SLUICE_INLINE enum sluice_shape sluice_parse_upper(const struct sluice_frame* frame, struct sluice_packet* packet,
                                                   const sluice_u8* l4, int later_fragment) {
  const sluice_u32 l4_offset = packet->l4_offset;
  const sluice_u32 available = packet->l3_bytes > l4_offset ? packet->l3_bytes - l4_offset : 0;
  if (SLUICE_LIKELY(sluice_is_flow_protocol(packet->protocol))) {
    if (SLUICE_UNLIKELY(later_fragment)) return SLUICE_SHAPE_LATER_FRAGMENT;
    return sluice_parse_transport(frame, packet, l4, available);
  }
  if (packet->protocol == (packet->is_v6 ? SLUICE_PROTO_ICMPV6 : SLUICE_PROTO_ICMP)) {
    if (later_fragment || packet->first_fragment) return sluice_to_kernel(packet, SLUICE_REASON_not_vip);
    if (l4 + SLUICE_ICMP_BYTES > frame->end) return sluice_to_kernel(packet, SLUICE_REASON_unparsed);
    if (available < SLUICE_ICMP_BYTES) packet->fault = SLUICE_REASON_bad_length;
    return SLUICE_SHAPE_ICMP;
  }
  return sluice_to_kernel(packet, SLUICE_REASON_not_vip);
}

SLUICE_INLINE enum sluice_shape sluice_parse_ipv4(const struct sluice_frame* frame, struct sluice_packet* packet,
                                                  enum sluice_depth depth) {
  const sluice_u8* l3 = frame->data + packet->l3_offset;
  if (l3 + SLUICE_IPV4_BYTES > frame->end) return sluice_to_kernel(packet, SLUICE_REASON_unparsed);
  if (l3[0] >> 4 != 4) return sluice_to_kernel(packet, SLUICE_REASON_unparsed);
  const sluice_u16 header_bytes = (sluice_u16)((l3[0] & 15) * 4);
  const sluice_u16 fragment = sluice_load16_be(l3 + 6);
  if (depth != SLUICE_FULL && SLUICE_UNLIKELY(l3[0] != 0x45 || (fragment & (SLUICE_IPV4_MF | SLUICE_IPV4_OFFSET)) ||
                                              !sluice_is_flow_protocol(l3[9])))
    return SLUICE_SHAPE_UNCOMMON;
  packet->is_v6 = 0;
  packet->traffic_class = l3[1];
  packet->l3_bytes = sluice_load16_be(l3 + 2);
  packet->l4_offset = header_bytes;
  packet->ttl = l3[8];
  packet->protocol = l3[9];
  packet->source[0] = sluice_load32(l3 + 12);
  packet->destination[0] = sluice_load32(l3 + 16);
  packet->dont_fragment = (fragment & SLUICE_IPV4_DF) != 0;
  packet->first_fragment = (fragment & (SLUICE_IPV4_MF | SLUICE_IPV4_OFFSET)) == SLUICE_IPV4_MF;
  if (packet->l3_bytes < header_bytes || packet->l3_bytes > (sluice_u32)(frame->end - l3))
    packet->fault = SLUICE_REASON_bad_length;
  if (header_bytes < SLUICE_IPV4_BYTES) { /* no transport header to be found: the rest of the packet is meaningless */
    packet->fault = SLUICE_REASON_bad_length;
    return sluice_is_flow_protocol(packet->protocol) ? SLUICE_SHAPE_TRUNCATED
                                                     : sluice_to_kernel(packet, SLUICE_REASON_not_vip);
  }
  if (depth != SLUICE_FULL) return sluice_parse_upper(frame, packet, l3 + SLUICE_IPV4_BYTES, 0);
  return sluice_parse_upper(frame, packet, l3 + header_bytes, (fragment & SLUICE_IPV4_OFFSET) != 0);
}

#define SLUICE_EXT_HOP_BY_HOP 0
#define SLUICE_EXT_ROUTING 43
#define SLUICE_EXT_FRAGMENT 44
#define SLUICE_EXT_AUTHENTICATION 51
#define SLUICE_EXT_DESTINATION 60

SLUICE_INLINE int sluice_is_ext_header(sluice_u8 next) {
  return next == SLUICE_EXT_HOP_BY_HOP || next == SLUICE_EXT_ROUTING || next == SLUICE_EXT_FRAGMENT ||
         next == SLUICE_EXT_AUTHENTICATION || next == SLUICE_EXT_DESTINATION;
}

/*
 * A walk along IPv6 extension headers (RFC 8200 section 4) and how it ended, in 64 bits so that BPF can have it as a
 * function of its own: bytes from the IP header to what follows, the protocol of that, and flags.
 */
struct sluice_ext_walk {
  sluice_u16 offset;
  sluice_u8 next;
  sluice_u8 later_fragment;
  sluice_u8 first_fragment;
  sluice_u8 stop; /* enum sluice_reason; SLUICE_REASON_forwarded = reached a header that is no extension */
  sluice_u16 reserved;
};
SLUICE_STATIC_ASSERT(sizeof(struct sluice_ext_walk) == 8, "returned in a register");

SLUICE_INLINE enum sluice_reason sluice_ext_step(const struct sluice_frame* frame, const sluice_u8* l3,
                                                 struct sluice_ext_walk* walk) {
  const sluice_u8* header = l3 + walk->offset;
  if (header + 8 > frame->end) return SLUICE_REASON_unparsed;
  sluice_u32 bytes = ((sluice_u32)header[1] + 1) * 8;
  if (walk->next == SLUICE_EXT_FRAGMENT) {
    const sluice_u16 fragment = sluice_load16_be(header + 2);
    bytes = 8;
    if (fragment & 0xfff8) walk->later_fragment = 1;
    /* Offset 0 and no more to come is an atomic fragment: a whole packet (RFC 6946). */
    if ((fragment & 0xfff9) == 1) walk->first_fragment = 1;
  } else if (walk->next == SLUICE_EXT_AUTHENTICATION) {
    bytes = ((sluice_u32)header[1] + 2) * 4; /* RFC 4302 section 2.2 */
  } else if (walk->next == SLUICE_EXT_ROUTING && header[3] != 0) {
    return SLUICE_REASON_ext_headers; /* segments left: the destination is only a waypoint (RFC 8200 section 4.4) */
  }
  const sluice_u32 offset = walk->offset + bytes;
  if (offset > SLUICE_IPV6_BYTES + SLUICE_EXT_BYTES_MAX) return SLUICE_REASON_ext_headers;
  walk->next = header[0];
  walk->offset = (sluice_u16)offset;
  return SLUICE_REASON_forwarded;
}

/* `l3_offset` as in struct sluice_packet (for a quoted packet it is larger), `next` = the fixed header's next header.
 */
SLUICE_INLINE struct sluice_ext_walk sluice_walk_inline(const struct sluice_frame* frame, sluice_u32 l3_offset,
                                                        sluice_u8 next) {
  struct sluice_ext_walk walk = {SLUICE_IPV6_BYTES, next, 0, 0, SLUICE_REASON_forwarded, 0};
  const sluice_u8* l3 = frame->data + l3_offset;
#ifdef __clang__
#pragma clang loop unroll(disable)
#endif
  for (int i = 0; i < SLUICE_EXT_HEADERS_MAX; ++i) {
    if (walk.later_fragment || !sluice_is_ext_header(walk.next)) return walk;
    walk.stop = (sluice_u8)sluice_ext_step(frame, l3, &walk);
    if (walk.stop != SLUICE_REASON_forwarded) return walk;
  }
  if (!walk.later_fragment && sluice_is_ext_header(walk.next)) walk.stop = SLUICE_REASON_ext_headers;
  return walk;
}

#ifdef __bpf__
/* bpf/balancer.bpf.c: a global function, verified once instead of once per road that leads here. */
SLUICE_INLINE struct sluice_ext_walk sluice_walk(const struct sluice_frame* frame, sluice_u32 l3_offset,
                                                 sluice_u8 next);
#else
#define sluice_walk sluice_walk_inline
#endif

SLUICE_INLINE enum sluice_shape sluice_parse_ipv6(const struct sluice_frame* frame, struct sluice_packet* packet,
                                                  enum sluice_depth depth) {
  const sluice_u8* l3 = frame->data + packet->l3_offset;
  if (l3 + SLUICE_IPV6_BYTES > frame->end) return sluice_to_kernel(packet, SLUICE_REASON_unparsed);
  if (l3[0] >> 4 != 6) return sluice_to_kernel(packet, SLUICE_REASON_unparsed);
  packet->is_v6 = 1;
  if (depth != SLUICE_FULL && !sluice_is_flow_protocol(l3[6])) return SLUICE_SHAPE_UNCOMMON;
  packet->dont_fragment = 1;
  packet->traffic_class = (sluice_u8)(sluice_load16_be(l3) >> 4);
  const sluice_u32 l3_bytes = (sluice_u32)sluice_load16_be(l3 + 4) + SLUICE_IPV6_BYTES;
  packet->ttl = l3[7];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    packet->source[i] = sluice_load32(l3 + 8 + 4 * i);
    packet->destination[i] = sluice_load32(l3 + 24 + 4 * i);
  }
  /* 65,496 to 65,535 bytes of payload exceed 16 bits with the header; no interface of ours carries such a frame. */
  packet->l3_bytes = l3_bytes > 0xffff ? 0xffff : (sluice_u16)l3_bytes;
  if (l3_bytes > (sluice_u32)(frame->end - l3)) packet->fault = SLUICE_REASON_bad_length;
  packet->protocol = l3[6];
  packet->l4_offset = SLUICE_IPV6_BYTES;
  if (depth != SLUICE_FULL) return sluice_parse_upper(frame, packet, l3 + SLUICE_IPV6_BYTES, 0);
  const struct sluice_ext_walk walk = sluice_walk(frame, packet->l3_offset, packet->protocol);
  if (walk.stop != SLUICE_REASON_forwarded) return sluice_to_kernel(packet, (enum sluice_reason)walk.stop);
  packet->protocol = walk.next;
  packet->first_fragment = walk.first_fragment;
  packet->l4_offset = walk.offset & 0x1ff; /* at most 40 + SLUICE_EXT_BYTES_MAX; the mask tells the verifier */
  return sluice_parse_upper(frame, packet, l3 + packet->l4_offset, walk.later_fragment);
}

#endif
