// SPDX-License-Identifier: Apache-2.0
// The program around a plane: options, signals, the loop, exit codes. The same for every plane; their main functions
// only say which.
#pragma once

#include "forwarding.h"

namespace sluice {

// Returns the exit code.
int plane_main(int argc, char** argv, const PlaneKind& kind);

}  // namespace sluice
