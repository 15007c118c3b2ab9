// SPDX-License-Identifier: Apache-2.0
// Keeps this host's plane at what the cluster has agreed on: one publish under way at a time, and the newest wanted
// state next. Pure.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "forwarding_state.h"
#include "generation_driver.h"
#include "uptime.h"

namespace sluice::node {

// behind: this balancer has restarted and may not have applied yet what its plane forwards by already. current: it has,
// and what the plane has is none of this cluster's.
enum class Knowledge : std::uint8_t { behind, current };

class PlaneDriver {
 public:
  // A refused publish is tried again after this: neighbours may have been resolved, memory freed.
  static constexpr Uptime retry_after{1000};

  // This host has a plane, whether it answers yet or not: packets may already go by what it kept.
  void expect_plane() { progress_.has_plane = true; }
  // Newest wins; an older one that was never sent is skipped.
  void want(std::shared_ptr<const ForwardingState> state) { wanted_ = std::move(state); }

  // The plane answers again. `generation` and `phase` as its status says: what it kept from before; 0 = nothing.
  void connected(std::string kind, Generation generation, StatePhase phase);
  void lost();

  // What to publish now, if anything: call after every event. Answered by published() or refused(). Nothing older than
  // what the plane has while we are behind: it would take back what connections were given since.
  [[nodiscard]] std::shared_ptr<const ForwardingState> take_next(Uptime now, Knowledge knowledge);
  void published();
  void refused(std::string why, Uptime now);

  [[nodiscard]] bool is_connected() const { return is_connected_; }
  [[nodiscard]] const std::string& kind() const { return kind_; }  // of the last plane that answered
  [[nodiscard]] const std::string& trouble() const { return trouble_; }
  [[nodiscard]] PlaneProgress progress() const { return progress_; }
  // It knows less than it once said, and others may count on that: it has come back without what it had.
  [[nodiscard]] bool is_behind_itself() const { return progress_.prepared < promised_; }
  [[nodiscard]] std::uint64_t table_hash() const { return table_hash_; }  // of progress().active, once we published it

 private:
  bool is_connected_ = false;
  std::string kind_;
  std::string trouble_;  // why the last publish failed; empty: it did not
  PlaneProgress progress_;
  Generation promised_;  // the highest that it was said to have prepared
  std::uint64_t table_hash_ = 0;
  std::shared_ptr<const ForwardingState> wanted_;
  std::shared_ptr<const ForwardingState> sent_;  // under way
  std::shared_ptr<const ForwardingState> done_;  // what the plane has, of what we sent
  std::pair<std::uint64_t, StatePhase> said_{};  // what it had when it connected
  Uptime not_before_{0};
};

}  // namespace sluice::node
