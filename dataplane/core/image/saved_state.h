// SPDX-License-Identifier: Apache-2.0
// The content of a plane's state file: "SLUICEST", u64 length and u64 SipHash-2-4 (key "sluice-state-f01") of what
// follows, and an encoded state in full.
#pragma once

#include <string>
#include <string_view>

#include "error.h"
#include "forwarding_state.h"

namespace sluice {

inline constexpr std::size_t saved_state_bytes_max = state_bytes_max + 24;

// out_of_capacity: longer than state_bytes_max.
[[nodiscard]] Result<std::string> encode_saved_state(const ForwardingState& state);
// Total, and the state has passed check_state(). invalid_argument: damaged; unsupported: of a newer version.
[[nodiscard]] Result<ForwardingState> decode_saved_state(std::string_view content);

}  // namespace sluice
