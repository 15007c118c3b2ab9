// SPDX-License-Identifier: Apache-2.0
#include "hash_key.h"

#include <span>

#include "siphash.h"

namespace sluice {

sluice_hash_key derive_hash_key(const std::array<std::uint8_t, 16>& secret) {
  std::uint8_t counter = 0;
  const auto next = [&secret, &counter] {
    const std::array<std::uint8_t, 8> block{counter++};
    return siphash24(secret, std::span<const std::uint8_t>(block));
  };
  sluice_hash_key key{};
  key.offset = next();
  key.service = next();
  key.source_port = next();
  for (sluice_u64& word : key.destination) word = next();
  for (sluice_u64& word : key.source) word = next();
  for (sluice_u64& word : key.mix) word = next() | 1U;
  return key;
}

}  // namespace sluice
