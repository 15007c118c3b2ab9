// SPDX-License-Identifier: Apache-2.0
// What DPDK writes to its log, kept instead of printed: when something fails, the reason stands there and nowhere else.
#pragma once

#include <string>

namespace sluice {

// Before EAL is started. From then on everything goes to memory; only the latest few KiB are kept.
void collect_eal_log();
// The same for libxdp, which the AF_XDP driver has brought along, once EAL has started. Nothing without it.
void collect_libxdp_log();
// What was written since the last call, as one line; empty if nothing. Forgets it.
std::string take_eal_log();
// The log since the last take, or else the errno's text.
[[nodiscard]] std::string eal_reason(int number);

}  // namespace sluice
