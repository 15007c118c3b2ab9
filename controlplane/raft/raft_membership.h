// SPDX-License-Identifier: Apache-2.0
// Configurations: what may follow what, and which one was in force where in the log.
#pragma once

#include <deque>

#include "error.h"
#include "raft_types.h"

namespace sluice::raft {

// Ascending without repetitions, no id 0, nobody both member and removed.
[[nodiscard]] bool is_well_formed(const Configuration& configuration);

// One step each, so that any majority before meets any majority after. invalid_argument, not_found or conflict.
[[nodiscard]] Result<Configuration> with_learner(Configuration configuration, const Member& member);
[[nodiscard]] Result<Configuration> with_promoted(Configuration configuration, NodeId learner);
[[nodiscard]] Result<Configuration> without(Configuration configuration, NodeId member);

// A configuration is in force from the moment its entry is in the log, committed or not, and no longer when the entry
// is truncated away.
class ConfigurationHistory {
 public:
  struct Step {
    LogIndex index;
    Configuration configuration;
  };

  [[nodiscard]] const Step& newest() const { return steps_.back(); }
  // The one in force at `index`, which must not be before what was forgotten.
  [[nodiscard]] const Configuration& at(LogIndex index) const;

  void add(LogIndex index, Configuration configuration);
  void truncate_from(LogIndex index);
  // Nobody will ask for one before `index`.
  void forget_before(LogIndex index);
  void restart(LogIndex index, Configuration configuration);

 private:
  std::deque<Step> steps_{Step{}};  // never empty, ascending
};

}  // namespace sluice::raft
