// SPDX-License-Identifier: Apache-2.0
#include "dpdk_loops.h"

#include <array>

namespace sluice::bench {
namespace {

using LevelLoops = std::array<Loop, 6>;  // by LoopKind

}  // namespace

#define SLUICE_DECLARE_LOOPS(level)                                                     \
  namespace level {                                                                     \
  std::uint32_t io(LoopContext&, rte_mbuf**, std::uint32_t, rte_mbuf**);                \
  std::uint32_t macswap(LoopContext&, rte_mbuf**, std::uint32_t, rte_mbuf**);           \
  std::uint32_t five_tuple_swap(LoopContext&, rte_mbuf**, std::uint32_t, rte_mbuf**);   \
  std::uint32_t parse_blind_encap(LoopContext&, rte_mbuf**, std::uint32_t, rte_mbuf**); \
  std::uint32_t sluice(LoopContext&, rte_mbuf**, std::uint32_t, rte_mbuf**);            \
  std::uint32_t rte_hash_bulk(LoopContext&, rte_mbuf**, std::uint32_t, rte_mbuf**);     \
  }                                                                                     \
  constexpr LevelLoops loops_##level = {level::io,                                      \
                                        level::macswap,                                 \
                                        level::five_tuple_swap,                         \
                                        level::parse_blind_encap,                       \
                                        level::sluice,                                  \
                                        level::rte_hash_bulk}

SLUICE_DECLARE_LOOPS(level_v2);
SLUICE_DECLARE_LOOPS(level_v3);
SLUICE_DECLARE_LOOPS(level_v4);

Loop loop_of(LoopKind kind) {
  const std::string_view level = burst_level_text();
  const LevelLoops& loops = level == burst_level_text(BurstLevel::v2)   ? loops_level_v2
                            : level == burst_level_text(BurstLevel::v3) ? loops_level_v3
                                                                        : loops_level_v4;
  return loops.at(static_cast<std::size_t>(kind));
}

}  // namespace sluice::bench
