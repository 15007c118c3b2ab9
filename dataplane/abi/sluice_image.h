/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The forwarding image: flat arrays of 64-byte lines, written by one writer (core/image) through plain memory and read
 * by every plane through these structs. docs/architecture.md section "The image" explains the life of a generation.
 *
 *   array     line holds                                     index
 *   control   the active word; two generation blocks         0; 4 * (1 + (generation & 1))
 *   vips      one service or address key and its pool        parity * vips_lines + hash, then a second choice
 *   slots     32 slot entries of 16 bits                     vip.slots_line + slot / 32
 *   past      up to 8 unstable slots' previous owners        vip.past_line + (slot >> vip.past_shift)
 *   members   16 backend indices                             vip.members_line + member / 16
 *   backends  one backend: how to reach it                   backend index
 *   flows     8 flows                                        worker * flows_lines + bucket
 *   counters  per worker: head, reasons, services, backends  worker * counters_stride + ...
 *
 * A reader takes the active word once, at the start of a packet, and follows only what that generation's block says:
 * so a packet sees one generation whole. The writer reuses an old generation's lines only after every reader has moved
 * on.
 */
#ifndef SLUICE_IMAGE_H
#define SLUICE_IMAGE_H

#include "sluice_limits.h"
#include "sluice_reasons.h"
#include "sluice_types.h"

/* Raised whenever a struct below changes meaning; a plane refuses pinned maps of another number. */
#define SLUICE_IMAGE_VERSION 1

