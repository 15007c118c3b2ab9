// SPDX-License-Identifier: Apache-2.0
// The cluster's 16-byte secret -> the multipliers of the flow hash (abi/sluice_hash.h).
#pragma once

#include <array>
#include <cstdint>

#include "sluice_image.h"

namespace sluice {

// Word i of {offset, service, source_port, destination[0..3], source[0..3], mix[0..1]} is SipHash-2-4 with the secret
// as key (bytes 0-7 and 8-15 as little-endian words) over the 8 bytes of i, little-endian. mix[] has its lowest bit
// set, so that multiplying is a bijection. Version SLUICE_HASH_VERSION.
[[nodiscard]] sluice_hash_key derive_hash_key(const std::array<std::uint8_t, 16>& secret);

}  // namespace sluice
