// SPDX-License-Identifier: Apache-2.0
// Majorities of the voters of a configuration.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "raft_types.h"

namespace sluice::raft {

// Even sizes as well: half is not a majority.
constexpr std::size_t majority_of(std::size_t voters_count) {
  return voters_count / 2 + 1;
}

// The greatest number that a majority of the voters has reached; 0 without voters. `value_of` takes a NodeId.
template <typename ValueOf>
[[nodiscard]] std::uint64_t reached_by_majority(const Configuration& configuration, const ValueOf& value_of) {
  std::vector<std::uint64_t> values;
  for (const Member& member : configuration.members)
    if (member.role == MemberRole::voter) values.push_back(value_of(member.id));
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end(), std::greater<>());
  return values[majority_of(values.size()) - 1];
}

enum class VoteResult : std::uint8_t { pending, won, lost };

class Votes {
 public:
  // The first word of a node counts.
  void record(NodeId voter, bool is_granted) { answers_.try_emplace(voter, is_granted); }

  [[nodiscard]] VoteResult result(const Configuration& configuration) const {
    std::size_t voters = 0;
    std::size_t granted = 0;
    std::size_t refused = 0;
    for (const Member& member : configuration.members) {
      if (member.role != MemberRole::voter) continue;
      ++voters;
      const auto answer = answers_.find(member.id);
      if (answer == answers_.end()) continue;
      answer->second ? ++granted : ++refused;
    }
    if (granted >= majority_of(voters)) return VoteResult::won;
    return voters - refused < majority_of(voters) ? VoteResult::lost : VoteResult::pending;
  }

 private:
  std::map<NodeId, bool> answers_;
};

}  // namespace sluice::raft
