// SPDX-License-Identifier: Apache-2.0
// What sluice-replay prints: a line per packet if asked for, and the counts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "packet_replay.h"

namespace sluice {

struct ReplayCounts {
  std::uint64_t frames = 0;   // read from the capture
  std::uint64_t cut = 0;      // of these: shorter than on the wire, not processed
  std::uint64_t written = 0;  // to the output
};

// One frame of the capture and what became of it.
struct ReplayLine {
  std::uint64_t number = 0;  // from 1, as capture tools count
  std::string flow;
  std::string_view reason;
  std::string_view backend;  // empty: none
};

class ReplayReport {
 public:
  enum class Form : std::uint8_t { table, json };
  explicit ReplayReport(Form form) : form_(form) {}

  // Before print(), in the capture's order.
  void explain(const ReplayLine& line);
  void print(const PacketReplay& replay, const ReplayCounts& counts);

 private:
  Form form_;
  bool has_lines_ = false;
};

}  // namespace sluice
