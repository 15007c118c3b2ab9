// SPDX-License-Identifier: Apache-2.0
// rx = forwarded + answered + kernel + drops, and what services and backends count has to add up to the same.
#pragma once

#include <string>

#include "packet_plane.h"

namespace sluice {

// "exact", or one line that says which sums differ. Holds for a plane that has published one site since its reset, or
// whose later sites kept all services and backends.
[[nodiscard]] std::string accounts_text(const PacketPlane& plane);

}  // namespace sluice
