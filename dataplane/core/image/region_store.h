// SPDX-License-Identifier: Apache-2.0
// Runs of lines of one array, kept by content: a pool whose table did not change keeps its lines from generation to
// generation, and two pools with equal tables share them. Counted by the generations that use them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "line_allocator.h"
#include "sluice_image.h"

namespace sluice {

class RegionStore {
 public:
  RegionStore() = default;
  // `lines` is the whole array, as readers see it.
  explicit RegionStore(std::span<sluice_line> lines);

  // First line of a run that holds exactly `content`: one that is there, or one newly written. Nothing if full.
  // Each success is one use, to be given back by release().
  std::optional<std::uint32_t> place(std::span<const sluice_line> content);
  // One more use of a run that place() or adopt() has given and that is still in use.
  void keep(std::uint32_t first);
  // Counts a use of a run an earlier writer left. False if the run lies outside or overlaps another one.
  bool adopt(std::uint32_t first, std::uint32_t count);
  // Gives one use back. The caller has seen to it that no reader can still be there.
  void release(std::uint32_t first);

  [[nodiscard]] std::uint32_t lines_written() const { return lines_written_; }

 private:
  struct Region {
    std::uint32_t count = 0;
    std::uint32_t uses = 0;
    std::uint64_t digest = 0;
  };
  [[nodiscard]] std::optional<std::uint32_t> find(std::span<const sluice_line> content, std::uint64_t digest) const;

  std::span<sluice_line> lines_;
  LineAllocator allocator_;
  std::map<std::uint32_t, Region> regions_;                // by first line
  std::multimap<std::uint64_t, std::uint32_t> by_digest_;  // digest -> first line
  std::uint32_t lines_written_ = 0;
};

}  // namespace sluice
