// SPDX-License-Identifier: Apache-2.0
// The part of the command line that is about certificates: words -> options of cert_commands.h.
#pragma once

#include <CLI/App.hpp>
#include <functional>

#include "cert_commands.h"

namespace sluice::cli {

// Where the parser leaves what it read. Lives as long as the action that uses it.
struct CertInvocation {
  CertInitOptions init;
  CertIssueOptions issue;
  CertRenewOptions renew;
  CertShowOptions show;
};

void add_cert_commands(CLI::App& root, CertInvocation& invocation,
                       const std::function<void(std::function<ExitCode(const Context&)>)>& choose);

}  // namespace sluice::cli
