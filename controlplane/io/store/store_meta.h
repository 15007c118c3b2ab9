// SPDX-License-Identifier: Apache-2.0
// The tables of a store and the sums over their records (docs/storage.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "error.h"
#include "raft_types.h"
#include "sqlite_database.h"
#include "store.h"

namespace sluice::io {

// In the head of the file, where a program finds it before it touches anything ("PRAGMA user_version").
inline constexpr std::uint32_t store_format_version = 1;
inline constexpr std::uint32_t store_application_id = 0x534c5549;  // "SLUI"

// The one row of the table meta: written with every batch, so that a batch that is missing as a whole is noticed.
struct StoreMeta {
  StoreIdentity identity;
  raft::HardState hard_state;
  std::uint64_t sequence = 0;  // of the batch that wrote this
  // The log has the entries after `base` up to `last`. Sums are chained, each entry's over the one before it: an entry
  // that is missing, or stands where another was written later, breaks the chain.
  raft::LogIndex base;
  std::uint32_t base_crc = 0;
  raft::LogIndex last;
  std::uint32_t last_crc = 0;
  std::uint32_t snapshot_crc = 0;  // 0: there is none
};

// Statements of the tables, each with its whole text, as "CREATE TABLE" leaves it in the schema.
[[nodiscard]] const std::vector<std::string>& store_tables();

[[nodiscard]] std::uint32_t entry_crc(const raft::Entry& entry, std::uint32_t before);
// Never 0.
[[nodiscard]] std::uint32_t snapshot_crc(const raft::SnapshotMeta& meta, const std::string& data);

// Reads and checks. The error says what is wrong, not of which file.
[[nodiscard]] Result<StoreMeta> read_meta(const SqliteDatabase& database);
[[nodiscard]] Result<std::optional<raft::Snapshot>> read_snapshot(const SqliteDatabase& database,
                                                                  const StoreMeta& meta);
[[nodiscard]] Result<std::vector<raft::Entry>> read_entries(const SqliteDatabase& database, const StoreMeta& meta);

// Statements of a batch. Blobs are bound without a copy: each runs at once.
class StoreStatements {
 public:
  [[nodiscard]] static Result<StoreStatements> prepare(const SqliteDatabase& database);

  [[nodiscard]] Status write_meta(const StoreMeta& meta);
  [[nodiscard]] Status write_entry(const raft::Entry& entry, std::uint32_t crc);
  // [from, to)
  [[nodiscard]] Status erase_entries(raft::LogIndex from, raft::LogIndex to);
  [[nodiscard]] Result<std::uint32_t> crc_of(raft::LogIndex index);
  // Replaces the one before.
  [[nodiscard]] Status write_snapshot(const raft::Snapshot& snapshot);

  [[nodiscard]] Status begin() { return begin_.run(); }
  [[nodiscard]] Status commit() { return commit_.run(); }

 private:
  SqliteStatement begin_, commit_, meta_, entry_, erase_, crc_, snapshot_, piece_, erase_pieces_;
};

}  // namespace sluice::io
