// SPDX-License-Identifier: Apache-2.0
// The encoded forms of what a state is made of (docs/control-socket.md has the layout), as far as digests are of them.
#pragma once

#include "byte_codec.h"
#include "forwarding_state.h"

namespace sluice::state_codec {

// All of a pool but its column.
void put_pool_head(ByteWriter& writer, const StatePool& pool);
void put_services(ByteWriter& writer, const StateServices& services);

// By its content; never 0.
[[nodiscard]] std::uint64_t column_digest(const SlotColumn& column);

}  // namespace sluice::state_codec
