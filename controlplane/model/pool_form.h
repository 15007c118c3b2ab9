// SPDX-License-Identifier: Apache-2.0
// A pool's slot table as planes are told of it. Internal to controlplane/model.
#pragma once

#include "cluster_tables.h"

namespace sluice::model {

enum class Remembered : std::uint8_t { kept, left_out };

// `coming` is null for phase active. For phase prepared it is the table that the next step made of `slots`: each slot
// whose owner it changes has the coming owner as its last candidate. Members that are not present, in either way, are
// left out if the plane could not send to them. The ids are held already.
[[nodiscard]] Result<SharedPool> state_pool(const PoolConfig& config, const SlotTable& slots, const SlotTable* coming,
                                            const ServiceFacts& facts, const BackendIds& ids, Remembered remembered);

}  // namespace sluice::model
