// SPDX-License-Identifier: Apache-2.0
// The table [plane.dpdk]. Internal to core/config.
#pragma once

#include "config_reader.h"

namespace sluice::config_detail {

// nullopt: there is none. With any fault noted in `findings` its values mean nothing.
std::optional<DpdkConfig> read_dpdk(TableReader& plane, Findings& findings);

}  // namespace sluice::config_detail
