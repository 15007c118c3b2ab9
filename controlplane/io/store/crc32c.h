// SPDX-License-Identifier: Apache-2.0
// CRC-32C (Castagnoli, RFC 3720 appendix B.4): finds every single flip and every burst up to 32 bits, and misses one in
// 2^32 of anything else. For disks, not against people.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::io {

// `before`: the sum of what came before `bytes`; 0 at the start. crc32c(b, crc32c(a)) == crc32c(a + b).
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);

}  // namespace sluice::io
