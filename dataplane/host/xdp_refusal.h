// SPDX-License-Identifier: Apache-2.0
// Why a driver does not take an XDP program, in the kernel's own words.
#pragma once

#include <cstdint>
#include <string>

#include "config.h"

namespace sluice {

// After bpf_link_create() has failed, which has no way to say more than a number: tries the older way of attaching,
// whose refusal carries a text ("Peer MTU is too large to set XDP"). Empty if there is none. The program is not
// attached afterwards. `mode` is native or generic.
std::string xdp_refusal_text(std::uint32_t interface, int program_fd, PlaneMode mode);

}  // namespace sluice
