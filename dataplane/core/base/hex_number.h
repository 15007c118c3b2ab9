// SPDX-License-Identifier: Apache-2.0
// 64-bit numbers that people compare by eye, as node ids and table hashes: 16 hexadecimal digits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

// "00f1c2d3e4a5b697": always 16 digits, lower case.
[[nodiscard]] std::string hex_text(std::uint64_t number);

// 1 to 16 digits of either case, and nothing else.
[[nodiscard]] std::optional<std::uint64_t> parse_hex(std::string_view text);

}  // namespace sluice
