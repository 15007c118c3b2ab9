// SPDX-License-Identifier: Apache-2.0
// sluice: the command line of an operator.
#include <cstdio>
#include <exception>

#include "command_context.h"
#include "command_line.h"

int main(int argc, char** argv) {
  using sluice::cli::ExitCode;
  ExitCode code = ExitCode::failed;
  try {
    code = sluice::cli::run_command_line(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s; please report this with the command you ran\n", error.what());
  }
  if (!sluice::cli::flush_output()) {
    std::fprintf(stderr, "error: cannot write to standard output; is the disk full, or the pipe closed?\n");
    if (code == ExitCode::ok) code = ExitCode::failed;
  }
  return static_cast<int>(code);
}
