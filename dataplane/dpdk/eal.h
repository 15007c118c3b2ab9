// SPDX-License-Identifier: Apache-2.0
// DPDK's environment: the process' memory for packets and its polling threads. Once per process, and not again after it
// has ended.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "error.h"

namespace sluice {

enum class MemoryKind : std::uint8_t {
  huge,      // 2 MiB pages
  ordinary,  // no reservation, no privilege; a little slower
};

struct EalOptions {
  MemoryKind memory = MemoryKind::ordinary;
  std::uint64_t memory_bytes = 0;           // for packets; what EAL needs beside them is added
  std::vector<std::uint16_t> control_cpus;  // of the thread that calls start(); empty: stays where it is
  std::vector<std::uint16_t> worker_cpus;   // lcores 1, 2, ...; empty: no worker threads
  std::vector<std::string> pci_devices;     // all others are left alone
};

class Eal {
 public:
  // The calling thread becomes lcore 0.
  static Result<Eal> start(const EalOptions& options);
  Eal(Eal&& other) noexcept;
  Eal& operator=(Eal&&) = delete;
  Eal(const Eal&) = delete;
  Eal& operator=(const Eal&) = delete;
  // After everything made with DPDK is gone.
  ~Eal();

 private:
  explicit Eal(std::string directory) : directory_(std::move(directory)) {}

  std::string directory_;  // EAL's runtime directory, which EAL itself leaves behind
};

inline constexpr std::uint64_t huge_page_bytes = std::uint64_t{2} << 20;
// Of those, how many are free now, and how many so much memory takes.
[[nodiscard]] std::uint64_t free_huge_pages();
[[nodiscard]] std::uint64_t huge_pages_for(std::uint64_t bytes);
// What EAL takes beside the packets, rings and heap headers.
inline constexpr std::uint64_t eal_spare_bytes = std::uint64_t{64} << 20;

// CPUs that the calling thread may run on, ascending.
[[nodiscard]] std::vector<std::uint16_t> allowed_cpus();

// "0@(0,2),1@1" for control CPUs 0 and 2 and one worker on CPU 1
[[nodiscard]] std::string lcores_text(std::span<const std::uint16_t> control, std::span<const std::uint16_t> workers);

}  // namespace sluice
