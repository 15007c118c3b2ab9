// SPDX-License-Identifier: Apache-2.0
// The counters as text for people and as JSON for programs. Pure.
#pragma once

#include <string>

#include "sluice_decap.h"

namespace sluice::backend {

// Only the reasons a backend can have, and any other that was counted all the same.
std::string status_table(const sluice_decap_counters& counters);
// {"rx_packets","rx_bytes","reasons":[{"name","class","packets","text"}]}, as the planes' `drops`.
std::string status_json(const sluice_decap_counters& counters);

}  // namespace sluice::backend
