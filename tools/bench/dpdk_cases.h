// SPDX-License-Identifier: Apache-2.0
// The cases of `sluice-bench dpdk`, by groups that each vary one thing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench_image.h"
#include "dpdk_loops.h"

namespace sluice::bench {

struct DpdkCase {
  std::string name;
  std::string group;
  LoopKind loop = LoopKind::sluice;
  BurstForm form = BurstForm::staged;
  PacketKind packet = PacketKind::tcp4_ack;
  std::uint32_t flows = 1024;
  std::uint32_t services = 1;
  std::uint32_t backends = 1000;  // of each service's pool
  std::uint8_t encapsulation = SLUICE_ENCAP_IPIP_V4;
  bool track = false;
  std::uint32_t frame_bytes = 64;
  bool cold = false;          // packets written long before they are looked at
  std::uint32_t workers = 1;  // at the same time, each on a core of its own
};

// `flows_max` caps the flows of every case (a short run).
[[nodiscard]] std::vector<DpdkCase> dpdk_cases(std::uint32_t flows_max);

}  // namespace sluice::bench
