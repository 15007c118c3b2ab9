// SPDX-License-Identifier: Apache-2.0
// Time as the pure layers of the control plane know it: handed in with every event.
#pragma once

#include <chrono>

namespace sluice::node {

// Of a clock that never goes back, since a start that means nothing.
using Uptime = std::chrono::milliseconds;

}  // namespace sluice::node
