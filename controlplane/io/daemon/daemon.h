// SPDX-License-Identifier: Apache-2.0
// sluiced from its configuration to its end: state on disk, node, API, signals. Runs on the calling thread.
#pragma once

#include <functional>
#include <string>

#include "daemon_config.h"
#include "error.h"

namespace sluice::io {

using DaemonLog = std::function<void(const std::string& line)>;

// Until SIGTERM or SIGINT (no error), or until going on would be wrong. Without a state it waits to be added to a
// cluster. `ready`: once it answers.
[[nodiscard]] Status run_daemon(const DaemonConfig& config, const DaemonLog& log,
                                const std::function<void(const std::string& summary)>& ready);

}  // namespace sluice::io
