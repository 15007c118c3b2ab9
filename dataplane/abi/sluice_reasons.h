/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Every way a packet can leave a Sluice program, once. The list makes the enum, the counters, the texts of `sluice
 * drops` and the table in docs/reasons.md. rx = sum of all of them, always.
 *
 *   R(name, class, text)   class: TX (sent on), KERNEL (handed up untouched, or delivered), DROP
 *
 * Append only: the number is the counter's place, shared between program versions.
 */
#ifndef SLUICE_REASONS_H
#define SLUICE_REASONS_H

#include "sluice_types.h"

/* clang-format off */
#define SLUICE_REASONS(R)                                                                                              \
  R(forwarded,            TX,     "sent to a backend")                                                                 \
  R(forwarded_icmp_error, TX,     "ICMP error about a VIP's flow, sent to that flow's backend")                        \
  R(echo_replied,         TX,     "ICMP echo to a VIP, answered in place")                                             \
  R(too_big_replied,      TX,     "larger than the path after encapsulation; sender told the MTU by ICMP")             \
  R(unreachable_replied,  TX,     "no backend; sender told by ICMP port unreachable")                                  \
  R(not_ip,               KERNEL, "neither IPv4 nor IPv6 (ARP, LLDP, ...)")                                            \
  R(not_vip,              KERNEL, "no service has this address, port and protocol")                                    \
  R(vlan_depth,           KERNEL, "more than two VLAN tags")                                                           \
  R(ext_headers,          KERNEL, "IPv6 header chain too long, or a routing header with segments left")                \
  R(unparsed,             KERNEL, "frame ends before the addresses or protocol can be read")                           \
  R(bad_length,           DROP,   "a length field contradicts another length or the frame")                            \
  R(bad_checksum,         DROP,   "IPv4 header checksum is wrong")                                                     \
  R(ttl_expired,          DROP,   "TTL or hop limit was 0 or 1")                                                       \
  R(bad_source,           DROP,   "source is the VIP itself or cannot be a sender (multicast, 0/8, 127/8, ::): spoofed")\
  R(fragment_refused,     DROP,   "IP fragment, and the service does not allow fragments")                             \
  R(fragment_tiny,        DROP,   "first fragment too short to hold the transport header")                             \
  R(no_backend,           DROP,   "the pool has no eligible backend")                                                  \
  R(no_next_hop,          DROP,   "the link-layer address towards the backend is not known yet")                       \
  R(too_big_unanswered,   DROP,   "larger than the path after encapsulation, and no ICMP is due (DF clear, ICMP error)")\
  R(echo_limited,         DROP,   "ICMP echo to a VIP above the rate limit")                                           \
  R(too_big_limited,      DROP,   "larger than the path, and the ICMP answer is above the rate limit")                 \
  R(unreachable_limited,  DROP,   "no backend, and the ICMP answer is above the rate limit")                           \
  R(icmp_malformed,       DROP,   "ICMP error whose quoted packet contradicts its addresses or lengths")               \
  R(no_headroom,          DROP,   "the driver left no room for the outer header")                                      \
  R(internal,             DROP,   "a bug in Sluice: the image contradicts itself (please report)")                     \
  R(delivered,            KERNEL, "backend: decapsulated and delivered to the local stack")                            \
  R(not_tunnel,           KERNEL, "backend: not a tunnel packet to this host")                                         \
  R(tunnel_source,        DROP,   "backend: outer source is not a balancer of this cluster")                           \
  R(tunnel_inner,         DROP,   "backend: inner destination is not one of this host's VIPs")                         \
  R(tunnel_malformed,     DROP,   "backend: outer or GUE header is inconsistent")
/* clang-format on */

enum sluice_reason {
#define SLUICE_REASON_ENUM(name, class_, text) SLUICE_REASON_##name,
  SLUICE_REASONS(SLUICE_REASON_ENUM)
#undef SLUICE_REASON_ENUM
      SLUICE_REASON_COUNT
};

enum sluice_reason_class { SLUICE_CLASS_TX, SLUICE_CLASS_KERNEL, SLUICE_CLASS_DROP };

/* A constant array would need relocations in BPF; a switch of constants folds away. */
SLUICE_INLINE enum sluice_reason_class sluice_class_of(enum sluice_reason reason) {
  switch (reason) {
#define SLUICE_REASON_CASE(name, class_, text) \
  case SLUICE_REASON_##name:                   \
    return SLUICE_CLASS_##class_;
    SLUICE_REASONS(SLUICE_REASON_CASE)
#undef SLUICE_REASON_CASE
    case SLUICE_REASON_COUNT:
      break;
  }
  return SLUICE_CLASS_DROP;
}

#endif
