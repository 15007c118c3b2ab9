// SPDX-License-Identifier: Apache-2.0
#include "flow_sweep.h"

#include "sluice_flows.h"

namespace sluice {

std::uint64_t move_flows(const sluice_tables& tables, const FlowMoves& moves) {
  if (moves.empty()) return 0;
  std::uint64_t changed = 0;
  for (std::uint32_t line = 0; line < tables.flows_lines; ++line) {
    for (sluice_u64& entry : tables.flows[line].entry) {
      sluice_u64 seen = __atomic_load_n(&entry, __ATOMIC_RELAXED);
      if (seen == 0) continue;
      const auto move = moves.find(sluice_flow_backend(seen));
      if (move == moves.end()) continue;
      const sluice_u64 wanted = move->second == 0
                                    ? 0
                                    : sluice_flow_entry(static_cast<sluice_u32>(seen >> 32), move->second,
                                                        static_cast<sluice_u32>(seen) & SLUICE_FLOW_TIME_MASK);
      // A worker that writes in between wins; the second walk, after it has moved on, sees its entry.
      if (__atomic_compare_exchange_n(&entry, &seen, wanted, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) ++changed;
    }
  }
  return changed;
}

}  // namespace sluice
