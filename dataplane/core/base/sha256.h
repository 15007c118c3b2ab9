// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4), for folders that may not see OpenSSL. Not for secrets: no care is taken of timing or memory.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice {

using Sha256Digest = std::array<std::uint8_t, 32>;

[[nodiscard]] Sha256Digest sha256(std::string_view bytes);

// 64 lower-case hexadecimal digits.
[[nodiscard]] std::string to_hex(const Sha256Digest& digest);

}  // namespace sluice
