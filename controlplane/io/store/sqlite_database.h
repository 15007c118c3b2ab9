// SPDX-License-Identifier: Apache-2.0
// SQLite's C interface with owners and errors as values. One thread.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "error.h"

namespace sluice::io {

// An SQLite result code that came back from `database`, with the operating system's word if it was that.
[[nodiscard]] Error sqlite_error(sqlite3* database, const std::string& what);

class SqliteStatement {
 public:
  // Positions count from 1, as in SQL. Blobs and texts must live until reset().
  void bind(int position, std::uint64_t value) {
    sqlite3_bind_int64(get(), position, static_cast<sqlite3_int64>(value));
  }
  void bind_blob(int position, std::string_view bytes);
  void bind_text(int position, std::string_view text);

  enum class Row { here, done };
  [[nodiscard]] Result<Row> step();
  // For statements without rows: step() and reset().
  [[nodiscard]] Status run();
  void reset() { sqlite3_reset(get()); }

  // Columns count from 0. Good until the next step() or reset().
  [[nodiscard]] std::uint64_t number(int column) const {
    return static_cast<std::uint64_t>(sqlite3_column_int64(get(), column));
  }
  [[nodiscard]] std::string_view bytes(int column) const;

 private:
  friend class SqliteDatabase;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  [[nodiscard]] sqlite3_stmt* get() const { return statement_.get(); }
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class SqliteDatabase {
 public:
  // flags: SQLITE_OPEN_...
  [[nodiscard]] static Result<SqliteDatabase> open(const std::string& path, int flags, const std::string& vfs);

  [[nodiscard]] Status run(const std::string& sql);
  [[nodiscard]] Result<SqliteStatement> prepare(const std::string& sql) const;
  // The first column of the first row; empty if there is none.
  [[nodiscard]] Result<std::string> ask(const std::string& sql) const;
  [[nodiscard]] sqlite3* get() const { return database_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
  };
  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace sluice::io
