// SPDX-License-Identifier: Apache-2.0
#include "sqlite_database.h"

#include <cstring>

namespace sluice::io {

Error sqlite_error(sqlite3* database, const std::string& what) {
  const int code = sqlite3_extended_errcode(database);
  std::string text = what + ": " + sqlite3_errmsg(database);
  const int number = sqlite3_system_errno(database);
  if ((code & 0xff) == SQLITE_IOERR && number != 0) text += std::string(" (") + std::strerror(number) + ")";
  const bool is_taken = (code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED;
  return make_error(is_taken ? ErrorCode::conflict : ErrorCode::io, std::move(text));
}

void SqliteStatement::bind_blob(int position, std::string_view bytes) {
  // A null pointer would bind NULL.
  const char* data = bytes.empty() ? "" : bytes.data();
  sqlite3_bind_blob64(get(), position, data, bytes.size(), SQLITE_STATIC);
}

void SqliteStatement::bind_text(int position, std::string_view text) {
  sqlite3_bind_text64(get(), position, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

Result<SqliteStatement::Row> SqliteStatement::step() {
  const int code = sqlite3_step(get());
  if (code == SQLITE_ROW) return Row::here;
  if (code == SQLITE_DONE) return Row::done;
  return sqlite_error(sqlite3_db_handle(get()), "SQLite");
}

Status SqliteStatement::run() {
  const Result<Row> stepped = step();
  // The connection's error is lost with the reset.
  reset();
  if (!stepped) return stepped.error();
  return {};
}

std::string_view SqliteStatement::bytes(int column) const {
  const void* data = sqlite3_column_blob(get(), column);
  const int count = sqlite3_column_bytes(get(), column);
  return data == nullptr ? std::string_view() : std::string_view(static_cast<const char*>(data), std::size_t(count));
}

Result<SqliteDatabase> SqliteDatabase::open(const std::string& path, int flags, const std::string& vfs) {
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &opened, flags, vfs.empty() ? nullptr : vfs.c_str());
  SqliteDatabase database;
  database.database_.reset(opened);
  if (opened == nullptr) return make_error(ErrorCode::io, "cannot open " + path + ": out of memory");
  if (code != SQLITE_OK) return sqlite_error(opened, "cannot open " + path);
  return database;
}

Status SqliteDatabase::run(const std::string& sql) {
  if (sqlite3_exec(get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) return sqlite_error(get(), "SQLite");
  return {};
}

Result<SqliteStatement> SqliteDatabase::prepare(const std::string& sql) const {
  sqlite3_stmt* made = nullptr;
  const int code = sqlite3_prepare_v3(get(), sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &made, nullptr);
  if (code != SQLITE_OK) return sqlite_error(get(), "SQLite");
  SqliteStatement statement;
  statement.statement_.reset(made);
  return statement;
}

Result<std::string> SqliteDatabase::ask(const std::string& sql) const {
  Result<SqliteStatement> statement = prepare(sql);
  if (!statement) return statement.error();
  const Result<SqliteStatement::Row> row = statement->step();
  if (!row) return row.error();
  return row.value() == SqliteStatement::Row::done ? std::string() : std::string(statement->bytes(0));
}

}  // namespace sluice::io
