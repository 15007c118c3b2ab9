// SPDX-License-Identifier: Apache-2.0
// Checks that know what has been checked before. Internal to core/image.
#pragma once

#include <span>

#include "column_changes.h"
#include "forwarding_state.h"

namespace sluice {

// check_pool() of a pool whose column is that of `base` with these changes. `base` has passed: its slots are not looked
// at again.
[[nodiscard]] Status check_changed_pool(const StatePool& pool, std::span<const SlotChange> changes,
                                        const StatePool& base);

}  // namespace sluice
