// SPDX-License-Identifier: Apache-2.0
// What this program has changed on the host, written down before it is changed: whoever comes after a kill -9 knows
// what to take back. One file per network namespace, locked by whoever runs.
#pragma once

#include <string>
#include <vector>

#include "error.h"
#include "host_settings.h"
#include "ip_address.h"
#include "unique_fd.h"

namespace sluice::backend {

// Names this network namespace for as long as the host runs (SO_NETNS_COOKIE): "net-1".
Result<std::string> namespace_name();

struct HostChanges {
  std::vector<IpAddress> vips;  // put on lo by us; those that were there before are not in the list
  Settings settings;            // the values before ours
  bool routes = false;          // rules and routes of ours may exist

  friend bool operator==(const HostChanges&, const HostChanges&) = default;
};

std::string to_json(const HostChanges& changes);
Result<HostChanges> changes_from_json(const std::string& text);

class StateFile {
 public:
  // Makes the directory. conflict: another process of this namespace holds the file.
  static Result<StateFile> open(const std::string& directory, const std::string& name);

  [[nodiscard]] const HostChanges& changes() const { return changes_; }
  // Replaces the file's content in one step, then the value.
  Status save(HostChanges changes);
  // No changes are left: removes the files, and the directory if it is empty. Call last.
  Status clear();

 private:
  StateFile() = default;
  std::string path_;
  std::string lock_path_;
  UniqueFd lock_;
  HostChanges changes_;
};

}  // namespace sluice::backend
