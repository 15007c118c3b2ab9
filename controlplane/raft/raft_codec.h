// SPDX-License-Identifier: Apache-2.0
// Raft's values as bytes, for the transport and the disk. Little-endian, lengths before contents, no padding. Decoders
// take any bytes and never throw: what is not exactly one value of its kind is an error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "error.h"
#include "raft_types.h"

namespace sluice::raft {

[[nodiscard]] std::string encode_configuration(const Configuration& configuration);
[[nodiscard]] Result<Configuration> decode_configuration(std::string_view bytes);
[[nodiscard]] std::string encode_message(const Message& message);
[[nodiscard]] Result<Message> decode_message(std::string_view bytes);
[[nodiscard]] std::uint64_t snapshot_digest(std::string_view data);

}  // namespace sluice::raft
