// SPDX-License-Identifier: Apache-2.0
#include "store_file.h"

#include <unistd.h>

#include <array>
#include <cstdint>
#include <string_view>

#include "store_mark.h"
#include "store_meta.h"

namespace sluice::io {
namespace {

// SQLite's file format, section 1.3: the head's fields are big-endian.
constexpr std::size_t head_bytes = 100;
constexpr std::size_t head_user_version_at = 60;
constexpr std::size_t head_application_id_at = 68;
constexpr std::string_view head_magic("SQLite format 3\0", 16);

std::uint32_t big_endian_at(std::string_view head, std::size_t at) {
  std::uint32_t value = 0;
  for (const char byte : head.substr(at, 4)) value = (value << 8) | static_cast<std::uint8_t>(byte);
  return value;
}

// By SQLite's own descriptor: closing another one of this process would give up its lock (fcntl(2)).
Status check_head(const SqliteDatabase& database, const std::string& path) {
  sqlite3_file* file = nullptr;
  sqlite3_file_control(database.get(), "main", SQLITE_FCNTL_FILE_POINTER, &file);
  std::array<char, head_bytes> raw{};
  const bool is_read = file != nullptr && file->pMethods != nullptr &&
                       file->pMethods->xRead(file, raw.data(), static_cast<int>(raw.size()), 0) == SQLITE_OK;
  const std::string_view head(raw.data(), raw.size());
  if (!is_read || !head.starts_with(head_magic) ||
      big_endian_at(head, head_application_id_at) != store_application_id) {
    return make_error(ErrorCode::io, path + " is not a store of Sluice, or its head is damaged; " +
                                         "replace this member, or give another path");
  }
  const std::uint32_t version = big_endian_at(head, head_user_version_at);
  if (version != store_format_version) {
    return make_error(ErrorCode::unsupported, path + " has format " + std::to_string(version) +
                                                  ", this program knows " + std::to_string(store_format_version) +
                                                  "; run the version that wrote it (nothing was changed)");
  }
  return {};
}

// synchronous is FULL: NORMAL loses acknowledged writes with the power (sqlite.org/pragma.html#pragma_synchronous).
// Checkpoints are ours to make, so that their errors are seen: SQLite's own are silent. Closing leaves the log as it
// is, so that a dead store touches nothing.
Status set_up(SqliteDatabase& database) {
  sqlite3_db_config(database.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_db_config(database.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(database.get(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_busy_timeout(database.get(), 0);
  return database.run(
      "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; "
      "PRAGMA secure_delete = OFF; PRAGMA cell_size_check = ON; PRAGMA wal_autocheckpoint = 0;");
}

constexpr int open_flags =
    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;

}  // namespace

std::string mark_path_of(const std::string& path) {
  return path + "-mark";
}

Result<SqliteDatabase> open_store_file(const std::string& path, const std::string& vfs) {
  if (::access(path.c_str(), F_OK) != 0) return system_error("cannot open the store " + path);
  Result<SqliteDatabase> database = SqliteDatabase::open(path, open_flags, vfs);
  if (!database) return database;
  if (Status status = check_head(database.value(), path); !status) return status.error();
  // The lock is taken with the first transaction and kept.
  Status status = set_up(database.value());
  if (status) status = database->run("BEGIN IMMEDIATE; COMMIT");
  if (!status && status.error().code == ErrorCode::conflict) {
    return make_error(ErrorCode::conflict, "another process has the store " + path + "; a node must not run twice");
  }
  if (!status) return status.error();
  return database;
}

Status check_store_file(const SqliteDatabase& database) {
  const Result<std::string> mode = database.ask("PRAGMA journal_mode");
  if (!mode) return mode.error();
  if (mode.value() != "wal") return make_error(ErrorCode::io, "it is not in write-ahead mode but " + mode.value());
  std::string tables;
  for (const std::string& table : store_tables()) tables += table + '\n';
  Result<SqliteStatement> schema = database.prepare("SELECT sql FROM sqlite_schema ORDER BY name");
  if (!schema) return schema.error();
  std::string found;
  for (auto row = schema->step();; row = schema->step()) {
    if (!row) return row.error();
    if (row.value() == SqliteStatement::Row::done) break;
    found += std::string(schema->bytes(0)) + '\n';
  }
  if (found != tables) return make_error(ErrorCode::io, "its tables are not those of a store");
  const Result<std::string> checked = database.ask("PRAGMA quick_check(1)");
  if (!checked) return checked.error();
  if (checked.value() != "ok") return make_error(ErrorCode::io, "SQLite's check says: " + checked.value());
  return {};
}

Result<SqliteDatabase> make_store_file(const std::string& path, const std::string& vfs) {
  for (const char* suffix : {"", "-wal", "-journal"}) ::unlink((path + suffix).c_str());
  Result<SqliteDatabase> database = SqliteDatabase::open(path, open_flags | SQLITE_OPEN_CREATE, vfs);
  if (!database) return database;
  Status status = set_up(database.value());
  // Before write-ahead mode, so that the head is in the file itself. One transaction and no more: a file without tables
  // has never been seen at its final name.
  std::string text = "PRAGMA application_id = " + std::to_string(store_application_id) +
                     "; PRAGMA user_version = " + std::to_string(store_format_version) + "; BEGIN;";
  for (const std::string& table : store_tables()) text += table + ';';
  text += "COMMIT; PRAGMA journal_mode = WAL;";
  if (status) status = database->run(text);
  if (!status) return status.error();
  return database;
}

Status synchronise_log_of(const std::string& path) {
  const std::string log = path + "-wal";
  if (::access(log.c_str(), F_OK) != 0) return {};
  return synchronise_file(log);
}

}  // namespace sluice::io
