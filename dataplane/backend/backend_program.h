// SPDX-License-Identifier: Apache-2.0
// The BPF program in the kernel, loaded but not attached: one per configuration.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "decap_tables.h"
#include "error.h"
#include "unique_fd.h"

struct bpf_object;

namespace sluice::backend {

class BackendProgram {
 public:
  struct Options {
    std::string counts_pin;                      // map of counters to go on with, or to begin; empty: not pinned
    std::span<const unsigned char> object = {};  // empty: the one this program carries
  };

  // Loads and fills every map but the counters; from here on the program may run.
  static Result<BackendProgram> load(const DecapTables& tables, const Options& options);
  BackendProgram(BackendProgram&&) noexcept;
  BackendProgram& operator=(BackendProgram&&) noexcept;
  ~BackendProgram();

  [[nodiscard]] int fd() const;
  [[nodiscard]] int counts_fd() const;

  // The host's own addresses have changed. New ones first, so that none is missing in between.
  Status replace_addresses(const std::vector<sluice_host_entry>& entries);

 private:
  struct Close {
    void operator()(bpf_object* object) const;
  };
  BackendProgram() = default;
  Status fill(const DecapTables& tables);
  [[nodiscard]] int map_fd(const char* name) const;

  std::unique_ptr<bpf_object, Close> object_;
  std::vector<sluice_host_entry> entries_;
};

// Sum over all CPUs.
Result<sluice_decap_counters> read_counters(int counts_fd);
// Of the pinned map; not_found if no agent has pinned one here.
Result<sluice_decap_counters> read_pinned_counters(const std::string& counts_pin);

}  // namespace sluice::backend
