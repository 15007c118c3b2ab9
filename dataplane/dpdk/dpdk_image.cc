// SPDX-License-Identifier: Apache-2.0
#include "dpdk_image.h"

#include <sys/mman.h>

#include <cstring>
#include <utility>

#include "errno_error.h"
#include "image_memory.h"

namespace sluice {
namespace {

constexpr std::uint64_t huge_page_bytes = std::uint64_t{2} << 20;

std::uint64_t rounded(std::uint64_t bytes) {
  return (bytes + huge_page_bytes - 1) / huge_page_bytes * huge_page_bytes;
}

void* map(std::uint64_t bytes, int flags) {
  return mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

}  // namespace

Result<DpdkImage> DpdkImage::create(const ImageSizes& sizes, MemoryKind memory) {
  const std::uint64_t bytes = rounded(sizes.bytes());
  if (memory == MemoryKind::huge) {
    if (void* pages = map(bytes, MAP_HUGETLB | MAP_POPULATE); pages != MAP_FAILED)
      return DpdkImage(sizes, pages, bytes, true);
  }
  void* pages = map(bytes, 0);
  if (pages == MAP_FAILED)
    return errno_error("no memory for a forwarding image of " + std::to_string(bytes >> 20) + " MiB", errno);
  madvise(pages, bytes, MADV_HUGEPAGE);
  std::memset(pages, 0, bytes);
  return DpdkImage(sizes, pages, bytes, false);
}

DpdkImage::DpdkImage(const ImageSizes& sizes, void* memory, std::uint64_t bytes, bool is_huge)
    : sizes_(sizes), memory_(memory), bytes_(bytes), is_huge_(is_huge), tables_(tables_in(memory, sizes)) {}

DpdkImage::DpdkImage(DpdkImage&& other) noexcept
    : sizes_(other.sizes_),
      memory_(std::exchange(other.memory_, nullptr)),
      bytes_(other.bytes_),
      is_huge_(other.is_huge_),
      tables_(other.tables_) {}

DpdkImage::~DpdkImage() {
  if (memory_ != nullptr) munmap(memory_, bytes_);
}

}  // namespace sluice
