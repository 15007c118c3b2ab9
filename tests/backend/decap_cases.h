// SPDX-License-Identifier: Apache-2.0
// The table of decapsulation cases, for user space and for the BPF program.
#pragma once

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "sluice_reasons.h"
#include "tunnel_frame.h"

namespace sluice::backend::testing {

struct DecapCase {
  std::string name;
  Bytes frame;
  sluice_reason reason;
  Bytes output;  // of a frame that is not delivered: the frame itself
};

// Every case by name, and every truncation of every shape.
std::vector<DecapCase> decap_cases();
std::vector<DecapCase> truncation_cases();
// `count` frames from outside the allowed ranges, right in every other way.
std::vector<DecapCase> forged_cases(std::mt19937_64& random, std::size_t count);

// A frame that is a tunnel packet more or less: shape, mutations and lengths at random.
Bytes random_frame(std::mt19937_64& random);

// SLUICE_SEED or a fresh one; printed.
std::uint64_t test_seed();

struct DecapOutcome {
  sluice_reason reason;
  Bytes frame;
  friend bool operator==(const DecapOutcome&, const DecapOutcome&) = default;
};

// sluice_decapsulate() over a copy that ends exactly where the frame ends.
DecapOutcome decapsulate_in_user_space(const Bytes& frame, const DecapTables& tables);

const char* name_of(sluice_reason reason);
std::string hex(const Bytes& bytes);

}  // namespace sluice::backend::testing
