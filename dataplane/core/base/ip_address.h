// SPDX-License-Identifier: Apache-2.0
// An IPv4 or IPv6 address as bytes in network order. No names, no scope ids, no resolution.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "error.h"

namespace sluice {

enum class IpFamily : std::uint8_t { v4 = 4, v6 = 6 };

class IpAddress {
 public:
  // The IPv4 unspecified address.
  constexpr IpAddress() = default;

  // Strict textual form (RFC 6943 section 3.1.1 "strict" for IPv4, RFC 4291 section 2.2 for IPv6); no zone, no port.
  static Result<IpAddress> parse(std::string_view text);
  static IpAddress from_v4_bytes(const std::array<std::uint8_t, 4>& bytes);
  static IpAddress from_v6_bytes(const std::array<std::uint8_t, 16>& bytes);

  [[nodiscard]] IpFamily family() const { return family_; }
  [[nodiscard]] bool is_v4() const { return family_ == IpFamily::v4; }

  // IPv4 uses the first four bytes; the other twelve are zero.
  [[nodiscard]] const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }

  // The four 32-bit words as they stand in memory and in a packet (no byte swap); the abi structs' form.
  [[nodiscard]] std::array<std::uint32_t, 4> words() const;

  [[nodiscard]] bool is_unspecified() const;
  [[nodiscard]] bool is_multicast() const;
  [[nodiscard]] bool is_loopback() const;

  // RFC 5952 form for IPv6.
  [[nodiscard]] std::string to_string() const;

  friend bool operator==(const IpAddress&, const IpAddress&) = default;
  // IPv4 first; then as numbers. Maps of 100,000 backends live on it: the default calls memcmp() for 16 bytes.
  friend std::strong_ordering operator<=>(const IpAddress& a, const IpAddress& b) {
    if (const auto by_family = a.family_ <=> b.family_; by_family != 0) return by_family;
    if (const auto by_upper = a.number_at(0) <=> b.number_at(0); by_upper != 0) return by_upper;
    return a.number_at(8) <=> b.number_at(8);
  }

 private:
  [[nodiscard]] std::uint64_t number_at(std::size_t byte) const {
    std::uint64_t number = 0;
    std::memcpy(&number, bytes_.data() + byte, sizeof number);
    return std::endian::native == std::endian::little ? __builtin_bswap64(number) : number;
  }

  IpFamily family_ = IpFamily::v4;
  std::array<std::uint8_t, 16> bytes_{};
};

}  // namespace sluice
