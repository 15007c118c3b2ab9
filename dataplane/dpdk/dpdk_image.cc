// SPDX-License-Identifier: Apache-2.0
#include "dpdk_image.h"

#include <sys/mman.h>

#include <cstring>
#include <utility>

#include "errno_error.h"
#include "image_memory.h"

namespace sluice {
namespace {

void* map(std::uint64_t bytes, int flags) {
  return mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

}  // namespace

Result<DpdkImage> DpdkImage::create(const ImageSizes& sizes, MemoryKind memory) {
  const std::uint64_t bytes = huge_pages_for(sizes.bytes()) * huge_page_bytes;
  if (memory == MemoryKind::huge) {
    if (void* pages = map(bytes, MAP_HUGETLB | MAP_POPULATE); pages != MAP_FAILED)
      return DpdkImage(sizes, pages, bytes);
  }
  void* pages = map(bytes, 0);
  if (pages == MAP_FAILED)
    return errno_error("no memory for a forwarding image of " + std::to_string(bytes >> 20) + " MiB", errno);
  madvise(pages, bytes, MADV_HUGEPAGE);
  std::memset(pages, 0, bytes);
  return DpdkImage(sizes, pages, bytes);
}

DpdkImage::DpdkImage(const ImageSizes& sizes, void* memory, std::uint64_t bytes)
    : memory_(memory), bytes_(bytes), tables_(tables_in(memory, sizes)) {}

DpdkImage::DpdkImage(DpdkImage&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)), bytes_(other.bytes_), tables_(other.tables_) {}

DpdkImage::~DpdkImage() {
  if (memory_ != nullptr) munmap(memory_, bytes_);
}

}  // namespace sluice
