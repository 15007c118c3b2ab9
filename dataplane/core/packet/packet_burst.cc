// SPDX-License-Identifier: Apache-2.0
#include "packet_burst.h"

namespace sluice {

namespace level_v2 {
void process_burst(sluice_tables*, std::uint32_t, std::uint32_t, sluice_frame*, sluice_verdict*, std::uint32_t);
void process_burst_unprefetched(sluice_tables*, std::uint32_t, std::uint32_t, sluice_frame*, sluice_verdict*,
                                std::uint32_t);
}  // namespace level_v2
namespace level_v3 {
void process_burst(sluice_tables*, std::uint32_t, std::uint32_t, sluice_frame*, sluice_verdict*, std::uint32_t);
void process_burst_unprefetched(sluice_tables*, std::uint32_t, std::uint32_t, sluice_frame*, sluice_verdict*,
                                std::uint32_t);
}  // namespace level_v3

namespace {

bool has_v3() {
  return __builtin_cpu_supports("x86-64-v3") != 0;
}

}  // namespace

BurstFunction burst_function(BurstForm form) {
  if (form == BurstForm::unprefetched)
    return has_v3() ? level_v3::process_burst_unprefetched : level_v2::process_burst_unprefetched;
  return has_v3() ? level_v3::process_burst : level_v2::process_burst;
}

std::string_view burst_level() {
  return has_v3() ? "x86-64-v3" : "x86-64-v2";
}

}  // namespace sluice
