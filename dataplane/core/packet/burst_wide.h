// SPDX-License-Identifier: Apache-2.0
// One 64-bit element of a vector register per packet: the few operations that burst_look_wide.h is written in, for
// AVX-512 (eight packets) and AVX2 (four).
#pragma once

#include <immintrin.h>

#include "burst_lanes.h"

namespace sluice::SLUICE_LEVEL {
namespace {

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__)

constexpr sluice_u32 wide_lanes = 8;
using Wide = __m512i;
// Which elements something holds for.
using Mask = __mmask8;

SLUICE_INLINE Wide wide_of(sluice_u64 value) {
  return _mm512_set1_epi64(static_cast<long long>(value));
}
SLUICE_INLINE Wide load_wide(const void* p) {
  return _mm512_load_si512(p);
}
SLUICE_INLINE void store_wide(void* p, Wide x) {
  _mm512_store_si512(p, x);
}
SLUICE_INLINE Wide add(Wide a, Wide b) {
  return _mm512_add_epi64(a, b);
}
SLUICE_INLINE Wide bit_and(Wide a, Wide b) {
  return _mm512_and_si512(a, b);
}
SLUICE_INLINE Wide bit_or(Wide a, Wide b) {
  return _mm512_or_si512(a, b);
}
SLUICE_INLINE Wide bit_xor(Wide a, Wide b) {
  return _mm512_xor_si512(a, b);
}
template <int bits>
SLUICE_INLINE Wide shift_left(Wide x) {
  return _mm512_slli_epi64(x, bits);
}
template <int bits>
SLUICE_INLINE Wide shift_right(Wide x) {
  return _mm512_srli_epi64(x, bits);
}
// Lower halves, as numbers of 32 bits.
SLUICE_INLINE Wide multiply_low(Wide a, Wide b) {
  return _mm512_mul_epu32(a, b);
}
SLUICE_INLINE Wide shuffle_bytes(Wide x, __m128i order) {
  return _mm512_shuffle_epi8(x, _mm512_broadcast_i32x4(order));
}
SLUICE_INLINE Mask are_equal(Wide a, Wide b) {
  return _mm512_cmpeq_epi64_mask(a, b);
}
// Of those in `mask`: where a == b, a != b, a <= b (signed). One instruction each, and no other joins them.
SLUICE_INLINE Mask equal_of(Mask mask, Wide a, Wide b) {
  return _mm512_mask_cmpeq_epi64_mask(mask, a, b);
}
SLUICE_INLINE Mask differing_of(Mask mask, Wide a, Wide b) {
  return _mm512_mask_cmpneq_epi64_mask(mask, a, b);
}
SLUICE_INLINE Mask fitting_of(Mask mask, Wide a, Wide b) {
  return _mm512_mask_cmple_epi64_mask(mask, a, b);
}
SLUICE_INLINE Mask all_lanes() {
  return 0xff;
}
SLUICE_INLINE Wide choose(Mask mask, Wide yes, Wide no) {
  return _mm512_mask_blend_epi64(mask, no, yes);
}
SLUICE_INLINE LaneSet set_of(Mask mask) {
  return mask;
}

// 32 bytes from each of eight places: word k of every place in column k.
SLUICE_INLINE void load_columns(sluice_u8* const* data, sluice_u32 offset, Wide columns[4]) {
  Wide rows[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data[i] + offset));
    const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data[i + 4] + offset));
    rows[i] = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }
  const Wide even01 = _mm512_unpacklo_epi64(rows[0], rows[1]);
  const Wide odd01 = _mm512_unpackhi_epi64(rows[0], rows[1]);
  const Wide even23 = _mm512_unpacklo_epi64(rows[2], rows[3]);
  const Wide odd23 = _mm512_unpackhi_epi64(rows[2], rows[3]);
  const Wide first = _mm512_set_epi64(13, 12, 5, 4, 9, 8, 1, 0);
  const Wide second = _mm512_set_epi64(15, 14, 7, 6, 11, 10, 3, 2);
  columns[0] = _mm512_permutex2var_epi64(even01, first, even23);
  columns[1] = _mm512_permutex2var_epi64(odd01, first, odd23);
  columns[2] = _mm512_permutex2var_epi64(even01, second, even23);
  columns[3] = _mm512_permutex2var_epi64(odd01, second, odd23);
}

// 8 bytes from each of eight places.
SLUICE_INLINE Wide load_column(sluice_u8* const* data, sluice_u32 offset) {
  const auto at = [data, offset](int i) { return static_cast<long long>(sluice_load64(data[i] + offset)); };
  return _mm512_set_epi64(at(7), at(6), at(5), at(4), at(3), at(2), at(1), at(0));
}

#elif defined(__AVX2__)

constexpr sluice_u32 wide_lanes = 4;
using Wide = __m256i;
using Mask = __m256i;  // all ones in an element, or zeros

