// SPDX-License-Identifier: Apache-2.0
// One sluice-dpdk per configuration and network namespace, told apart by the control socket. A name in the kernel, not
// a file: it goes with the process, however that ends.
#pragma once

#include <string>

#include "error.h"
#include "unique_fd.h"

namespace sluice {

// Held as long as the descriptor is open. Conflict: another process has it.
[[nodiscard]] Result<UniqueFd> lock_process(const std::string& control_socket);

}  // namespace sluice
