// SPDX-License-Identifier: Apache-2.0
// What happened in a run: always as a hash, by which two runs are compared; as text only when somebody will read it,
// since making the text costs more than the run. A failed seed is simply run again with the text on.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "raft_types.h"
#include "sim_clock.h"

namespace sluice::sim {

enum class TraceMode : std::uint8_t { hash_only, last_lines, print };
constexpr std::size_t trace_lines_kept = 80;

class Trace {
 public:
  Trace(TraceMode mode, const SimClock& clock) : mode_(mode), clock_(clock) {}

  // `text` is a function that makes the line.
  template <typename Text>
  void note(Text&& text) {
    if (mode_ != TraceMode::hash_only) add(text());
  }
  void mix(std::uint64_t value);
  void mix(std::string_view bytes);
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] const std::deque<std::string>& lines() const { return lines_; }

  // Ids are 64 random bits; people read n1, n2 ...
  void name(raft::NodeId id);
  [[nodiscard]] std::string name_of(raft::NodeId id) const;

 private:
  void add(std::string line);

  TraceMode mode_;
  const SimClock& clock_;
  std::uint64_t hash_ = 0;
  std::deque<std::string> lines_;
  std::map<raft::NodeId, std::string> names_;
};

// One line about a message, without sender and receiver.
[[nodiscard]] std::string text_of(const raft::Message& message, const Trace& trace);
[[nodiscard]] std::string text_of(const raft::Configuration& configuration, const Trace& trace);

}  // namespace sluice::sim
