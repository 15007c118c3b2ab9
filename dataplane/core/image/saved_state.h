// SPDX-License-Identifier: Apache-2.0
// What a plane keeps of what it was told, as records: u64 sequence, u64 time (ns since 1970), u64 length, u64
// SipHash-2-4 of the state's bytes, u64 SipHash-2-4 of these four, and the bytes (both hashes with key
// "sluice-kept-0001"). A state file is "SLUICEST" and one record whose state is in full; a file of changes is records,
// each state as it was told, by its differences from the one before.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "error.h"
#include "forwarding_state.h"

namespace sluice {

inline constexpr std::size_t saved_record_head_bytes = 5 * sizeof(std::uint64_t);
inline constexpr std::string_view saved_state_magic = "SLUICEST";
inline constexpr std::size_t saved_state_bytes_max =
    saved_state_magic.size() + saved_record_head_bytes + state_bytes_max;

struct SavedState {
  std::optional<ForwardingState> state;
  std::uint64_t sequence = 0;  // highest that was seen; 0: none
  std::uint64_t told_realtime_ns = 0;
  bool is_whole = true;  // false: what was told after `state` is damaged, torn or missing
};

// out_of_capacity: longer than state_bytes_max.
[[nodiscard]] Result<std::string> encode_saved_state(const ForwardingState& state, std::uint64_t sequence,
                                                     std::uint64_t told_realtime_ns);
// Total, and the state has passed check_state(). invalid_argument: damaged; unsupported: of a newer version.
[[nodiscard]] Result<SavedState> decode_saved_state(std::string_view content);

// What stands in a file of changes in front of `told`.
[[nodiscard]] std::string saved_change_head(std::string_view told, std::uint64_t sequence,
                                            std::uint64_t told_realtime_ns);
// `saved` after what a file of changes says, record after record; those that it has already are passed over. A state is
// told in full or by digests of its parts, so a record that can be decoded gives the very state that was told, even if
// one before it is missing. Total.
void apply_saved_changes(SavedState& saved, std::string_view content);

}  // namespace sluice
