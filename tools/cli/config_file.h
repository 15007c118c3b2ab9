// SPDX-License-Identifier: Apache-2.0
// Configurations from files, and the running one.
#pragma once

#include <string>

#include "command_context.h"
#include "config.h"

namespace sluice::cli {

// `-` is standard input.
[[nodiscard]] Outcome<std::string> read_file(const std::string& path);

// Faults become the failure's details, with exit code 2. Warnings go to stderr.
[[nodiscard]] Outcome<Config> load_config(const Context& context, const std::string& path);

// What the plane at the socket forwards by.
[[nodiscard]] Outcome<Config> running_config(const Context& context);

// `c.toml:3:1: warning: ...`, one per warning.
void print_warnings(const ConfigOutcome& outcome);
Failure failure_of(const ConfigOutcome& outcome);

}  // namespace sluice::cli
