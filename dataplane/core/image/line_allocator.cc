// SPDX-License-Identifier: Apache-2.0
#include "line_allocator.h"

#include <iterator>

#include "error.h"

namespace sluice {

LineAllocator::LineAllocator(std::uint32_t lines) {
  if (lines > 0) gaps_.emplace(0, lines);
}

std::optional<std::uint32_t> LineAllocator::allocate(std::uint32_t count) {
  SLUICE_INVARIANT(count > 0);
  for (auto gap = gaps_.begin(); gap != gaps_.end(); ++gap) {
    if (gap->second < count) continue;
    const std::uint32_t first = gap->first;
    const std::uint32_t left = gap->second - count;
    gaps_.erase(gap);
    if (left > 0) gaps_.emplace(first + count, left);
    return first;
  }
  return std::nullopt;
}

bool LineAllocator::take(std::uint32_t first, std::uint32_t count) {
  auto gap = gaps_.upper_bound(first);
  if (gap == gaps_.begin()) return false;
  --gap;
  const std::uint32_t gap_first = gap->first;
  const std::uint32_t gap_end = gap->first + gap->second;
  if (first + count > gap_end) return false;
  gaps_.erase(gap);
  if (gap_first < first) gaps_.emplace(gap_first, first - gap_first);
  if (first + count < gap_end) gaps_.emplace(first + count, gap_end - first - count);
  return true;
}

void LineAllocator::release(std::uint32_t first, std::uint32_t count) {
  SLUICE_INVARIANT(count > 0);
  const auto next = gaps_.lower_bound(first);
  std::uint32_t end = first + count;
  if (next != gaps_.end()) {
    SLUICE_INVARIANT(end <= next->first);
    if (end == next->first) end += next->second;
  }
  if (next != gaps_.begin()) {
    const auto before = std::prev(next);
    SLUICE_INVARIANT(before->first + before->second <= first);
    if (before->first + before->second == first) first = before->first;
  }
  if (next != gaps_.end() && next->first < end) gaps_.erase(next);
  gaps_[first] = end - first;
}

std::uint32_t LineAllocator::free_lines() const {
  std::uint32_t lines = 0;
  for (const auto& [first, count] : gaps_) lines += count;
  return lines;
}

}  // namespace sluice
