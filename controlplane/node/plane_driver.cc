// SPDX-License-Identifier: Apache-2.0
#include "plane_driver.h"

#include <algorithm>
#include <utility>

namespace sluice::node {

void PlaneDriver::connected(std::string kind, Generation generation, StatePhase phase) {
  is_connected_ = true;
  kind_ = std::move(kind);
  sent_ = done_ = nullptr;  // what we sent before may have gone with the process
  not_before_ = Uptime{0};
  said_ = {generation.value(), phase};
  progress_.has_plane = true;
  progress_.prepared = generation;
  promised_ = std::max(promised_, generation);
  // A prepared generation still forwards by the one before.
  const bool is_before = phase == StatePhase::prepared && generation.value() > 0;
  progress_.active = is_before ? Generation(generation.value() - 1) : generation;
  table_hash_ = 0;
}

// What was published stays true of the packets: XDP programs go on without their process.
void PlaneDriver::lost() {
  is_connected_ = false;
  sent_ = nullptr;
}

std::shared_ptr<const ForwardingState> PlaneDriver::take_next(Uptime now, Knowledge knowledge) {
  if (!is_connected_ || sent_ || !wanted_ || wanted_ == done_ || now < not_before_) return nullptr;
  if (!done_ && std::pair(wanted_->generation, wanted_->phase) < said_) {
    if (knowledge == Knowledge::behind) return nullptr;
    // Of another cluster, or of a time that a forced recovery has taken back: nothing that this cluster counts on.
    progress_.active = progress_.prepared = promised_ = Generation(0);
  }
  sent_ = wanted_;
  return sent_;
}

void PlaneDriver::published() {
  if (!sent_) return;
  done_ = std::exchange(sent_, nullptr);
  trouble_.clear();
  const Generation generation(done_->generation);
  progress_.prepared = generation;
  promised_ = std::max(promised_, generation);
  if (done_->phase != StatePhase::active) return;
  progress_.active = generation;
  table_hash_ = done_->table_hash;
}

void PlaneDriver::refused(std::string why, Uptime now) {
  sent_ = nullptr;
  trouble_ = std::move(why);
  not_before_ = now + retry_after;
}

}  // namespace sluice::node
