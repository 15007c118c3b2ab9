// SPDX-License-Identifier: Apache-2.0
// Differences between two configurations, for people.
#pragma once

#include <vector>

#include "command_context.h"
#include "config_diff.h"

namespace sluice::cli {

// A line for each, and how many there are of each kind; "no difference".
void print_changes(const Context& context, const std::vector<ObjectChange>& changes);

}  // namespace sluice::cli
