// SPDX-License-Identifier: Apache-2.0
// An image in ordinary memory: for replay, tests, offline explain and benchmarks.
#pragma once

#include <memory>

#include "image_writer.h"

namespace sluice {

// The arrays one after the other in `memory`, which is zeroed, aligned to lines and sizes.bytes() long.
[[nodiscard]] sluice_tables tables_in(void* memory, const ImageSizes& sizes);

class ImageMemory {
 public:
  explicit ImageMemory(const ImageSizes& sizes);
  ImageMemory(const ImageMemory&) = delete;
  ImageMemory& operator=(const ImageMemory&) = delete;
  ImageMemory(ImageMemory&&) noexcept = default;
  ImageMemory& operator=(ImageMemory&&) noexcept = default;
  ~ImageMemory() = default;

  [[nodiscard]] const sluice_tables& tables() const { return tables_; }

 private:
  struct alignas(SLUICE_LINE_BYTES) Line {
    sluice_line line;
  };
  std::unique_ptr<Line[]> lines_;  // all arrays, one after the other, zeroed
  sluice_tables tables_;
};

}  // namespace sluice
