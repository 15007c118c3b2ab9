// SPDX-License-Identifier: Apache-2.0
// A file system between SQLite and the real one that fails at its n-th call, and then has lost what was not
// synchronised: what a kernel does that could not write its pages back.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::io {

enum class Fault : std::uint8_t { none, sync, write, disk_full, torn_write };

class FaultyVfs {
 public:
  // The name for StoreOptions::vfs. One at a time is enough for a test.
  static const std::string& name();
  // The n-th call of that kind from now on fails, n counting from 1, and every later one.
  static void arm(Fault fault, std::uint64_t n);
  static void disarm() { arm(Fault::none, 0); }
  [[nodiscard]] static bool has_failed();
};

}  // namespace sluice::io
