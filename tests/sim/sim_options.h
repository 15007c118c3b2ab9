// SPDX-License-Identifier: Apache-2.0
// Everything that a seed decides before a run begins: sizes, speeds, and which faults come how often.
#pragma once

#include <cstdint>
#include <string>

#include "sim_clock.h"

namespace sluice::sim {

// Mean time between two faults of a kind; zero: never.
struct FaultRates {
  Time crash{};
  Time restart_all{};
  Time pause{};
  Time partition{};
  Time disk_stall{};
  Time write_error{};
  Time disk_full{};
  Time compaction{};
  Time membership{};
  Time transfer{};
  std::uint32_t rot_percent = 0;  // of restarts that find the disk damaged
};

struct SimOptions {
  std::uint64_t seed = 0;
  std::uint32_t nodes = 3;
  Time faults_for = seconds(20);

  Time tick = milliseconds(20);
  std::uint32_t heartbeat_ticks = 2;
  std::uint32_t election_ticks = 10;
  std::uint32_t entries_per_message = 64;
  std::uint32_t message_bytes = 1 << 20;
  std::uint32_t messages_in_flight = 32;
  std::uint32_t snapshot_chunk_bytes = 256;
  std::uint32_t uncommitted_bytes_max = 64 << 20;
  std::uint32_t trailing_entries = 10;
  // How much faster or slower than its neighbours a node's clock may run.
  double skew_max = 1.0;

  Time delay_min = milliseconds(1);
  Time delay_max = milliseconds(5);
  std::uint32_t drop_percent = 0;
  std::uint32_t duplicate_percent = 0;
  std::uint32_t late_percent = 0;  // of messages that come once more, seconds later
  std::uint32_t flip_percent = 0;  // of snapshot pieces that come with a wrong byte
  Time fsync_max = milliseconds(5);
  // The process looks at what the core wants only so long after an input: several inputs share one Ready.
  Time pump_delay_max{};
  Time apply_delay_max{};

  std::uint32_t clients = 3;
  std::uint32_t keys = 2;
  Time think_max = milliseconds(100);
  FaultRates faults;
};

// `nodes` 0: the seed decides that too.
[[nodiscard]] SimOptions options_of(std::uint64_t seed, std::uint32_t nodes);
[[nodiscard]] std::string text_of(const SimOptions& options);

}  // namespace sluice::sim
