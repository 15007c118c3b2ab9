// SPDX-License-Identifier: Apache-2.0
// What an operator does with the state of a stopped or lost cluster: backup files, restoring one into a new store, and
// forced recovery of a cluster that has lost its quorum for good. Offline: no process may have the store.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "error.h"
#include "raft_types.h"
#include "store.h"

namespace sluice::io {

// A backup file's contents: one snapshot of the state machine and where it came from.
struct Backup {
  std::string cluster_id;
  std::uint64_t taken_unix_ms = 0;  // by the clock of the node that made it
  raft::Snapshot snapshot;
};

// The file's bytes; `sluice cluster snapshot save` writes what the node made with this. They end in a checksum.
[[nodiscard]] std::string encode_backup(const Backup& backup);
// invalid_argument: not a backup, or damaged; unsupported: of a newer version. `bytes` may be anything.
[[nodiscard]] Result<Backup> decode_backup(std::string_view bytes);

// Mode 0600, all of it or nothing, on disk when this returns. conflict: the file exists.
[[nodiscard]] Status write_backup_file(const std::string& path, std::string_view bytes);
[[nodiscard]] Result<std::string> read_backup_file(const std::string& path);

// Makes the store of the only member of a cluster that goes on from a backup. Everybody who was a member of the old one
// is removed for good, so that no old store can join; further members start empty. `data` of the backup is not looked
// at. conflict: the store exists.
[[nodiscard]] Status restore_store(const std::string& path, const Backup& backup, const StoreIdentity& identity,
                                   const raft::Member& only_member);

struct RecoveryReport {
  raft::LogIndex last;      // of the log before; entries up to here become the truth, committed or not
  raft::Term term;          // the one the node starts from
  std::size_t removed = 0;  // members that are removed for good
};
// Forced recovery: the node of this store becomes the only voter. All others of its configuration are removed for good;
// the next election, of one, commits everything that this log holds. Writes that were acknowledged but never reached
// this node are lost: run it on the node whose log is longest (store_summary).
[[nodiscard]] Result<RecoveryReport> recover_store(const std::string& path, const std::string& new_address);

struct StoreSummary {
  StoreIdentity identity;
  raft::HardState hard_state;
  raft::LogIndex snapshot;  // 0: none
  raft::LogIndex first;     // of the entries; last + 1 if there are none
  raft::LogIndex last;
  raft::Term last_term;
  raft::Configuration configuration;  // the newest in the file
};
[[nodiscard]] Result<StoreSummary> store_summary(const std::string& path);

}  // namespace sluice::io
