// SPDX-License-Identifier: Apache-2.0
// A static configuration -> what the writer is told. Slot tables are plain Maglev fills: a plane without a control
// plane has no agreed history.
#pragma once

#include "config.h"
#include "error.h"
#include "forwarding_model.h"

namespace sluice {

// The configuration has been checked by parse_config(). An error means a pool that Maglev refuses.
[[nodiscard]] Result<ForwardingModel> forwarding_model_of(const Config& config);

}  // namespace sluice
