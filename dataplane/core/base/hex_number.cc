// SPDX-License-Identifier: Apache-2.0
#include "hex_number.h"

#include <array>
#include <charconv>

namespace sluice {
namespace {

constexpr std::size_t digits_max = 16;

}  // namespace

std::string hex_text(std::uint64_t number) {
  std::array<char, digits_max> digits{};
  const auto [end, fault] = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16);
  const std::string text(digits.data(), end);
  return std::string(digits_max - text.size(), '0') + text;
}

std::optional<std::uint64_t> parse_hex(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (fault != std::errc() || end != text.data() + text.size() || text.size() > digits_max) return std::nullopt;
  return number;
}

}  // namespace sluice
