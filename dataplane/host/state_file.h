// SPDX-License-Identifier: Apache-2.0
// What a plane of a cluster was told, in files (saved_state.h), so that a process that starts forwards without asking
// anybody: PATH, which outlives the host's power, and beside it PATH.changes-N, N ascending, with what came since,
// which outlives the process and perhaps more: those are not synced. PATH.lock: by whom they are read and written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "error.h"
#include "forwarding_state.h"
#include "saved_state.h"
#include "unique_fd.h"

namespace sluice {

// Held by the one process that writes there, from before it reads. conflict: another one holds it. Makes the directory.
class StateFileLock {
 public:
  [[nodiscard]] static Result<StateFileLock> take(const std::string& path);

 private:
  explicit StateFileLock(UniqueFd file) : file_(std::move(file)) {}

  UniqueFd file_;
};

// No state: there is no such file, nor one of changes. Never touches them, and may run beside a process that writes.
//   invalid_argument  PATH is damaged, or of another version
//   io                a file cannot be read
[[nodiscard]] Result<SavedState> read_state_file(const std::string& path);

// Whole or not at all, also across a power failure. Readable by the owner only: the hash key is in it. Makes the
// directory.
[[nodiscard]] Status write_state_file(const std::string& path, const ForwardingState& state, std::uint64_t sequence,
                                      std::uint64_t told_realtime_ns);

struct ChangeFileEntry {
  std::uint64_t number = 0;
  std::uint64_t bytes = 0;
};
// All files of changes beside `path`, ascending.
[[nodiscard]] Result<std::vector<ChangeFileEntry>> change_files_of(const std::string& path);
void remove_change_file(const std::string& path, std::uint64_t number);

// One file of changes, open for appending. One thread at a time.
class ChangeFile {
 public:
  // Makes the directory. A file of that number is emptied.
  [[nodiscard]] static Result<ChangeFile> create(const std::string& path, std::uint64_t number);

  // See saved_change_head(). Whole or not at all; after an error that leaves the file in doubt nothing more is taken.
  [[nodiscard]] Status append(std::string_view told, std::uint64_t sequence, std::uint64_t told_realtime_ns);
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] bool is_usable() const { return file_.is_open(); }

 private:
  ChangeFile(UniqueFd file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}

  UniqueFd file_;
  std::string path_;
  std::uint64_t bytes_ = 0;
};

}  // namespace sluice
