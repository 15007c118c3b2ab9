// SPDX-License-Identifier: Apache-2.0
// A node's memory: one SQLite file with term, vote, log and snapshot, and beside it a mark that says how far writes
// were acknowledged (docs/storage.md has the format). Durable when write() returns. After the first error the store is
// dead and touches the disk no more: the caller ends the process, the others carry on.
//
// One thread at a time; the file belongs to one process at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "error.h"
#include "persist_queue.h"
#include "raft.h"

struct sqlite3;

namespace sluice::io {

// Whose memory it is. Stands in the file; another node's file is refused.
struct StoreIdentity {
  std::string cluster_id;  // 1 to 64 letters, digits, '-'
  raft::NodeId node_id;
  friend bool operator==(const StoreIdentity&, const StoreIdentity&) = default;
};

struct StoreOptions {
  // Name of the SQLite VFS; empty: the system's own. Tests put one between that fails.
  std::string vfs;
};

// Below this much free space a node refuses proposals and gives leadership away: a write that fails costs the process.
// Twice the largest snapshot that a cluster of 100,000 backends has, and a checkpoint of the write-ahead log.
inline constexpr std::uint64_t store_reserve_bytes = 64ULL << 20;

struct OpenedStore;

class Store {
 public:
  // A new file with this in it. conflict: there is one already, which stays as it is.
  [[nodiscard]] static Status create(const std::string& path, const StoreIdentity& identity,
                                     const raft::StoredState& state, const StoreOptions& options = {});
  // Everything in the file is checked before this returns. not_found: no file. unsupported: written by a newer version,
  // and untouched. conflict: another process has it, or it is another cluster's or node's (`expected`). Anything else:
  // docs/storage.md says what to do on each message.
  [[nodiscard]] static Result<OpenedStore> open(const std::string& path,
                                                const std::optional<StoreIdentity>& expected = std::nullopt,
                                                const StoreOptions& options = {});
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // One transaction, on disk when this returns.
  [[nodiscard]] Status write(const raft::WriteBatch& batch);
  // Moves the write-ahead log into the file when it has grown. To be called after write(), when nobody waits for it.
  [[nodiscard]] Status maintain();

  // Of the file system the file is on.
  [[nodiscard]] Result<std::uint64_t> free_bytes() const;
  [[nodiscard]] raft::LogIndex last_index() const;
  // For tests: what SQLite itself answers to "PRAGMA name".
  [[nodiscard]] std::string pragma(const std::string& name) const;

 private:
  class Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct OpenedStore {
  std::unique_ptr<Store> store;
  StoreIdentity identity;
  raft::StoredState state;
};

}  // namespace sluice::io
