// SPDX-License-Identifier: Apache-2.0
// A benchmark that computes something wrong ends the program: the library's own SkipWithError() leaves the exit code 0.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace sluice {

[[noreturn]] inline void wrong_result(const char* what) {
  std::fprintf(stderr, "wrong result: %s\n", what);
  std::exit(1);
}

}  // namespace sluice
