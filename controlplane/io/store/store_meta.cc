// SPDX-License-Identifier: Apache-2.0
#include "store_meta.h"

#include <algorithm>
#include <array>
#include <utility>

#include "byte_codec.h"
#include "crc32c.h"
#include "raft_codec.h"

namespace sluice::io {
namespace {

using Row = SqliteStatement::Row;

// As large as the transport's chunks; a row that size is read and written in one go.
constexpr std::size_t piece_bytes = 256 << 10;

std::uint32_t meta_crc(const StoreMeta& meta) {
  ByteWriter writer;
  writer.put_text(meta.identity.cluster_id);
  writer.put(meta.identity.node_id);
  writer.put(meta.hard_state.term);
  writer.put(meta.hard_state.vote);
  writer.put(meta.sequence);
  writer.put(meta.base);
  writer.put(meta.base_crc);
  writer.put(meta.last);
  writer.put(meta.last_crc);
  writer.put(meta.snapshot_crc);
  return crc32c(writer.view());
}

Error damaged(std::string what) {
  return make_error(ErrorCode::io, std::move(what));
}

}  // namespace

const std::vector<std::string>& store_tables() {
  static const std::vector<std::string> tables = {
      "CREATE TABLE log(idx INTEGER PRIMARY KEY, term INTEGER, type INTEGER, data BLOB, crc INTEGER)",
      "CREATE TABLE meta(id INTEGER PRIMARY KEY, cluster_id TEXT, node_id INTEGER, term INTEGER, vote INTEGER, "
      "sequence INTEGER, base_idx INTEGER, base_crc INTEGER, last_idx INTEGER, last_crc INTEGER, "
      "snapshot_crc INTEGER, crc INTEGER)",
      "CREATE TABLE snapshot(id INTEGER PRIMARY KEY, idx INTEGER, term INTEGER, configuration BLOB, bytes INTEGER)",
      "CREATE TABLE snapshot_piece(piece INTEGER PRIMARY KEY, data BLOB)",
  };
  return tables;
}

std::uint32_t entry_crc(const raft::Entry& entry, std::uint32_t before) {
  ByteWriter head;
  head.put(before);
  head.put(entry.index);
  head.put(entry.term);
  head.put(static_cast<std::uint8_t>(entry.type));
  head.put(static_cast<std::uint64_t>(entry.data.size()));
  return crc32c(entry.data, crc32c(head.view()));
}

std::uint32_t snapshot_crc(const raft::SnapshotMeta& meta, const std::string& data) {
  ByteWriter head;
  head.put(meta.index);
  head.put(meta.term);
  head.put_text(raft::encode_configuration(meta.configuration));
  head.put(static_cast<std::uint64_t>(data.size()));
  return std::max(crc32c(data, crc32c(head.view())), std::uint32_t{1});
}

Result<StoreMeta> read_meta(const SqliteDatabase& database) {
  Result<SqliteStatement> statement = database.prepare(
      "SELECT cluster_id, node_id, term, vote, sequence, base_idx, base_crc, last_idx, last_crc, snapshot_crc, crc "
      "FROM meta WHERE id = 1");
  if (!statement) return statement.error();
  const Result<Row> row = statement->step();
  if (!row) return row.error();
  if (row.value() == Row::done) return damaged("the table meta is empty");
  StoreMeta meta;
  meta.identity = {std::string(statement->bytes(0)), raft::NodeId(statement->number(1))};
  meta.hard_state = {raft::Term(statement->number(2)), raft::NodeId(statement->number(3))};
  meta.sequence = statement->number(4);
  meta.base = raft::LogIndex(statement->number(5));
  meta.base_crc = static_cast<std::uint32_t>(statement->number(6));
  meta.last = raft::LogIndex(statement->number(7));
  meta.last_crc = static_cast<std::uint32_t>(statement->number(8));
  meta.snapshot_crc = static_cast<std::uint32_t>(statement->number(9));
  if (meta_crc(meta) != statement->number(10)) return damaged("the checksum of the table meta is wrong");
  return meta;
}

Result<std::optional<raft::Snapshot>> read_snapshot(const SqliteDatabase& database, const StoreMeta& meta) {
  if (meta.snapshot_crc == 0) return std::optional<raft::Snapshot>();
  Result<SqliteStatement> head = database.prepare("SELECT idx, term, configuration, bytes FROM snapshot WHERE id = 1");
  if (!head) return head.error();
  const Result<Row> row = head->step();
  if (!row) return row.error();
  if (row.value() == Row::done) return damaged("the snapshot is missing");
  raft::Snapshot snapshot;
  snapshot.meta.index = raft::LogIndex(head->number(0));
  snapshot.meta.term = raft::Term(head->number(1));
  Result<raft::Configuration> configuration = raft::decode_configuration(head->bytes(2));
  if (!configuration) return damaged("the snapshot's configuration is unreadable: " + configuration.error().context);
  snapshot.meta.configuration = std::move(configuration.value());
  auto data = std::make_shared<std::string>();
  Result<SqliteStatement> pieces = database.prepare("SELECT data FROM snapshot_piece ORDER BY piece");
  if (!pieces) return pieces.error();
  for (Result<Row> piece = pieces->step();; piece = pieces->step()) {
    if (!piece) return piece.error();
    if (piece.value() == Row::done) break;
    data->append(pieces->bytes(0));
  }
  if (data->size() != head->number(3) || snapshot_crc(snapshot.meta, *data) != meta.snapshot_crc) {
    return damaged("the checksum of the snapshot is wrong");
  }
  snapshot.data = std::move(data);
  return std::optional<raft::Snapshot>(std::move(snapshot));
}

Result<std::vector<raft::Entry>> read_entries(const SqliteDatabase& database, const StoreMeta& meta) {
  Result<SqliteStatement> statement = database.prepare("SELECT idx, term, type, data, crc FROM log ORDER BY idx");
  if (!statement) return statement.error();
  std::vector<raft::Entry> entries;
  raft::LogIndex index = meta.base;
  std::uint32_t crc = meta.base_crc;
  for (Result<Row> row = statement->step();; row = statement->step()) {
    if (!row) return row.error();
    if (row.value() == Row::done) break;
    index = raft::next(index);
    if (statement->number(0) != index.value()) {
      return damaged("there is a gap in the log: entry " + std::to_string(index.value()) + " is missing");
    }
    raft::Entry& entry = entries.emplace_back();
    entry.index = index;
    entry.term = raft::Term(statement->number(1));
    entry.type = static_cast<raft::EntryType>(statement->number(2));
    entry.data = statement->bytes(3);
    crc = entry_crc(entry, crc);
    if (crc != statement->number(4) || statement->number(2) > UINT8_MAX) {
      return damaged("the checksum of log entry " + std::to_string(index.value()) + " is wrong");
    }
  }
  if (index != meta.last || crc != meta.last_crc) {
    return damaged("the log ends at entry " + std::to_string(index.value()) + " instead of " +
                   std::to_string(meta.last.value()) + ", or with another one");
  }
  return entries;
}

Result<StoreStatements> StoreStatements::prepare(const SqliteDatabase& database) {
  StoreStatements made;
  const std::array<std::pair<SqliteStatement*, const char*>, 9> texts = {{
      {&made.begin_, "BEGIN IMMEDIATE"},
      {&made.commit_, "COMMIT"},
      {&made.meta_, "INSERT OR REPLACE INTO meta VALUES(1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      {&made.entry_, "INSERT INTO log VALUES(?, ?, ?, ?, ?)"},
      {&made.erase_, "DELETE FROM log WHERE idx >= ? AND idx < ?"},
      {&made.crc_, "SELECT crc FROM log WHERE idx = ?"},
      {&made.snapshot_, "INSERT OR REPLACE INTO snapshot VALUES(1, ?, ?, ?, ?)"},
      {&made.piece_, "INSERT INTO snapshot_piece VALUES(?, ?)"},
      {&made.erase_pieces_, "DELETE FROM snapshot_piece"},
  }};
  for (const auto& [statement, text] : texts) {
    Result<SqliteStatement> prepared = database.prepare(text);
    if (!prepared) return prepared.error();
    *statement = std::move(prepared.value());
  }
  return made;
}

Status StoreStatements::write_meta(const StoreMeta& meta) {
  meta_.bind_text(1, meta.identity.cluster_id);
  meta_.bind(2, meta.identity.node_id.value());
  meta_.bind(3, meta.hard_state.term.value());
  meta_.bind(4, meta.hard_state.vote.value());
  meta_.bind(5, meta.sequence);
  meta_.bind(6, meta.base.value());
  meta_.bind(7, meta.base_crc);
  meta_.bind(8, meta.last.value());
  meta_.bind(9, meta.last_crc);
  meta_.bind(10, meta.snapshot_crc);
  meta_.bind(11, meta_crc(meta));
  return meta_.run();
}

Status StoreStatements::write_entry(const raft::Entry& entry, std::uint32_t crc) {
  entry_.bind(1, entry.index.value());
  entry_.bind(2, entry.term.value());
  entry_.bind(3, static_cast<std::uint64_t>(entry.type));
  entry_.bind_blob(4, entry.data);
  entry_.bind(5, crc);
  return entry_.run();
}

Status StoreStatements::erase_entries(raft::LogIndex from, raft::LogIndex to) {
  erase_.bind(1, from.value());
  erase_.bind(2, to.value());
  return erase_.run();
}

Result<std::uint32_t> StoreStatements::crc_of(raft::LogIndex index) {
  crc_.bind(1, index.value());
  const Result<Row> row = crc_.step();
  const auto crc = row && row.value() == Row::here ? static_cast<std::uint32_t>(crc_.number(0)) : 0;
  crc_.reset();
  if (!row) return row.error();
  if (row.value() == Row::done) return damaged("log entry " + std::to_string(index.value()) + " has gone");
  return crc;
}

Status StoreStatements::write_snapshot(const raft::Snapshot& snapshot) {
  if (Status status = erase_pieces_.run(); !status) return status;
  const std::string_view data = *snapshot.data;
  for (std::size_t at = 0, piece = 0; at < data.size(); at += piece_bytes, ++piece) {
    piece_.bind(1, piece);
    piece_.bind_blob(2, data.substr(at, piece_bytes));
    if (Status status = piece_.run(); !status) return status;
  }
  const std::string configuration = raft::encode_configuration(snapshot.meta.configuration);
  snapshot_.bind(1, snapshot.meta.index.value());
  snapshot_.bind(2, snapshot.meta.term.value());
  snapshot_.bind_blob(3, configuration);
  snapshot_.bind(4, data.size());
  return snapshot_.run();
}

}  // namespace sluice::io
