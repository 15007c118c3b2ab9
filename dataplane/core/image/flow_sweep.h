// SPDX-License-Identifier: Apache-2.0
// Walks every worker's flow table from outside: entries of a backend line that leaves follow it to its successor, or
// are forgotten. Safe beside running workers (compare and swap of whole entries).
#pragma once

#include <cstdint>
#include <map>

#include "sluice_tables.h"

namespace sluice {

using FlowMoves = std::map<std::uint32_t, std::uint32_t>;  // backend line -> its successor; 0 = forget

// Returns how many entries changed.
std::uint64_t move_flows(const sluice_tables& tables, const FlowMoves& moves);

}  // namespace sluice
