// SPDX-License-Identifier: Apache-2.0
// A store's file as SQLite opens it: settings, lock, and the head that says whose file it is.
#pragma once

#include <string>

#include "error.h"
#include "sqlite_database.h"

namespace sluice::io {

[[nodiscard]] std::string mark_path_of(const std::string& path);

// With every setting of a store; locked against other processes when it returns. The head has been looked at before
// anything else, so that a file of a newer version stays untouched.
[[nodiscard]] Result<SqliteDatabase> open_store_file(const std::string& path, const std::string& vfs);
// As SQLite's own check and ours find it: our tables and no others, every page in its place.
[[nodiscard]] Status check_store_file(const SqliteDatabase& database);
// A new file at `path`, with empty tables, in write-ahead mode. Replaces what is there.
[[nodiscard]] Result<SqliteDatabase> make_store_file(const std::string& path, const std::string& vfs);
// What has been written so far and not yet synchronised is on disk: after a killed process its last write may be in the
// kernel's memory only, and reading it does not change that.
[[nodiscard]] Status synchronise_log_of(const std::string& path);

}  // namespace sluice::io
