// SPDX-License-Identifier: Apache-2.0
// Tunnel packets as tests want them: well-formed unless a case bends them. Written independently of abi's encoder.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "decap_tables.h"

namespace sluice::backend::testing {

using Bytes = std::vector<std::uint8_t>;

struct TunnelSpec {
  bool outer_v6 = false;
  bool inner_v6 = false;
  bool gue = false;
  unsigned private_words = 0;  // GUE private data, 4 bytes each
  unsigned tags = 0;
  unsigned outer_traffic_class = 0;
  unsigned inner_traffic_class = 0;
  unsigned inner_options_words = 0;  // IPv4
  unsigned payload_bytes = 24;
  unsigned inner_slack = 0;    // bytes in the tunnel behind the inner packet
  unsigned trailer_bytes = 0;  // behind the outer packet (Ethernet padding)
  std::uint16_t gue_port = 6080;
  std::string outer_source;       // default: an allowed one of the family
  std::string outer_destination;  // default: the host's own
  std::string inner_destination;  // default: the VIP
};

struct TunnelFrame {
  Bytes bytes;
  std::size_t l3 = 0;     // outer IP header
  std::size_t udp = 0;    // 0: no UDP
  std::size_t gue = 0;    // 0: no GUE
  std::size_t inner = 0;  // inner IP header
  Bytes delivered;        // what the stack must see; the ECN field is left to the case
};

TunnelFrame build(const TunnelSpec& spec);

// Recomputes the IPv4 header checksum at `l3`; headers of 20 bytes and options alike.
void fix_checksum(Bytes& bytes, std::size_t l3);
bool checksum_right(const Bytes& bytes, std::size_t l3);

// The tables every test decides by: own addresses 10.3.0.2 and fd00:3::2, VIPs 203.0.113.10 and 2001:db8:203::10,
// allowed sources 10.2.0.0/16, 192.0.2.7/32, fd00:2::/32 and 2001:db8:7::7/128.
DecapTables test_tables();

}  // namespace sluice::backend::testing
