// SPDX-License-Identifier: Apache-2.0
// The result files of sluice-bench as plain values: which command wrote one is seen by its shape. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "error.h"

namespace sluice::bench {

// What a file leaves out stays empty: older and newer files are read as far as they go.
struct DpdkCase {
  std::string name;
  std::string group;                   // of the page
  std::optional<double> ticks;         // per packet, the best round
  std::optional<double> ticks_median;  // over the rounds
  std::optional<double> ratio;         // to the blind encapsulation of the same run
  std::optional<double> ns;
  std::optional<double> mpps;
  std::optional<double> flows;
  std::optional<double> vips;
  std::optional<double> backends;
  std::optional<double> frame_bytes;
};

struct DpdkResult {
  std::optional<double> tsc_hz;
  std::optional<double> burst;
  std::string cpu;
  std::string level;
  std::string memory;
  std::vector<DpdkCase> cases;
};

// Of sluice-bench xdp and veth: the same columns.
struct KernelCase {
  std::string name;
  double raw_ns = 0;
  double raw_median_ns = 0;
  double floor_ns = 0;
  double net_ns = 0;  // this one and the next two are differences: noise may take them below zero
  double ratio = 0;
  double over_blind_ns = 0;
  std::optional<double> mpps;
};

enum class KernelBench : std::uint8_t { xdp, veth };

struct KernelResult {
  KernelBench bench = KernelBench::xdp;
  std::vector<KernelCase> cases;
};

struct TableMove {
  std::string change;
  double moved = 0;
  double minimum = 0;
  double refill_moved = 0;
};

struct TableResult {
  double fill_ms = 0;
  double step_ms = 0;
  double share_error_slots = 0;
  double slots = 0;
  double timed_backends = 0;
  double moved_backends = 0;
  std::vector<TableMove> moves;
};

struct ChurnRun {
  std::string scenario;
  std::string scheme;  // with its k, where it has one: "sluice k=3"
  double broken_percent = 0;
};

struct ChurnResult {
  double flows = 0;
  double slots = 0;
  double backends = 0;
  double balancers = 0;
  double histories = 0;
  double seed = 0;
  std::vector<ChurnRun> runs;
};

using BenchResult = std::variant<DpdkResult, KernelResult, TableResult, ChurnResult>;

// A result file and what the page calls it.
struct NamedResult {
  std::string name;
  BenchResult result;
};

// Refuses, with one line that says what, why and what is allowed: what is no JSON, an unknown shape, no case at all,
// a case that occurs twice, negative or infinite numbers.
[[nodiscard]] Result<BenchResult> read_bench_result(std::string_view text);

// The name without the number of flows that it ends in or contains: "tcp4_tracked" of "tcp4_tracked_8m".
[[nodiscard]] std::string family_of_name(std::string_view name);

}  // namespace sluice::bench
