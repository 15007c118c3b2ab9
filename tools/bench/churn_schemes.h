// SPDX-License-Identifier: Apache-2.0
// How a balancer chooses backends, for each scheme of the comparison. Pure.
//
// The others are models of the published rules, not their code:
//   maglev        one table, refilled at every change
//   maglev_ft     the same, and a flow table in each balancer: first packet seen of a flow pins its backend
//   rendezvous2   GLB: per row the two highest scores of all configured backends; one that does not serve trades places
//                 with the second, which is tried next
//   one_previous  Beamer: fewest slots move, each remembers its owner before the last change
//   sluice        the step rule with lists of at most k owners, no flow table
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "churn_pool.h"

namespace sluice::bench {

inline constexpr std::uint16_t no_backend = 0xffff;

// Indices of backends in the order a packet tries them; no_backend fills it up.
using ChurnCandidates = std::array<std::uint16_t, 4>;

struct ChurnSchemeName {
  std::string scheme;
  std::uint32_t k = 0;  // only for sluice
};

class ChurnScheme {
 public:
  virtual ~ChurnScheme() = default;
  // Every balancer learns of the new state of the backends.
  virtual void follow(const std::vector<ChurnBackend>& backends) = 0;
  [[nodiscard]] const std::vector<ChurnCandidates>& rows() const { return rows_; }

 protected:
  std::vector<ChurnCandidates> rows_;  // by slot
};

[[nodiscard]] std::vector<ChurnSchemeName> churn_schemes();
[[nodiscard]] std::unique_ptr<ChurnScheme> make_churn_scheme(const ChurnSchemeName& name, std::uint32_t slots_count);

}  // namespace sluice::bench
