// SPDX-License-Identifier: Apache-2.0
// Seeded random pools for property tests: run again with SLUICE_SEED=<the printed number>.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "slot_member.h"

namespace sluice::test {

inline std::uint64_t seed_from_environment() {
  const char* given = std::getenv("SLUICE_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
  std::cout << "SLUICE_SEED=" << seed << "\n";
  return seed;
}

class RandomPool {
 public:
  explicit RandomPool(std::uint64_t seed) : random_(seed) {}

  std::uint32_t below(std::uint64_t bound) { return static_cast<std::uint32_t>(random_() % bound); }

  // Mostly ordinary weights, some zero, tiny or as large as the API takes.
  std::uint32_t weight() {
    switch (below(8)) {
      case 0:
        return 0;
      case 1:
        return 1 + below(3);
      case 2:
        return 65535;
      case 3:
        return 0xffffffff - below(2);
      default:
        return 1 + below(1000);
    }
  }

  std::vector<SlotMember> members(std::size_t count) {
    std::vector<SlotMember> members;
    for (std::size_t i = 0; i < count; ++i) members.push_back({fresh_name(), weight()});
    return members;
  }

  std::string fresh_name() { return "backend-" + std::to_string(random_() % 1000) + "-" + std::to_string(named_++); }

  // One operator's command or health edge.
  void change(std::vector<SlotMember>& members) {
    const std::uint32_t kind = members.empty() ? 0 : below(6);
    if (kind == 0) {
      members.push_back({fresh_name(), weight()});
      return;
    }
    const std::size_t at = below(members.size());
    if (kind == 1) {
      left_.push_back(members[at]);
      members.erase(members.begin() + static_cast<std::ptrdiff_t>(at));
    } else if (kind == 2 && !left_.empty()) {
      members.push_back(left_.back());
      left_.pop_back();
    } else if (kind == 3) {
      for (SlotMember& member : members) member.weight = 0;
    } else {
      members[at].weight = weight();
    }
  }

  void shuffle(std::vector<SlotMember>& members) {
    for (std::size_t i = members.size(); i > 1; --i) std::swap(members[i - 1], members[below(i)]);
  }

 private:
  std::mt19937_64 random_;
  std::uint64_t named_ = 0;
  std::vector<SlotMember> left_;
};

inline std::vector<SlotMember> equal_members(std::size_t count, std::uint32_t weight = 100) {
  std::vector<SlotMember> members;
  for (std::size_t i = 0; i < count; ++i) members.push_back({"b" + std::to_string(i), weight});
  return members;
}

}  // namespace sluice::test
