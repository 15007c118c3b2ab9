// SPDX-License-Identifier: Apache-2.0
// What libbpf has to say, kept for the error message of the call that failed instead of on the terminal.
#pragma once

#include <string>

namespace sluice {

// From now on libbpf's warnings are collected. Once per process, before any other use of libbpf.
void collect_bpf_log();

// The last lines since the previous call, joined by " | "; empty if there were none.
std::string take_bpf_log();

}  // namespace sluice
