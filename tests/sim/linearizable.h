// SPDX-License-Identifier: Apache-2.0
// Is there one order of these operations that every client could have seen? The search of Wing and Gong ("Testing and
// Verifying Concurrent Objects", 1993) with Lowe's memory of what was tried ("Testing for Linearizability", 2017).
// The object is one register with read, write and compare-and-set: histories of several keys are judged key by key,
// which is the same thing (Herlihy and Wing 1990, locality).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sluice::sim {

using RegisterValue = std::uint64_t;  // 0: never written

enum class OperationKind : std::uint8_t { read, write, compare_and_set };

struct Operation {
  OperationKind kind = OperationKind::read;
  RegisterValue expected = 0;  // compare_and_set
  RegisterValue written = 0;   // write, compare_and_set
  // Places in the order in which things were seen from outside: any clock that ticks with every call and return.
  std::uint64_t called = 0;
  // Nothing: the client never learnt. It may have taken effect at any time after the call, or may yet, or never.
  std::optional<std::uint64_t> returned = std::nullopt;
  // Of a read: what it returned. Of a compare_and_set: the value it found; it took effect if that was `expected`.
  RegisterValue found = 0;
  std::uint32_t client = 0;  // for people
};

enum class Verdict : std::uint8_t { linearizable, not_linearizable, undecided };

struct Judgement {
  Verdict verdict = Verdict::linearizable;
  std::uint64_t steps = 0;
  // Not linearizable: the first operation whose return no order could explain, and the longest order that was found.
  std::optional<Operation> unexplained;
  std::vector<Operation> longest;
};

// Undecided after so many steps: the search is exponential at worst, if many operations are open at once.
constexpr std::uint64_t judge_steps_max = 20'000'000;

[[nodiscard]] Judgement judge(std::span<const Operation> operations, std::uint64_t steps_max = judge_steps_max);
[[nodiscard]] std::string text_of(const Operation& operation);
// For a failure's output: what could not be explained and what came right before.
[[nodiscard]] std::string text_of(const Judgement& judgement);

}  // namespace sluice::sim
