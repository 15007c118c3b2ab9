// SPDX-License-Identifier: Apache-2.0
// The planes that packet_runner and packet_differential know, by the name on their command lines.
#pragma once

#include <memory>
#include <string>

#include "packet_plane.h"

namespace sluice {

// Names as in "replay|xdp|xdp-lookup|dpdk|dpdk-segments", of those in this build.
[[nodiscard]] std::string plane_names();

struct PlaneWorkers {
  std::uint32_t count = 1;
  std::uint32_t used = 0;
};
// How many workers the image of that plane has to have, and which of them is used. Throws std::runtime_error.
[[nodiscard]] PlaneWorkers plane_workers(const std::string& name);
// `object`: balancer.bpf.o for xdp, balancer_lookup.bpf.o for xdp-lookup; the others do not look at it. Throws
// std::runtime_error.
[[nodiscard]] std::unique_ptr<PacketPlane> make_plane(const std::string& name, const std::string& object,
                                                      const ImageSizes& sizes);

}  // namespace sluice
