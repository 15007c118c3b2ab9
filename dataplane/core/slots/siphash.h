// SPDX-License-Identifier: Apache-2.0
// SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): the hash behind Maglev permutations
// and table hashes. Chosen because its every bit is specified, so two builds, or a reference in another language,
// agree.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice {

using SipKey = std::array<std::uint8_t, 16>;

[[nodiscard]] std::uint64_t siphash24(const SipKey& key, std::span<const std::uint8_t> bytes);
[[nodiscard]] std::uint64_t siphash24(const SipKey& key, std::string_view text);

// The 16 ASCII bytes of `text` as a key.
[[nodiscard]] constexpr SipKey sip_key(const char (&text)[17]) {
  SipKey key{};
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(text[i]);
  return key;
}

}  // namespace sluice
