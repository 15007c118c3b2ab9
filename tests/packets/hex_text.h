// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

std::string to_hex(std::span<const std::uint8_t> bytes);
// Throws std::runtime_error.
std::vector<std::uint8_t> from_hex(std::string_view text);

}  // namespace sluice
