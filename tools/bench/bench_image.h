// SPDX-License-Identifier: Apache-2.0
// The forwarding models and the packets that the packet-path benchmarks share.
#pragma once

#include <cstdint>
#include <vector>

#include "image_writer.h"

namespace sluice::bench {

enum class PacketKind : std::uint8_t { tcp4_syn, tcp4_ack, udp4, tcp6_ack, vlan_tcp4_ack, tcp4_not_vip };

struct ModelOptions {
  std::uint32_t services = 1;  // one pool each; a power of two up to 64
  std::uint32_t backends_per_pool = 1000;
  std::uint32_t slots_count = 65537;
  std::uint8_t encapsulation = SLUICE_ENCAP_IPIP_V4;
  std::uint8_t protocol = 6;
  bool is_v6 = false;  // services; the backends' family follows the encapsulation
  bool track = false;
  bool chain = false;  // and every slot unstable with three previous owners
  std::uint32_t flows_per_worker = 0;
};

[[nodiscard]] ForwardingModel bench_model(const ModelOptions& options);
[[nodiscard]] std::optional<NextHop> bench_next_hop(const ForwardingBackend& backend);

// A frame of `length` bytes with the source port and the varying bytes of both addresses zero, checksum right.
[[nodiscard]] std::vector<std::uint8_t> bench_frame(PacketKind kind, std::uint32_t length);

}  // namespace sluice::bench
