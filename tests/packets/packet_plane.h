// SPDX-License-Identifier: Apache-2.0
// A plane as the packet tests see it: publish a site, put a frame in, look at what comes out and at every counter.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "image_reader.h"
#include "packet_site.h"

namespace sluice {

// Of a plane that can only tell "not out the way it came".
inline constexpr std::uint32_t some_interface = 0xffffffff;

struct PacketVerdict {
  sluice_reason reason = SLUICE_REASON_internal;
  std::uint32_t interface = 0;
  bool sent = false;                     // on, or up to the kernel
  std::span<const std::uint8_t> output;  // valid until the next frame
};

// Lines that hold each of the sites in turn.
[[nodiscard]] ImageSizes sizes_for_all(const std::vector<PacketSite>& sites, std::uint32_t workers);

using Frame = std::vector<std::uint8_t>;

class PacketPlane {
 public:
  PacketPlane() = default;
  PacketPlane(const PacketPlane&) = delete;
  PacketPlane& operator=(const PacketPlane&) = delete;
  virtual ~PacketPlane() = default;

  // Forgets everything, as if just started.
  virtual void reset();
  Status publish(const PacketSite& site);
  virtual void set_tick(std::uint32_t tick) = 0;
  virtual PacketVerdict run(std::span<const std::uint8_t> frame) = 0;
  // Several at a time, at most burst_frames(), by planes that can. Outputs are valid until the next frame or burst.
  virtual std::vector<PacketVerdict> run_burst(std::span<const Frame> frames) { return {run(frames.front())}; }
  [[nodiscard]] virtual std::size_t burst_frames() const { return 1; }
  [[nodiscard]] virtual std::size_t frame_bytes_min() const = 0;

  [[nodiscard]] const sluice_tables& tables() const { return tables_; }
  [[nodiscard]] const ImageWriter& writer() const { return *writer_; }
  // The lines of the one worker that all frames go through.
  [[nodiscard]] std::span<const sluice_line> counters() const;
  // Its flow table, the time of each entry being its age.
  [[nodiscard]] std::vector<std::uint64_t> flows() const;

 protected:
  // Once, by the derived constructor.
  void attach(const sluice_tables& tables, std::uint32_t workers, std::uint32_t worker);
  [[nodiscard]] std::uint32_t worker() const { return worker_; }
  [[nodiscard]] const sluice_generation& generation() const;
  [[nodiscard]] std::span<sluice_flows> flow_lines() const;
  [[nodiscard]] virtual std::uint32_t flow_clock() const = 0;

 private:
  sluice_tables tables_{};
  ImageOptions options_;
  std::uint32_t worker_ = 0;
  std::optional<ImageWriter> writer_;
};

}  // namespace sluice
