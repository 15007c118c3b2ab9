/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The ground every other abi header stands on: fixed-width integers, byte order, unaligned loads and stores.
 * Valid as C11 (user space and BPF) and C++20. Nothing here or in any other abi header allocates, loops without a
 * bound, calls up, or keeps state.
 *
 * Byte order: a name ending in _be holds the bytes as they stand on the wire. Everything else is host order. Sluice
 * runs on little-endian hosts only (x86-64, arm64): the flow hash is specified over little-endian loads.
 */
#ifndef SLUICE_TYPES_H
#define SLUICE_TYPES_H

#ifdef __bpf__
typedef unsigned char sluice_u8;
typedef unsigned short sluice_u16;
typedef unsigned int sluice_u32;
typedef unsigned long long sluice_u64;
#else
#include <stddef.h>
#include <stdint.h>
#include <string.h>
typedef uint8_t sluice_u8;
typedef uint16_t sluice_u16;
typedef uint32_t sluice_u32;
typedef uint64_t sluice_u64;
#endif

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Sluice runs on little-endian hosts only: the flow hash is specified over little-endian loads"
#endif

/*
 * One function per packet is what the planes want. Instrumented builds do not: a sanitizer's checks multiply with every
 * copy, and one file then takes minutes to compile.
 */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLUICE_INSTRUMENTED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(SLUICE_INSTRUMENTED)
#define SLUICE_INLINE static inline __attribute__((unused))
#else
#define SLUICE_INLINE static inline __attribute__((always_inline))
#endif
#ifndef NULL
#define NULL ((void*)0)
#endif

/*
 * Words that another thread may read or write at any time: counters, flow entries, a backend's flags and next hop. Each
 * is aligned and no wider than a register, so the machines we run on load and store it whole, and nothing is concluded
 * from one about another: that is what the active word and the grace periods are for. Relaxed atomics, then; but
 * written as plain accesses, because compilers leave an addition to memory one instruction and may take a word as an
 * operand only so. ThreadSanitizer is told what is meant (tests/image/publish_race.cc).
 */
#if defined(__SANITIZE_THREAD__)
#define SLUICE_SHARED_LOAD(word) __atomic_load_n(word, __ATOMIC_RELAXED)
#define SLUICE_SHARED_STORE(word, value) __atomic_store_n(word, value, __ATOMIC_RELAXED)
#else
#define SLUICE_SHARED_LOAD(word) (*(word))
#define SLUICE_SHARED_STORE(word, value) (*(word) = (value))
#endif

#define SLUICE_LIKELY(x) __builtin_expect(!!(x), 1)
#define SLUICE_UNLIKELY(x) __builtin_expect(!!(x), 0)

#ifdef __cplusplus
#define SLUICE_STATIC_ASSERT(condition, message) static_assert(condition, message)
#define SLUICE_ZERO \
  {}
#else
#define SLUICE_ZERO \
  { 0 }
#define SLUICE_STATIC_ASSERT(condition, message) _Static_assert(condition, message)
#endif

/* Hides a value's origin from the BPF compiler, which otherwise rewrites a loop's bound check into arithmetic on the
 * end-of-packet pointer, and the verifier refuses that. Nothing at run time. */
#ifdef __bpf__
#define SLUICE_OPAQUE(x) __asm__ volatile("" : "+r"(x))
#else
#define SLUICE_OPAQUE(x) (void)(x)
#endif

SLUICE_INLINE sluice_u16 sluice_swap16(sluice_u16 value) {
  return __builtin_bswap16(value);
}
SLUICE_INLINE sluice_u32 sluice_swap32(sluice_u32 value) {
  return __builtin_bswap32(value);
}

/*
 * Loads and stores at any alignment. User space goes through memcpy, as the language asks. The BPF back end would turn
 * that into byte accesses (clang 14 to 19), and every machine Sluice's BPF programs run on accesses unaligned words in
 * hardware (the verifier knows: CONFIG_HAVE_EFFICIENT_UNALIGNED_ACCESS), so there it is one plain access.
 */
#ifdef __bpf__
/* may_alias: the same bytes are written and read in different widths. */
#define SLUICE_DEFINE_ACCESS(bits)                                       \
  typedef sluice_u##bits __attribute__((may_alias)) sluice_any##bits;    \
  SLUICE_INLINE sluice_u##bits sluice_load##bits(const void* p) {        \
    return *(const sluice_any##bits*)p;                                  \
  }                                                                      \
  SLUICE_INLINE void sluice_store##bits(void* p, sluice_u##bits value) { \
    *(sluice_any##bits*)p = value;                                       \
  }
#else
#define SLUICE_DEFINE_ACCESS(bits)                                       \
  SLUICE_INLINE sluice_u##bits sluice_load##bits(const void* p) {        \
    sluice_u##bits value;                                                \
    memcpy(&value, p, sizeof value);                                     \
    return value;                                                        \
  }                                                                      \
  SLUICE_INLINE void sluice_store##bits(void* p, sluice_u##bits value) { \
    memcpy(p, &value, sizeof value);                                     \
  }
#endif
SLUICE_DEFINE_ACCESS(16)
SLUICE_DEFINE_ACCESS(32)
SLUICE_DEFINE_ACCESS(64)
#undef SLUICE_DEFINE_ACCESS

SLUICE_INLINE sluice_u16 sluice_load16_be(const void* p) {
  return sluice_swap16(sluice_load16(p));
}
SLUICE_INLINE void sluice_store16_be(void* p, sluice_u16 value) {
  sluice_store16(p, sluice_swap16(value));
}

#endif
