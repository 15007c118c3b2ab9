// SPDX-License-Identifier: Apache-2.0
#include "sim_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "test_random.h"

namespace sluice::sim {
namespace {

Time between(Random& random, Time low, Time high) {
  return low + Time(random.below(static_cast<std::uint32_t>((high - low).count() + 1)));
}

// Half of the seeds go without a fault of this kind: one kind alone finds what the noise of all others hides.
Time rate(Random& random, Time low, Time high) {
  return random.percent(50) ? between(random, low, high) : Time{};
}

FaultRates draw_faults(Random& random) {
  FaultRates faults;
  faults.crash = rate(random, milliseconds(700), seconds(8));
  faults.restart_all = random.percent(25) ? between(random, seconds(4), seconds(15)) : Time{};
  faults.pause = rate(random, seconds(1), seconds(8));
  faults.partition = rate(random, milliseconds(800), seconds(6));
  faults.disk_stall = rate(random, seconds(1), seconds(8));
  faults.write_error = random.percent(30) ? between(random, seconds(2), seconds(10)) : Time{};
  faults.disk_full = random.percent(20) ? between(random, seconds(4), seconds(15)) : Time{};
  faults.compaction = random.percent(75) ? between(random, milliseconds(50), seconds(3)) : Time{};
  faults.membership = rate(random, milliseconds(300), seconds(4));
  faults.transfer = rate(random, milliseconds(500), seconds(5));
  faults.rot_percent = random.percent(20) ? 10 : 0;
  return faults;
}

void draw_network(Random& random, SimOptions& options) {
  options.delay_min = between(random, milliseconds(1), milliseconds(5));
  options.delay_max = options.delay_min + milliseconds(random.one_of({1, 5, 20, 60, 145}));
  options.drop_percent = random.one_of({0u, 0u, 1u, 5u, 10u, 20u});
  options.duplicate_percent = random.one_of({0u, 0u, 2u, 10u, 30u});
  options.late_percent = random.one_of({0u, 0u, 1u, 3u});
  options.flip_percent = random.one_of({0u, 0u, 0u, 10u});
}

}  // namespace

SimOptions options_of(std::uint64_t seed, std::uint32_t nodes) {
  // Apart from the run's own stream, so that a longer run begins like a shorter one.
  Random random(seed ^ 0x6f7074696f6e7321);
  SimOptions options;
  options.seed = seed;
  options.nodes = random.one_of({1u, 2u, 3u, 3u, 3u, 4u, 5u, 5u, 7u});
  if (nodes != 0) options.nodes = nodes;
  options.faults_for = between(random, seconds(8), seconds(45));
  options.tick = milliseconds(random.one_of({10, 20, 20, 30}));
  options.heartbeat_ticks = 1 + random.below(4);
  options.election_ticks = options.heartbeat_ticks * 3 + 3 + random.below(12);
  options.entries_per_message = random.one_of({1u, 2u, 8u, 64u});
  options.message_bytes = random.one_of({64u, 1024u, 1u << 20});
  options.messages_in_flight = random.one_of({1u, 2u, 4u, 32u});
  options.snapshot_chunk_bytes = random.one_of({16u, 64u, 256u, 1u << 18});
  options.uncommitted_bytes_max = random.one_of({64u << 20, 64u << 20, 300u});
  options.trailing_entries = random.one_of({0u, 1u, 5u, 20u, 100u});
  options.skew_max = random.one_of({1.0, 1.1, 2.0});
  draw_network(random, options);
  options.fsync_max = milliseconds(random.one_of({1, 5, 20, 60, 200}));
  options.pump_delay_max = milliseconds(random.one_of({0, 0, 0, 3, 10}));
  options.apply_delay_max = milliseconds(random.one_of({0, 0, 5, 100}));
  options.clients = 1 + random.below(5);
  options.keys = 1 + random.below(3);
  options.think_max = milliseconds(random.one_of({10, 50, 200}));
  // One entry at a time and one message under way: no more work than the slowest follower can make up for in 20 s.
  const std::uint32_t entries = options.message_bytes == 64 ? 1 : options.entries_per_message;
  if (entries * options.messages_in_flight < 4) {
    options.clients = std::min(options.clients, 3u);
    options.think_max = milliseconds(200);
  }
  options.faults = draw_faults(random);
  return options;
}

std::string text_of(const SimOptions& o) {
  const auto ms = [](Time time) { return static_cast<double>(time.count()) / 1000.0; };
  std::string text = fmt::format("nodes {}, {} ms of faults; clients {}, keys {}, think {} ms\n", o.nodes,
                                 ms(o.faults_for), o.clients, o.keys, ms(o.think_max));
  text += fmt::format(
      "  tick {} ms, skew {}, heartbeat {}, election {}; a message: {} entries, {} bytes, {} in flight; ", ms(o.tick),
      o.skew_max, o.heartbeat_ticks, o.election_ticks, o.entries_per_message, o.message_bytes, o.messages_in_flight);
  text += fmt::format("uncommitted {} bytes, snapshot pieces {}, trailing {}\n", o.uncommitted_bytes_max,
                      o.snapshot_chunk_bytes, o.trailing_entries);
  text += fmt::format("  network {}..{} ms, lost {} %, twice {} %, late {} %, wrong bytes {} %; ", ms(o.delay_min),
                      ms(o.delay_max), o.drop_percent, o.duplicate_percent, o.late_percent, o.flip_percent);
  text += fmt::format("fsync {} ms, pump {} ms, apply {} ms\n  every so many ms:", ms(o.fsync_max),
                      ms(o.pump_delay_max), ms(o.apply_delay_max));
  const auto fault = [&](const char* name, Time every) {
    if (every > Time{}) text += fmt::format(" {} {},", name, every.count() / 1000);
  };
  fault("crash", o.faults.crash);
  fault("restart of all", o.faults.restart_all);
  fault("pause", o.faults.pause);
  fault("partition", o.faults.partition);
  fault("disk stall", o.faults.disk_stall);
  fault("write error", o.faults.write_error);
  fault("disk full", o.faults.disk_full);
  fault("compaction", o.faults.compaction);
  fault("membership", o.faults.membership);
  fault("transfer", o.faults.transfer);
  return text + fmt::format(" rot in {} % of restarts", o.faults.rot_percent);
}

}  // namespace sluice::sim
