// SPDX-License-Identifier: Apache-2.0
// The last state a plane of a cluster was told, in files (saved_state.h), so that a process that starts forwards
// without asking anybody: PATH, which outlives the host's power, and beside it PATH.changes-N, N ascending, with what
// came since. Those begin with the kernel's boot_id, are not synced, and mean something within the boot that wrote them
// only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "error.h"
#include "forwarding_state.h"
#include "unique_fd.h"

namespace sluice {

struct SavedState {
  ForwardingState state;
  std::uint64_t saved_realtime_ns = 0;
  bool is_whole = true;  // false: a file of changes is torn or damaged, and there may have been a later state
};

// Nothing: there is no such file, nor one of changes. Never touches them.
//   invalid_argument  PATH is damaged, or of another version
//   io                a file cannot be read
[[nodiscard]] Result<std::optional<SavedState>> read_state_file(const std::string& path);

// Whole or not at all, also across a power failure. Readable by the owner only: the hash key is in it. Makes the
// directory.
[[nodiscard]] Status write_state_file(const std::string& path, const ForwardingState& state);

// The N of all files of changes beside `path`, ascending. Empty too if the directory cannot be read.
[[nodiscard]] std::vector<std::uint64_t> change_files_of(const std::string& path);
void remove_change_file(const std::string& path, std::uint64_t number);

// One file of changes, open for appending. One thread at a time.
class ChangeFile {
 public:
  // Makes the directory. A file of that number is emptied.
  [[nodiscard]] static Result<ChangeFile> create(const std::string& path, std::uint64_t number);

  // `told`: see saved_change_head(). Whole or not at all; after an error that leaves the file in doubt every further
  // append is refused.
  [[nodiscard]] Status append(std::string_view told);
  [[nodiscard]] bool is_empty() const { return records_ == 0; }

 private:
  ChangeFile(UniqueFd file, std::string path, std::uint64_t bytes)
      : file_(std::move(file)), path_(std::move(path)), bytes_(bytes) {}

  UniqueFd file_;
  std::string path_;
  std::uint64_t bytes_ = 0;
  std::uint64_t records_ = 0;
};

}  // namespace sluice
