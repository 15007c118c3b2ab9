/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The keyed flow hash, version 1, and how its outputs become a service line, a slot, a flow bucket and a flow tag.
 *
 * Multilinear hashing (Lemire and Kaser, "Strongly universal string hashing is fast", 2014, section 3): over 64-bit
 * secret multipliers and 32-bit words, two different tuples collide in the full 64-bit sum with probability at most
 * 2^-32 over the choice of the key, whichever tuples an attacker picks. No set of tuples collides under every key, as
 * it would with a seeded CRC32C or jhash. A keyed bijection spreads the sum afterwards, so bits can be taken anywhere.
 *
 *   w      = destination port (host order) | protocol << 16 | kind << 24
 *   d      = offset + service * w + sum destination[i] * word_i     (1 word for IPv4, 4 for IPv6)
 *   f      = d + source_port * port + sum source[i] * word_i
 *   mix(x) = x ^= x >> 32; x *= mix[0]
 *   flow hash = mix(f)
 *   all modulo 2^64; address words are little-endian loads of the wire bytes
 *
 * Bits are taken from where they are best: from the top of a sum or product. The service look-up uses d itself, so the
 * two hashes are computed side by side. The flow table mixes once more (memory), since it takes bits from everywhere:
 *   memory = flow hash; memory ^= memory >> 29; memory *= mix[1]; memory ^= memory >> 32
 * How the multipliers follow from the cluster's 16-byte secret: core/image/hash_key.h.
 */
#ifndef SLUICE_HASH_H
#define SLUICE_HASH_H

#include "sluice_image.h"

#define SLUICE_HASH_VERSION 1

SLUICE_INLINE sluice_u64 sluice_hash_mix(const struct sluice_hash_key* key, sluice_u64 x) {
  x ^= x >> 32;
  return x * key->mix[0];
}

SLUICE_INLINE sluice_u64 sluice_hash_memory(const struct sluice_hash_key* key, sluice_u64 flow_hash) {
  flow_hash ^= flow_hash >> 29;
  flow_hash *= key->mix[1];
  return flow_hash ^ (flow_hash >> 32);
}

SLUICE_INLINE sluice_u32 sluice_service_word(sluice_u16 port, sluice_u8 protocol, sluice_u8 kind) {
  return (sluice_u32)port | (sluice_u32)protocol << 16 | (sluice_u32)kind << 24;
}

SLUICE_INLINE sluice_u64 sluice_hash_address(const sluice_u64 multipliers[4], const sluice_u32 words[4], int is_v6) {
  sluice_u64 sum = multipliers[0] * words[0];
  if (is_v6) sum += multipliers[1] * words[1] + multipliers[2] * words[2] + multipliers[3] * words[3];
  return sum;
}

/* `d` of the definition above, for a service word. */
SLUICE_INLINE sluice_u64 sluice_hash_destination(const struct sluice_hash_key* key, const sluice_u32 destination[4],
                                                 sluice_u32 service_word, int is_v6) {
  return key->offset + key->service * service_word + sluice_hash_address(key->destination, destination, is_v6);
}

/* First and second choice of a service key's line, by `d`; the writer places keys by the same two. */
SLUICE_INLINE sluice_u32 sluice_vip_first(sluice_u64 destination_hash, sluice_u32 mask) {
  return (sluice_u32)(destination_hash >> 32) & mask;
}
SLUICE_INLINE sluice_u32 sluice_vip_second(const struct sluice_hash_key* key, sluice_u64 destination_hash,
                                           sluice_u32 mask) {
  return (sluice_u32)(sluice_hash_mix(key, destination_hash) >> 32) & mask;
}

/* Slot of a flow: Lemire's multiply-shift reduction of the top 32 bits, unbiased to M / 2^32. */
SLUICE_INLINE sluice_u32 sluice_slot_of(sluice_u64 flow_hash, sluice_u32 slots_count) {
  return (sluice_u32)(((flow_hash >> 32) * slots_count) >> 32);
}

/* Of the memory hash: bucket from the low bits, tag from bits 24 to 55. With buckets of eight, a stranger's flow is
 * taken for this one with probability at most 8 * 2^-32 = 1.9e-9 per look-up. */
SLUICE_INLINE sluice_u32 sluice_flow_bucket(sluice_u64 memory_hash, sluice_u32 flows_mask) {
  return (sluice_u32)memory_hash & flows_mask;
}
SLUICE_INLINE sluice_u32 sluice_flow_tag(sluice_u64 memory_hash) {
  return (sluice_u32)(memory_hash >> 24);
}

#endif
