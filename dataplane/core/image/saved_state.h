// SPDX-License-Identifier: Apache-2.0
// What a plane keeps of what it was told. A state file: "SLUICEST", u64 length and u64 SipHash-2-4 (key
// "sluice-state-f01") of what follows, and an encoded state in full. A file of changes: for each state that came since,
// u64 length and u64 SipHash-2-4 (key "sluice-change-01") of what follows, and the state as it was told, by its
// differences from the one before.
#pragma once

#include <optional>
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

// What stands in a file of changes in front of `told`, which encode_state() made for the state before.
[[nodiscard]] std::string saved_change_head(std::string_view told);

struct ChangedState {
  std::optional<ForwardingState> state;
  bool is_whole = true;  // false: what follows is torn or damaged, and passed over
};
// `state` after what a file of changes says, record after record. A state is told whole or by digests of its parts, so
// a record that can be decoded gives the very state that was told, whatever it is decoded by; one that cannot is older
// than `state`, and passed over. Total.
[[nodiscard]] ChangedState apply_saved_changes(std::optional<ForwardingState> state, std::string_view content);

}  // namespace sluice
