// SPDX-License-Identifier: Apache-2.0
#include "region_store.h"

#include <algorithm>
#include <cstring>

#include "error.h"

namespace sluice {
namespace {

// Finds equal contents fast; equality itself is always checked by memcmp, so any spread of bits will do.
std::uint64_t digest_of(std::span<const sluice_line> content) {
  std::uint64_t digest = content.size();
  for (const sluice_line& line : content)
    for (const sluice_u64 word : line.words) digest = (digest ^ word) * 0x9e3779b97f4a7c15U + (digest >> 29U);
  return digest;
}

}  // namespace

RegionStore::RegionStore(std::span<sluice_line> lines)
    : lines_(lines), allocator_(static_cast<std::uint32_t>(lines.size())) {}

std::optional<std::uint32_t> RegionStore::find(std::span<const sluice_line> content, std::uint64_t digest) const {
  const auto [begin, end] = by_digest_.equal_range(digest);
  for (auto candidate = begin; candidate != end; ++candidate) {
    const std::uint32_t first = candidate->second;
    if (regions_.at(first).count == content.size() &&
        std::memcmp(&lines_[first], content.data(), content.size_bytes()) == 0)
      return first;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> RegionStore::place(std::span<const sluice_line> content) {
  SLUICE_INVARIANT(!content.empty());
  const std::uint64_t digest = digest_of(content);
  if (const auto present = find(content, digest)) {
    ++regions_[*present].uses;
    return present;
  }
  const auto count = static_cast<std::uint32_t>(content.size());
  const auto first = allocator_.allocate(count);
  if (!first) return std::nullopt;
  std::copy(content.begin(), content.end(), lines_.begin() + *first);
  lines_written_ += count;
  regions_[*first] = Region{count, 1, digest};
  by_digest_.emplace(digest, *first);
  return first;
}

void RegionStore::keep(std::uint32_t first) {
  ++regions_.at(first).uses;
}

bool RegionStore::adopt(std::uint32_t first, std::uint32_t count) {
  if (count == 0 || first + std::uint64_t{count} > lines_.size()) return false;
  if (const auto known = regions_.find(first); known != regions_.end()) {
    if (known->second.count != count) return false;
    ++known->second.uses;
    return true;
  }
  if (!allocator_.take(first, count)) return false;
  const std::uint64_t digest = digest_of(lines_.subspan(first, count));
  regions_[first] = Region{count, 1, digest};
  by_digest_.emplace(digest, first);
  return true;
}

void RegionStore::release(std::uint32_t first) {
  const auto region = regions_.find(first);
  SLUICE_INVARIANT(region != regions_.end() && region->second.uses > 0);
  if (--region->second.uses > 0) return;
  allocator_.release(first, region->second.count);
  const auto [begin, end] = by_digest_.equal_range(region->second.digest);
  by_digest_.erase(std::find_if(begin, end, [first](const auto& entry) { return entry.second == first; }));
  regions_.erase(region);
}

}  // namespace sluice
