// SPDX-License-Identifier: Apache-2.0
#include "packet_burst.h"

#include <algorithm>
#include <array>

namespace sluice {

#define SLUICE_DECLARE_LEVEL(level)                                                                     \
  namespace level {                                                                                     \
  void process_burst(sluice_tables*, std::uint32_t worker, std::uint32_t now, PacketBurst* burst);      \
  void process_unfetched(sluice_tables*, std::uint32_t worker, std::uint32_t now, PacketBurst* burst);  \
  void process_one_by_one(sluice_tables*, std::uint32_t worker, std::uint32_t now, PacketBurst* burst); \
  }                                                                                                     \
  constexpr BurstVariant variant_##level = {level::process_burst, level::process_unfetched, level::process_one_by_one}

namespace {

struct BurstVariant {
  BurstFunction staged;
  BurstFunction unfetched;
  BurstFunction one_by_one;
};

}  // namespace

SLUICE_DECLARE_LEVEL(level_v2);
SLUICE_DECLARE_LEVEL(level_v3);
SLUICE_DECLARE_LEVEL(level_v4);

namespace {

// What of the levels of the System V ABI (AMD64 supplement, section 3.1.1) the compiler makes use of. By its parts:
// clang 16 does not know the levels' names here.
BurstLevel best_level() {
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
                  __builtin_cpu_supports("fma");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  if (v4) return BurstLevel::v4;
  return v3 ? BurstLevel::v3 : BurstLevel::v2;
}

const BurstVariant& variant_of(BurstLevel level) {
  if (level == BurstLevel::v4) return variant_level_v4;
  return level == BurstLevel::v3 ? variant_level_v3 : variant_level_v2;
}

}  // namespace

BurstFunction burst_function(BurstForm form, BurstLevel level) {
  const BurstVariant& variant = variant_of(std::min(level, best_level()));
  if (form == BurstForm::one_by_one) return variant.one_by_one;
  return form == BurstForm::unfetched ? variant.unfetched : variant.staged;
}

std::string_view burst_level_text(BurstLevel level) {
  static constexpr std::array<std::string_view, 3> texts = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};
  return texts.at(static_cast<std::size_t>(std::min(level, best_level())));
}

}  // namespace sluice
