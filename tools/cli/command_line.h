// SPDX-License-Identifier: Apache-2.0
// Words of the shell -> a command that ran. The only user of CLI11, which is slow to compile.
#pragma once

#include "exit_code.h"

namespace sluice::cli {

// Catches nothing but CLI11's own exceptions.
[[nodiscard]] ExitCode run_command_line(int argc, const char* const* argv);

}  // namespace sluice::cli
