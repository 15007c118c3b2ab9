// SPDX-License-Identifier: Apache-2.0
// The packet path in user space. Each frame ends at an inaccessible page and has 0xff before it: a read beyond the
// frame ends the test, a header byte that was not written shows.
#pragma once

#include <memory>

#include "image_memory.h"
#include "packet_plane.h"

namespace sluice {

class ReplayPlane final : public PacketPlane {
 public:
  // The same counters and flow table as a plane whose one CPU is `worker`.
  ReplayPlane(const ImageSizes& sizes, std::uint32_t workers, std::uint32_t worker);
  ~ReplayPlane() override;

  void set_tick(std::uint32_t tick) override { tick_ = tick; }
  PacketVerdict run(std::span<const std::uint8_t> frame) override;
  [[nodiscard]] std::size_t frame_bytes_min() const override { return 0; }

 protected:
  [[nodiscard]] std::uint32_t flow_clock() const override { return tick_; }

 private:
  ImageMemory image_;
  std::uint8_t* pages_ = nullptr;
  std::uint32_t tick_ = 0;
};

}  // namespace sluice
