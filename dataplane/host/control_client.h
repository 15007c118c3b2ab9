// SPDX-License-Identifier: Apache-2.0
// The other end of ControlServer, for one program of the plane that asks another.
#pragma once

#include <chrono>
#include <string>

#include "error.h"

namespace sluice {

// One request line, one answer line, neither with its end.
Result<std::string> ask_control_socket(const std::string& path, const std::string& line, std::chrono::seconds limit);

}  // namespace sluice
