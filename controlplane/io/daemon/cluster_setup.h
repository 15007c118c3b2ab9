// SPDX-License-Identifier: Apache-2.0
// What a balancer's state is made of before its process runs: a new cluster's first member, a cluster that goes on from
// a backup, one that has lost its quorum for good. Offline: no process may have the state.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon_config.h"
#include "error.h"
#include "store.h"
#include "store_tools.h"

namespace sluice::io {

struct LoadedDaemonConfig {
  std::optional<DaemonConfig> config;  // present exactly if `faults` is empty
  std::vector<std::string> faults;     // lines for people, with file, line and column
};
[[nodiscard]] LoadedDaemonConfig load_daemon_config(const std::string& path);

[[nodiscard]] std::string store_path(const DaemonConfig& config);

// Who this node is stands in its certificate.
[[nodiscard]] Result<StoreIdentity> identity_of(const DaemonConfig& config);

// An empty one if there is none: such a node waits to be added to its cluster.
[[nodiscard]] Result<OpenedStore> open_or_make_store(const DaemonConfig& config, const StoreIdentity& identity);

// Makes the state of the first member of a new cluster. conflict: there is a state already.
[[nodiscard]] Status bootstrap_cluster(const DaemonConfig& config, const std::string& cluster_name);

// Makes the state of the only member of a cluster that goes on from a backup file; the others join it empty, with new
// certificates. conflict: there is a state already, or the backup is another cluster's.
[[nodiscard]] Result<Backup> restore_cluster(const DaemonConfig& config, const std::string& backup_file);

// This node becomes the only member of its cluster and goes on with what it has (recover_store()).
[[nodiscard]] Result<RecoveryReport> recover_cluster(const DaemonConfig& config);

}  // namespace sluice::io
