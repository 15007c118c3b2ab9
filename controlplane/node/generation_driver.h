// SPDX-License-Identifier: Apache-2.0
// The leader's hand on two-phase generations (docs/architecture.md): when to prepare the next one, and when every
// balancer that forwards knows enough for it to be activated. Decides only; proposing is the node's business.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "lease.h"
#include "raft_types.h"
#include "strong_types.h"
#include "uptime.h"

namespace sluice::node {

// How far the state machine is.
struct GenerationView {
  Generation active;
  std::optional<Generation> prepared;
  bool is_dirty = false;  // changes that no generation has yet
};

// What a balancer's plane forwards by, as it last said.
struct PlaneProgress {
  bool has_plane = false;  // false: this balancer forwards nothing, nobody waits for it
  Generation active;       // generation it forwards by
  Generation prepared;     // highest generation whose coming owners it knows; at least `active`
  friend bool operator==(const PlaneProgress&, const PlaneProgress&) = default;
};

struct GenerationStep {
  enum class Kind : std::uint8_t { none, prepare, activate } kind = Kind::none;
  Generation generation;
  // activate: those that are not waited for any longer; they have fenced themselves
  std::vector<raft::NodeId> laggards;
  std::optional<Uptime> due;  // of Kind::none: a change is there and has to wait until then
};

// withheld: the balancer answers, but its plane does not follow, and its lease runs out.
enum class LeaseGrant : std::uint8_t { withheld, granted };

class GenerationDriver {
 public:
  struct Options {
    Uptime lease{3000};
    Uptime margin = lease_margin;  // see there
    // From the end of one generation to the begin of the next: a change that comes alone goes at once, and a stream of
    // them does not keep every balancer busy with a generation each.
    Uptime rest{0};
  };
  explicit GenerationDriver(const Options& options) : options_(options) {}

  // Leases that an earlier leader may have granted run until a whole lease from now.
  void start(Uptime now);
  void set_lease(Uptime lease) { options_.lease = lease; }
  void set_rest(Uptime rest) { options_.rest = rest; }
  void heard(raft::NodeId node, const PlaneProgress& progress, Uptime now, LeaseGrant lease);
  void keep_only(const std::vector<raft::NodeId>& members);
  // Every node's driver, whoever leads: a balancer that is removed forwards on until its lease is over, and whoever
  // leads then waits for it as long.
  void left(raft::NodeId node, Uptime now) { left_[node] = now; }

  // What to propose now. The caller proposes it once and calls again when the state has moved on.
  [[nodiscard]] GenerationStep decide(const GenerationView& view, const std::vector<raft::NodeId>& members, Uptime now);
  [[nodiscard]] bool is_within_lease(raft::NodeId node, Uptime now) const;

 private:
  [[nodiscard]] bool is_left_behind(Generation prepared, Uptime now);

  struct Heard {
    PlaneProgress progress;
    Uptime leased{0};  // when a lease was last granted, or may have been by an earlier leader
  };
  Options options_;
  Uptime started_{0};
  bool is_under_way_ = false;  // a generation, as decide() saw last
  Uptime rests_until_{0};      // nothing is prepared before
  std::map<raft::NodeId, Heard> heard_;
  std::map<raft::NodeId, Uptime> left_;  // and when
};

}  // namespace sluice::node
