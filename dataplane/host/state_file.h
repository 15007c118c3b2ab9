// SPDX-License-Identifier: Apache-2.0
// The last state a plane of a cluster was told, as a file (saved_state.h), so that a host that starts forwards without
// asking anybody.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "error.h"
#include "forwarding_state.h"

namespace sluice {

struct SavedState {
  ForwardingState state;
  std::uint64_t saved_realtime_ns = 0;
};

// Nothing: there is no such file. An error leaves the file as it is.
[[nodiscard]] Result<std::optional<SavedState>> read_state_file(const std::string& path);

// Whole or not at all, also across a power failure. Readable by the owner only: the hash key is in it. Makes the
// directory.
[[nodiscard]] Status write_state_file(const std::string& path, const ForwardingState& state);

}  // namespace sluice
