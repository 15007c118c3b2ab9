// SPDX-License-Identifier: Apache-2.0
// What a change would move, for people.
#pragma once

#include "command_context.h"
#include "plan_model.h"

namespace sluice::cli {

void print_plan(const Context& context, const Plan& plan);

}  // namespace sluice::cli
