// SPDX-License-Identifier: Apache-2.0
// The mark beside a store: the number of the last write that was acknowledged. SQLite takes a damaged end of its
// write-ahead log for a crash in the middle of a write and goes on without it, which is right if nobody was promised
// anything. The mark is how we know: it is written, without waiting for the disk, after a write is on disk and before
// its promise leaves. So a store that is behind its mark has lost something; one that is not behind has not, unless the
// mark itself was lost with the power, together with the end of the log by another cause within the same seconds.
#pragma once

#include <cstdint>
#include <string>

#include "error.h"
#include "raft_types.h"

namespace sluice::io {

class StoreMark {
 public:
  struct Values {
    raft::NodeId node_id;
    std::uint64_t sequence = 0;
  };
  // Replaces whatever is there: part of making a store.
  [[nodiscard]] static Status create(const std::string& path, const Values& values);
  [[nodiscard]] static Result<StoreMark> open(const std::string& path);
  StoreMark(StoreMark&& other) noexcept;
  StoreMark& operator=(StoreMark&& other) noexcept;
  ~StoreMark();

  [[nodiscard]] const Values& values() const { return values_; }
  [[nodiscard]] Status write(std::uint64_t sequence);
  [[nodiscard]] Status synchronise() const;

 private:
  explicit StoreMark(int fd) : fd_(fd) {}
  int fd_ = -1;
  Values values_;
};

// So that a new name, or one that is gone, is on disk.
[[nodiscard]] Status synchronise_folder_of(const std::string& path);
[[nodiscard]] Status synchronise_file(const std::string& path);
// errno as an Error.
[[nodiscard]] Error system_error(const std::string& what);

}  // namespace sluice::io
