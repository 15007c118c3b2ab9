// SPDX-License-Identifier: Apache-2.0
// The part of a configuration that a question is about: filling thousands of tables to look at one takes seconds. Pure.
#pragma once

#include <string_view>

#include "config.h"

namespace sluice::cli {

// The services on one address and their pools: all that decides over a packet to it.
[[nodiscard]] Config only_address(const Config& config, const IpAddress& address);

// One pool, no services. Empty if there is no pool of this name.
[[nodiscard]] Config only_pool(const Config& config, std::string_view name);

}  // namespace sluice::cli
