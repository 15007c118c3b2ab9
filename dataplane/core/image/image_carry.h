// SPDX-License-Identifier: Apache-2.0
// From a full set of arrays to a larger one: remembered flows and counters, under running workers or XDP programs.
//
// The last worker's lines of either set belong to no CPU. Its counters hold what earlier sets had counted, so that
// totals never go down.
#pragma once

#include <cstdint>

#include "forwarding_model.h"
#include "image_writer.h"

namespace sluice {

// For new arrays: numbering goes on where the smaller ones were, with an empty generation that nobody has ever seen.
void continue_numbering(const sluice_tables& tables, Generation generation);

class ImageCarry {
 public:
  // What `model` names is carried. Both writers and their arrays must outlive the carry.
  ImageCarry(const ImageWriter& from, const ImageWriter& to, const ForwardingModel& model);

  // Tables of the same shape only; others start empty. Before the switch: all that is there. After it, when no program
  // writes to `from` any more: what had been entered meanwhile, unless the place in `to` has been taken.
  // Returns the number of flows.
  std::uint64_t copy_flows();
  std::uint64_t copy_late_flows();

  // Once no program writes to `from` any more. Replaces what `to` had been told by an earlier copy: twice is as good as
  // once, and several sets are copied in a row, each to the next.
  void copy_counters();

 private:
  [[nodiscard]] bool same_flow_shape() const;
  [[nodiscard]] std::uint64_t translated(std::uint64_t entry) const;

  const ImageWriter& from_;
  const ImageWriter& to_;
  const ForwardingModel& model_;
  std::vector<std::uint32_t> backends_;  // line in `from` -> line in `to`; 0 = none
};

}  // namespace sluice
