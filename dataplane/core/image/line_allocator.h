// SPDX-License-Identifier: Apache-2.0
// Hands out runs of lines of one array: first fit, coalescing. The bookkeeping stays in the writer's own memory; the
// array itself is never touched.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace sluice {

class LineAllocator {
 public:
  explicit LineAllocator(std::uint32_t lines = 0);

  // First line of a run of `count` > 0 lines, or nothing if no gap is that long.
  std::optional<std::uint32_t> allocate(std::uint32_t count);
  // Marks a run as taken that an earlier writer placed. False if part of it is taken already or lies outside.
  bool take(std::uint32_t first, std::uint32_t count);
  void release(std::uint32_t first, std::uint32_t count);

  [[nodiscard]] std::uint32_t free_lines() const;

 private:
  std::map<std::uint32_t, std::uint32_t> gaps_;  // first line -> length; never adjacent, never empty
};

}  // namespace sluice
