// SPDX-License-Identifier: Apache-2.0
// Whole loops of the DPDK plane over ports: receive, packet path, send, as a worker runs them.
#pragma once

#include <string>
#include <vector>

#include "dpdk_rig.h"

namespace sluice::bench {

struct PortTiming {
  std::uint32_t rounds = 3;
  std::uint32_t bursts = 4000;
  std::string only;       // names that contain this
  std::string pcap_path;  // where the capture is kept; empty: nowhere
  void (*before_each)();  // case; what it throws ends the measuring
};

struct PortRow {
  std::string name;  // "pcap_1k_sluice"
  double ticks = 0;
  double ticks_median = 0;
  double ticks_mean = 0;    // the best round's mean over a stretch: what other programs state
  double ratio = 0;         // to 5tswap over the same port
  std::uint32_t flows = 0;  // 0: no flows at all, packets of zeros
};

// A pcap file that comes again and again (1,000 flows), rings, and a port whose packets are all zeros.
[[nodiscard]] std::vector<PortRow> time_ports(DpdkRig& rig, const PortTiming& timing);

}  // namespace sluice::bench
