// SPDX-License-Identifier: Apache-2.0
// The abi headers are C++20 and stand alone.
#include "sluice_decap.h"
#include "sluice_pipeline.h"

int sluice_abi_alone_cc();
int sluice_abi_alone_cc() {
  return static_cast<int>(sizeof(sluice_road));
}
