// SPDX-License-Identifier: Apache-2.0
// A plane as its sluiced sees it: takes a generation whole, keeps the last ones in a file, and forwards on by what it
// has whatever becomes of sluiced. It also announces the services, with less preference unless it was told otherwise.
#pragma once

#include <deque>
#include <memory>

#include "chain_cover.h"
#include "forwarding_state.h"
#include "node.h"

namespace sluice::sim {

// pinned: packets go on while the process is away, by what was there (XDP). in_memory: they do not (DPDK).
enum class PlaneKind : std::uint8_t { pinned, in_memory };

class SimPlane {
 public:
  explicit SimPlane(PlaneKind kind) : kind_(kind) {}

  [[nodiscard]] bool is_running() const { return is_running_; }
  // Packets that arrive go somewhere, or are dropped for want of any form.
  [[nodiscard]] bool is_forwarding() const { return is_running_ || form_ != nullptr; }
  [[nodiscard]] const CoverForm* form() const { return form_.get(); }

  // What it finds: its own pins, or of what it saved the form so many before the last.
  void start(std::size_t forgotten);
  void crash();
  // The machine: pins go as well.
  void lose_power();
  void take(std::shared_ptr<const CoverForm> form);

  // As it was told last, by its machine's clock: from then on it announces with less preference. So it does when it
  // starts.
  node::Uptime unfenced_until{0};

 private:
  static constexpr std::size_t saved_max = 4;

  const PlaneKind kind_;
  bool is_running_ = false;
  std::shared_ptr<const CoverForm> form_;
  std::deque<std::shared_ptr<const CoverForm>> saved_;
};

}  // namespace sluice::sim
