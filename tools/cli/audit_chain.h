// SPDX-License-Identifier: Apache-2.0
// The audit's chain, computed anew from what the API says was written. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>

#include "command_context.h"

namespace sluice::cli {

struct AuditSummary {
  std::uint64_t entries = 0;
  std::uint64_t first = 0;  // number of the oldest
  std::string head;
};
// Of the answer to GET /v1/audit. A failure names the entry at which the chain breaks.
[[nodiscard]] Outcome<AuditSummary> verify_audit(const boost::json::object& answer);

}  // namespace sluice::cli
