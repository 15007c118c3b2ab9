// SPDX-License-Identifier: Apache-2.0
// A pool's slot table as planes are told of it. Internal to controlplane/model.
#pragma once

#include "cluster_tables.h"

namespace sluice::model {

enum class Remembered : std::uint8_t { kept, left_out };

// Of `now` its config, slots and their hash. `coming` is null for phase active. For phase prepared it is the table that
// the next step made of `now`: each slot whose owner it changes has the coming owner as its last candidate. Members
// that are not present, in either way, are left out if the plane could not send to them. The ids are held already.
// check_pool() holds of it: cluster_property_test looks.
[[nodiscard]] SharedPool state_pool(const PoolTable& now, const PoolTable* coming, const ServiceFacts& facts,
                                    const BackendIds& ids, Remembered remembered);

}  // namespace sluice::model
