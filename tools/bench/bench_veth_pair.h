// SPDX-License-Identifier: Apache-2.0
// A veth pair in a network namespace that this process alone is in. Both go when the process ends, however it ends:
// there is no name to collide with and nothing to clean up.
#pragma once

#include "error.h"
#include "xdp_attach.h"

namespace sluice::bench {

struct VethPair {
  Interface generator;
  Interface balancer;
};

// Moves the calling thread into a new network namespace (root, or CAP_SYS_ADMIN and CAP_NET_ADMIN). No address, no
// IPv6: the pair carries nothing but what is put on it.
[[nodiscard]] Result<VethPair> make_veth_pair();

}  // namespace sluice::bench
