// SPDX-License-Identifier: Apache-2.0
// What a command tells the shell. A stable interface: docs/cli.md lists them, tests/cli holds them.
#pragma once

namespace sluice::cli {

enum class ExitCode : int {
  ok = 0,
  failed = 1,  // and of the diff commands: they differ
  usage = 2,   // wrong command line or faulty configuration file
  not_found = 3,
  conflict = 4,
  refused = 5,
  unreachable = 6,  // no plane or API answers, or the cluster has no leader
  timed_out = 7,
  degraded = 8,
};

}  // namespace sluice::cli
