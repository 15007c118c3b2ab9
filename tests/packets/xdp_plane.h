// SPDX-License-Identifier: Apache-2.0
// bpf/balancer.bpf.c in the kernel, one BPF_PROG_TEST_RUN per frame. Needs root (or CAP_BPF and CAP_NET_ADMIN).
//
// The program's clock stands still: its tick is jiffies >> 63. Time passes by making what the image remembers older.
#pragma once

#include <array>
#include <optional>

#include "map_set.h"
#include "packet_plane.h"
#include "xdp_object.h"

namespace sluice {

class XdpPlane final : public PacketPlane {
 public:
  // `object_path`: an object compiled from balancer.bpf.c for maps of `form`. Pins the calling thread to one CPU, which
  // is the worker. Throws std::runtime_error.
  XdpPlane(const std::string& object_path, TableForm form, const ImageSizes& sizes);

  // Number of workers that the image has to have, and the one that is used.
  [[nodiscard]] static std::uint32_t workers();
  static constexpr std::uint32_t used_worker = 0;

  void reset() override;
  void set_tick(std::uint32_t tick) override;
  PacketVerdict run(std::span<const std::uint8_t> frame) override;
  // Shorter frames are refused by the kernel (EINVAL).
  [[nodiscard]] std::size_t frame_bytes_min() const override { return 14; }

 protected:
  [[nodiscard]] std::uint32_t flow_clock() const override { return 0; }

 private:
  using Reasons = std::array<std::uint64_t, SLUICE_REASON_COUNT>;

  [[nodiscard]] std::uint64_t reason_count(std::uint32_t reason) const;
  sluice_reason counted_reason();

  std::optional<MapSet> maps_;
  std::optional<XdpObject> object_;
  int program_ = -1;
  std::uint32_t tick_ = 0;
  Reasons seen_{};
  std::vector<std::uint8_t> output_;
};

}  // namespace sluice
