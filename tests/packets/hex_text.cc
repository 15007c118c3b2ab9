// SPDX-License-Identifier: Apache-2.0
#include "hex_text.h"

#include <charconv>
#include <stdexcept>

namespace sluice {

std::string to_hex(std::span<const std::uint8_t> bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::uint8_t byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::vector<std::uint8_t> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) throw std::runtime_error("half a byte in: " + std::string(text));
  std::vector<std::uint8_t> bytes;
  for (std::size_t at = 0; at < text.size(); at += 2) {
    std::uint8_t byte = 0;
    const char* digits = text.data() + at;
    if (std::from_chars(digits, digits + 2, byte, 16).ptr != digits + 2)
      throw std::runtime_error("not hexadecimal: " + std::string(text));
    bytes.push_back(byte);
  }
  return bytes;
}

}  // namespace sluice
