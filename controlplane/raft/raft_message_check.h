// SPDX-License-Identifier: Apache-2.0
// Messages that no correct node sends, whatever its state.
#pragma once

#include "raft_types.h"

namespace sluice::raft {

// Above these nothing is believed, so that adding to a term, an index or an offset never wraps. At a million a second
// the first is 146,000 years away.
inline constexpr std::uint64_t number_max = std::uint64_t{1} << 62;

[[nodiscard]] bool is_possible(const Message& message);

}  // namespace sluice::raft