SLUICE_INLINE Wide wide_of(sluice_u64 value) {
  return _mm256_set1_epi64x(static_cast<long long>(value));
}
SLUICE_INLINE Wide load_wide(const void* p) {
  return _mm256_load_si256(static_cast<const __m256i*>(p));
}
SLUICE_INLINE void store_wide(void* p, Wide x) {
  _mm256_store_si256(static_cast<__m256i*>(p), x);
}
SLUICE_INLINE Wide add(Wide a, Wide b) {
  return _mm256_add_epi64(a, b);
}
SLUICE_INLINE Wide bit_and(Wide a, Wide b) {
  return _mm256_and_si256(a, b);
}
SLUICE_INLINE Wide bit_or(Wide a, Wide b) {
  return _mm256_or_si256(a, b);
}
SLUICE_INLINE Wide bit_xor(Wide a, Wide b) {
  return _mm256_xor_si256(a, b);
}
template <int bits>
SLUICE_INLINE Wide shift_left(Wide x) {
  return _mm256_slli_epi64(x, bits);
}
template <int bits>
SLUICE_INLINE Wide shift_right(Wide x) {
  return _mm256_srli_epi64(x, bits);
}
SLUICE_INLINE Wide multiply_low(Wide a, Wide b) {
  return _mm256_mul_epu32(a, b);
}
SLUICE_INLINE Wide shuffle_bytes(Wide x, __m128i order) {
  return _mm256_shuffle_epi8(x, _mm256_broadcastsi128_si256(order));
}
SLUICE_INLINE Mask are_equal(Wide a, Wide b) {
  return _mm256_cmpeq_epi64(a, b);
}
SLUICE_INLINE Mask equal_of(Mask mask, Wide a, Wide b) {
  return _mm256_and_si256(mask, _mm256_cmpeq_epi64(a, b));
}
SLUICE_INLINE Mask differing_of(Mask mask, Wide a, Wide b) {
  return _mm256_andnot_si256(_mm256_cmpeq_epi64(a, b), mask);
}
SLUICE_INLINE Mask fitting_of(Mask mask, Wide a, Wide b) {
  return _mm256_andnot_si256(_mm256_cmpgt_epi64(a, b), mask);
}
SLUICE_INLINE Mask all_lanes() {
  return _mm256_set1_epi64x(-1);
}
SLUICE_INLINE Wide choose(Mask mask, Wide yes, Wide no) {
  return _mm256_blendv_epi8(no, yes, mask);
}
SLUICE_INLINE LaneSet set_of(Mask mask) {
  return static_cast<LaneSet>(_mm256_movemask_pd(_mm256_castsi256_pd(mask)));
}

SLUICE_INLINE void load_columns(sluice_u8* const* data, sluice_u32 offset, Wide columns[4]) {
  Wide rows[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) rows[i] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data[i] + offset));
  const Wide even01 = _mm256_unpacklo_epi64(rows[0], rows[1]);
  const Wide odd01 = _mm256_unpackhi_epi64(rows[0], rows[1]);
  const Wide even23 = _mm256_unpacklo_epi64(rows[2], rows[3]);
  const Wide odd23 = _mm256_unpackhi_epi64(rows[2], rows[3]);
  columns[0] = _mm256_permute2x128_si256(even01, even23, 0x20);
  columns[1] = _mm256_permute2x128_si256(odd01, odd23, 0x20);
  columns[2] = _mm256_permute2x128_si256(even01, even23, 0x31);
  columns[3] = _mm256_permute2x128_si256(odd01, odd23, 0x31);
}

SLUICE_INLINE Wide load_column(sluice_u8* const* data, sluice_u32 offset) {
  const auto at = [data, offset](int i) { return static_cast<long long>(sluice_load64(data[i] + offset)); };
  return _mm256_set_epi64x(at(3), at(2), at(1), at(0));
}

#endif

SLUICE_INLINE Wide low32(Wide x) {
  return bit_and(x, wide_of(0xffffffffu));
}

// Bytes `high` and `low` of every element as a number, `high` being the more significant.
SLUICE_INLINE Wide two_bytes(Wide x, int high, int low) {
  const auto pick = [low, high](int element) {
    return static_cast<long long>(0x8080808080800000ull | static_cast<sluice_u64>(high + element) << 8 |
                                  static_cast<sluice_u64>(low + element));
  };
  return shuffle_bytes(x, _mm_set_epi64x(pick(8), pick(0)));
}

// A sum of products with 64-bit multipliers, modulo 2^64. The upper halves are summed apart and join at the end.
struct Products {
  Wide low;
  Wide high;
};
// x < 2^32
SLUICE_INLINE void add_product(Products& sum, Wide x, sluice_u64 multiplier) {
  sum.low = add(sum.low, multiply_low(x, wide_of(multiplier)));
  sum.high = add(sum.high, multiply_low(x, wide_of(multiplier >> 32)));
}
SLUICE_INLINE Wide total_of(const Products& sum) {
  return add(sum.low, shift_left<32>(sum.high));
}

SLUICE_INLINE Wide multiply(Wide x, sluice_u64 multiplier) {
  const Products product = {
      multiply_low(x, wide_of(multiplier)),
      add(multiply_low(x, wide_of(multiplier >> 32)), multiply_low(shift_right<32>(x), wide_of(multiplier)))};
  return total_of(product);
}

}  // namespace
}  // namespace sluice::SLUICE_LEVEL
