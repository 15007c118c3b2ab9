// SPDX-License-Identifier: Apache-2.0
// The encoded forms of what a state is made of (docs/control-socket.md has the layout). The digests are of these bytes.
#pragma once

#include <optional>

#include "byte_codec.h"
#include "forwarding_state.h"

namespace sluice::state_codec {

void put_pool(ByteWriter& writer, const StatePool& pool);
void put_services(ByteWriter& writer, const StateServices& services);

// What the reader has left must be exactly one of them; otherwise it fails. The values are not checked.
[[nodiscard]] StatePool get_pool(ByteReader& reader);
[[nodiscard]] std::vector<ServiceConfig> get_services(ByteReader& reader);

}  // namespace sluice::state_codec
