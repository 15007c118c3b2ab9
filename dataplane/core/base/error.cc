// SPDX-License-Identifier: Apache-2.0
#include "error.h"

#include <cstdio>

namespace sluice {

void invariant_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: invariant broken: %s (this is a bug in Sluice; please report it)\n", file, line,
               expression);
  std::abort();
}

}  // namespace sluice
