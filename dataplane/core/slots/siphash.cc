// SPDX-License-Identifier: Apache-2.0
#include "siphash.h"

#include <bit>
#include <cstring>

namespace sluice {
namespace {

static_assert(std::endian::native == std::endian::little, "words are loaded as they stand in memory");

struct SipState {
  std::uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1;
    v2 += v3;
    v1 = std::rotl(v1, 13) ^ v0;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 = std::rotl(v0, 32);
    v2 += v1;
    v0 += v3;
    v1 = std::rotl(v1, 17) ^ v2;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 = std::rotl(v2, 32);
  }

  void absorb(std::uint64_t word) {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
};

std::uint64_t load_word(const std::uint8_t* bytes, std::size_t count) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, count);
  return word;
}

}  // namespace

std::uint64_t siphash24(const SipKey& key, std::span<const std::uint8_t> bytes) {
  const std::uint64_t k0 = load_word(key.data(), 8);
  const std::uint64_t k1 = load_word(key.data() + 8, 8);
  // The constants are the paper's (section 2.1): "somepseudorandomlygeneratedbytes".
  SipState state{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573};
  const std::size_t whole = bytes.size() & ~std::size_t{7};
  for (std::size_t at = 0; at < whole; at += 8) state.absorb(load_word(bytes.data() + at, 8));
  std::uint64_t last = static_cast<std::uint64_t>(bytes.size()) << 56;
  if (whole < bytes.size()) last |= load_word(bytes.data() + whole, bytes.size() - whole);
  state.absorb(last);
  state.v2 ^= 0xff;
  for (int i = 0; i < 4; ++i) state.round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

std::uint64_t siphash24(const SipKey& key, std::string_view text) {
  return siphash24(key, std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

}  // namespace sluice
