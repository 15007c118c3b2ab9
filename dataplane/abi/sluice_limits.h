/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Every bound of the packet path and of the image, with its reason. */
#ifndef SLUICE_LIMITS_H
#define SLUICE_LIMITS_H

#include "sluice_types.h"

/* One cache line on every machine the planes run on; the unit of every array of the image. */
#define SLUICE_LINE_BYTES 64

/* A slot entry is 16 bits: 15 for the member, one that says "this slot has previous owners". */
#define SLUICE_MEMBERS_MAX 32767
#define SLUICE_SLOT_UNSTABLE 0x8000u
/* Never stored in a published slot table; the empty pool is an entry flag, not a slot value. */
#define SLUICE_MEMBER_NONE 0x7fffu

/* A flow entry keeps the backend in 20 bits. Index 0 means "none". */
#define SLUICE_BACKENDS_MAX 1048575u

/* The chain that travels with a packet: the current owner and at most three before it. Three are enough for every
 * scenario of the churn simulator (sluice-bench churn); the fourth is headroom for the coming owner of a PREPARE. */
#define SLUICE_CANDIDATES_MAX 4
#define SLUICE_PAST_MAX (SLUICE_CANDIDATES_MAX - 1)

/* Eight entries of 8 bytes are one line, so a look-up costs at most one cache miss. */
#define SLUICE_FLOWS_PER_LINE 8
/* UDP has no end of flow: an entry idle for longer is forgotten. 30 s is the lower bound RFC 4787 section 4.3 (REQ-5)
 * names for well-known ports, and what Katran and IPVS-style balancers use. */
#define SLUICE_UDP_IDLE_TICKS 30

/* 802.1Q in 802.1ad; deeper stacks go to the kernel. */
#define SLUICE_TAGS_MAX 2
/* RFC 8200 section 4.1 lists 7 kinds, one of them allowed twice: 8 headers is the longest well-formed chain. */
#define SLUICE_EXT_HEADERS_MAX 8
/* Bounds the walk in bytes too; longer chains go to the kernel. 256 B carry every chain seen in practice (RFC 9098
 * section 3 names 64 to 256 B as what routers can look at). */
#define SLUICE_EXT_BYTES_MAX 256

/* The part of the offending packet quoted in an ICMP error: covers the longest header chain above and the first 8
 * bytes of transport (RFC 792; RFC 4443 section 2.4 (c) asks for as much as fits, TCP and UDP need no more). */
#define SLUICE_ICMP_QUOTE_MAX 304u
SLUICE_STATIC_ASSERT(SLUICE_ICMP_QUOTE_MAX >= 40 + SLUICE_EXT_BYTES_MAX + 8, "a quote must reach the ports");
SLUICE_STATIC_ASSERT(SLUICE_ICMP_QUOTE_MAX % 8 == 0, "the checksum loop takes whole words");

/* Outer TTL and hop limit: the recommended default of RFC 1700 / RFC 2003 section 3.1. */
#define SLUICE_OUTER_TTL 64
/* Below these a router may not go (RFC 791, RFC 8200 section 5); a "fragmentation needed" never names less. */
#define SLUICE_MTU_MIN_V4 576
#define SLUICE_MTU_MIN_V6 1280
/* Katran and the Linux FOU examples use the same port for GUE (IANA: gue, 6080). */
#define SLUICE_GUE_PORT 6080
/* generation (4), hop and count (4), three backend ids (4 each); see sluice_gue.h. */
#define SLUICE_GUE_CHAIN_BYTES_MAX 20
/* IPv6 + UDP + GUE + chain is the longest outer header. */
#define SLUICE_OUTER_BYTES_MAX (40 + 8 + 4 + SLUICE_GUE_CHAIN_BYTES_MAX)

#endif
