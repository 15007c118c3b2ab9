// SPDX-License-Identifier: Apache-2.0
// The image's arrays in the process' own memory, on 2 MiB pages where there are any: reserved ones, else those the
// kernel gives on request (madvise). Either costs the same per packet; only the first is certain.
#pragma once

#include "eal.h"
#include "image_writer.h"

namespace sluice {

class DpdkImage {
 public:
  // All zero, and resident: no packet waits for a page.
  static Result<DpdkImage> create(const ImageSizes& sizes, MemoryKind memory);
  DpdkImage(DpdkImage&& other) noexcept;
  DpdkImage& operator=(DpdkImage&&) = delete;
  DpdkImage(const DpdkImage&) = delete;
  DpdkImage& operator=(const DpdkImage&) = delete;
  ~DpdkImage();

  [[nodiscard]] sluice_tables& tables() { return tables_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  DpdkImage(const ImageSizes& sizes, void* memory, std::uint64_t bytes);

  void* memory_;
  std::uint64_t bytes_;
  sluice_tables tables_;
};

}  // namespace sluice
