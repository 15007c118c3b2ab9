// SPDX-License-Identifier: Apache-2.0
// The seed of a random test: printed always, taken from SLUICE_SEED to repeat a run.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>

namespace sluice::testing {

inline std::uint64_t seed() {
  const char* given = std::getenv("SLUICE_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
  std::cout << "SLUICE_SEED=" << seed << '\n';
  return seed;
}

}  // namespace sluice::testing
