// SPDX-License-Identifier: Apache-2.0
#include "sim_plane.h"

#include <algorithm>
#include <utility>

namespace sluice::sim {

void SimPlane::start(std::size_t forgotten) {
  is_running_ = true;
  unfenced_until = node::Uptime{0};
  if (form_ || saved_.empty()) return;
  saved_.resize(saved_.size() - std::min(forgotten, saved_.size() - 1));
  form_ = saved_.back();
}

void SimPlane::crash() {
  is_running_ = false;
  if (kind_ == PlaneKind::in_memory) form_.reset();
}

void SimPlane::lose_power() {
  is_running_ = false;
  form_.reset();
}

void SimPlane::take(std::shared_ptr<const CoverForm> form) {
  form_ = std::move(form);
  saved_.push_back(form_);
  if (saved_.size() > saved_max) saved_.pop_front();
}

}  // namespace sluice::sim