#define SLUICE_ASSERT_LINE(type) \
  SLUICE_STATIC_ASSERT(sizeof(struct type) == SLUICE_LINE_BYTES, #type " must be exactly one line")

struct sluice_line {
  sluice_u64 words[8];
};
SLUICE_ASSERT_LINE(sluice_line);

/* Line 0 of control. */
struct sluice_active {
  sluice_u64 generation; /* the one word that switches; 0 = nothing published, everything goes to the kernel */
  sluice_u64 image_version;
  sluice_u64 updated_ns; /* CLOCK_REALTIME of the last publish, for `sluice status` */
  sluice_u64 reserved[5];
};
SLUICE_ASSERT_LINE(sluice_active);

/* Multipliers of the keyed hash, derived from the cluster's secret (sluice_hash.h). */
struct sluice_hash_key {
  sluice_u64 offset;      /* added once: makes the all-zero tuple as random as any other */
  sluice_u64 service;     /* of the word destination port | protocol << 16 | kind << 24 */
  sluice_u64 source_port; /* of the source port */
  sluice_u64 destination[4];
  sluice_u64 source[4];
  sluice_u64 mix[2]; /* odd multipliers of the finaliser */
  sluice_u64 reserved[3];
};
SLUICE_STATIC_ASSERT(sizeof(struct sluice_hash_key) == 2 * SLUICE_LINE_BYTES, "two lines");

/* One generation's root: everything a packet needs to know before its service. Four lines, double-buffered by parity.
 */
struct sluice_generation {
  sluice_u64 generation;
  sluice_u32 vips_line;         /* first line of this generation's buffer in vips */
  sluice_u32 vips_mask;         /* lines in the buffer - 1; a power of two less one */
  sluice_u32 flags;             /* SLUICE_GENERATION_* */
  sluice_u32 flows_mask;        /* lines of one worker's flow table - 1 */
  sluice_u32 inserts_per_tick;  /* bound of new flow entries per worker and tick */
  sluice_u32 icmp_per_tick;     /* bound of packets answered in place per worker and tick */
  sluice_u32 counters_stride;   /* lines per worker in counters */
  sluice_u32 counters_backends; /* first backend line within a worker's counters */
  sluice_u32 workers;
  sluice_u32 reserved[5];
  struct sluice_hash_key key;
  struct sluice_line spare;
};
SLUICE_STATIC_ASSERT(sizeof(struct sluice_generation) == 4 * SLUICE_LINE_BYTES, "four lines");

#define SLUICE_GENERATION_ANY_PORT 1u /* some service takes every port: a second look-up is worth it */
#define SLUICE_GENERATION_HAS_V4 2u
#define SLUICE_GENERATION_HAS_V6 4u

struct sluice_control {
  struct sluice_active active;
  struct sluice_line spare[3];
  struct sluice_generation generations[2];
};
SLUICE_STATIC_ASSERT(sizeof(struct sluice_control) == 12 * SLUICE_LINE_BYTES, "one line, three spare, two blocks");

/* What a line of vips answers for. */
#define SLUICE_KEY_EMPTY 0u
#define SLUICE_KEY_SERVICE_V4 1u /* (address, port, protocol); port 0 = any */
#define SLUICE_KEY_SERVICE_V6 2u
#define SLUICE_KEY_ADDRESS_V4 3u /* (address, 0, protocol): later fragments, truncated packets, ICMP echo */
#define SLUICE_KEY_ADDRESS_V6 4u

#define SLUICE_VIP_TRACK 1u       /* flow table */
#define SLUICE_VIP_FRAGMENTS 2u   /* every packet is hashed by (source, destination, protocol) */
#define SLUICE_VIP_UNREACHABLE 4u /* answer ICMP port unreachable when the pool is empty */
#define SLUICE_VIP_CHAIN 8u       /* backends run the second chance: unstable slots carry their previous owners */
#define SLUICE_VIP_EMPTY 16u      /* no eligible backend: slots_* mean nothing */

struct sluice_vip {
  sluice_u32 address[4]; /* wire bytes; IPv4 in [0], the rest zero */
  sluice_u16 port_be;
  sluice_u8 protocol; /* IANA number */
  sluice_u8 kind;     /* SLUICE_KEY_* */
  sluice_u32 chained; /* non-zero: a key whose first choice is this line lives in its second choice */
  sluice_u32 flags;   /* SLUICE_VIP_* */
  sluice_u32 service; /* index of its counters */
  sluice_u32 slots_line;
  sluice_u32 slots_count; /* M */
  sluice_u32 past_line;
  sluice_u32 past_shift;
  sluice_u32 members_line;
  sluice_u32 past_count;    /* lines; for the writer that comes after this one */
  sluice_u32 members_count; /* lines; as above */
  sluice_u32 reserved;
};
SLUICE_ASSERT_LINE(sluice_vip);

#define SLUICE_SLOTS_PER_LINE 32
struct sluice_slots {
  sluice_u16 entry[SLUICE_SLOTS_PER_LINE]; /* member index | SLUICE_SLOT_UNSTABLE */
};
SLUICE_ASSERT_LINE(sluice_slots);

#define SLUICE_PAST_PER_LINE 8
struct sluice_past_entry {
  sluice_u16 slot_low;                /* slot & 0xffff; a line covers at most 65,536 slots, so this is unambiguous */
  sluice_u16 member[SLUICE_PAST_MAX]; /* youngest first; SLUICE_MEMBER_NONE ends the list and marks an empty entry */
};
struct sluice_past {
  struct sluice_past_entry entry[SLUICE_PAST_PER_LINE];
};
SLUICE_ASSERT_LINE(sluice_past);

#define SLUICE_MEMBERS_PER_LINE 16
struct sluice_members {
  sluice_u32 backend[SLUICE_MEMBERS_PER_LINE];
};
SLUICE_ASSERT_LINE(sluice_members);

enum sluice_encapsulation {
  SLUICE_ENCAP_NONE = 0, /* the line is not in use */
  SLUICE_ENCAP_L2 = 1,
  SLUICE_ENCAP_IPIP_V4 = 2, /* outer IPv4 (RFC 2003, RFC 4213) */
  SLUICE_ENCAP_IPIP_V6 = 3, /* outer IPv6 (RFC 2473) */
  SLUICE_ENCAP_GUE_V4 = 4,  /* outer IPv4 + UDP + GUE (draft-ietf-intarea-gue-09, variant 0) */
  SLUICE_ENCAP_GUE_V6 = 5,
};

#define SLUICE_BACKEND_ALIVE 1u /* may be sent packets; cleared first when a backend leaves for good */

/*
 * How to reach one backend. `mac_low` is stored with one 64-bit store, so a changed next hop is seen whole: the first
 * 8 bytes of the Ethernet header (destination MAC, first half of the source MAC).
 */
struct sluice_backend {
  sluice_u64 mac_low;      /* 0 = next hop not resolved */
  sluice_u32 mac_high;     /* remaining 4 bytes of the source MAC */
  sluice_u16 inner_mtu;    /* longest inner IP packet that fits the path with the plain outer header */
  sluice_u8 encapsulation; /* enum sluice_encapsulation */
  sluice_u8 flags;         /* SLUICE_BACKEND_* */
  sluice_u32 source[4];    /* outer addresses, wire bytes */
  sluice_u32 destination[4];
  sluice_u32 checksum; /* outer IPv4 header: one's complement sum of the constant 16-bit words, not folded */
  sluice_u16 port_be;  /* GUE destination port */
  sluice_u16 reserved;
  sluice_u32 interface; /* egress interface index; 0 = the one the packet came in by */
  sluice_u32 id;        /* the backend's name in a chain (sluice_encap.h): equal on every balancer and backend */
};
SLUICE_ASSERT_LINE(sluice_backend);

/* One flow: tag << 32 | backend << 12 | time. 0 = empty. */
struct sluice_flows {
  sluice_u64 entry[SLUICE_FLOWS_PER_LINE];
};
SLUICE_ASSERT_LINE(sluice_flows);

/* Counters of one worker (one CPU for XDP, one lcore for DPDK). Only that worker writes; anyone may read. */
struct sluice_worker_head {
  sluice_u64 rx_packets;
  sluice_u64 rx_bytes; /* whole frames */
  sluice_u32 insert_tick;
  sluice_u32 insert_count;
  sluice_u32 icmp_tick;
  sluice_u32 icmp_count;
  sluice_u64 flow_hits;
  sluice_u64 flow_inserts;
  sluice_u64 flow_inserts_limited; /* above inserts_per_tick: forwarded by the slot table, not remembered */
  sluice_u64 flow_evictions;       /* a live entry made room */
};
SLUICE_ASSERT_LINE(sluice_worker_head);

#define SLUICE_REASONS_PER_LINE 8
#define SLUICE_REASON_LINES 8 /* room for 64 reasons */
SLUICE_STATIC_ASSERT(SLUICE_REASON_COUNT <= SLUICE_REASON_LINES * SLUICE_REASONS_PER_LINE, "reasons fit their lines");
struct sluice_reason_counters {
  sluice_u64 packets[SLUICE_REASONS_PER_LINE];
};
SLUICE_ASSERT_LINE(sluice_reason_counters);

struct sluice_traffic {
  sluice_u64 packets;   /* sent on */
  sluice_u64 bytes;     /* inner IP packets */
  sluice_u64 new_flows; /* TCP SYN without ACK; UDP flows newly entered into the flow table */
  sluice_u64 drops;     /* services: named drops after the match. Backends: none, always 0 */
};
#define SLUICE_TRAFFIC_PER_LINE 2
struct sluice_traffic_counters {
  struct sluice_traffic traffic[SLUICE_TRAFFIC_PER_LINE];
};
SLUICE_ASSERT_LINE(sluice_traffic_counters);

/* Where things stand within one worker's counters. */
#define SLUICE_COUNTERS_REASONS 1
#define SLUICE_COUNTERS_SERVICES (SLUICE_COUNTERS_REASONS + SLUICE_REASON_LINES)

#endif
