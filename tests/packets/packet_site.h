// SPDX-License-Identifier: Apache-2.0
// A configuration file of the packet tests -> what the image writer is told, with the test bench's own rules for what a
// static file does not say. model_site.py has the same rules:
//
//   next hop    destination 02:be: + the last four bytes of the backend's address, source 02:0a:00:00:00:01. A member
//               whose name ends in -ifN is behind interface N, one with "silent" in its name is not resolved.
//   a comment   #! second-chance POOL
//               The pool's backends run the second chance. Member i has id 0xb0000001 + i. Slots divisible by 3 are
//               stable. The others have count = min(1 + slot / 4 mod 3, members - 1) previous owners:
//               (owner + 1 + (slot + i) mod (members - 1)) mod members, i = 0 .. count - 1.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "error.h"
#include "forwarding_model.h"
#include "image_writer.h"

namespace sluice {

struct PacketSite {
  ForwardingModel model;
  std::map<BackendKey, std::string> member_names;  // of the pool that names the backend first

  [[nodiscard]] std::optional<NextHop> next_hop_of(const ForwardingBackend& backend) const;
};

[[nodiscard]] Result<PacketSite> read_packet_site(const std::string& path);

}  // namespace sluice
