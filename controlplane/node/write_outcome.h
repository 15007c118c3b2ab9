// SPDX-License-Identifier: Apache-2.0
// What the model said to a change, for the API. Pure.
#pragma once

#include "cluster_port.h"
#include "model_types.h"

namespace sluice::node {

// A receipt, or why it was refused.
[[nodiscard]] ApiResult<WriteReceipt> receipt_of(const model::Outcome& outcome);
// Of an outcome that is not ok().
[[nodiscard]] ApiError refusal_of(const model::Outcome& outcome);

}  // namespace sluice::node
