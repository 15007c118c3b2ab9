// SPDX-License-Identifier: Apache-2.0
// The packet path over a model, in ordinary memory: one worker, no interfaces, no clock, no privileges.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "forwarding_model.h"
#include "image_memory.h"
#include "image_reader.h"

namespace sluice {

using MacAddressBytes = std::array<std::uint8_t, 6>;

// Of the one router behind which all backends are. The destination must not be all zeros, which the image takes for
// "not resolved".
struct ReplayNextHop {
  MacAddressBytes source;
  MacAddressBytes destination;
};

struct ReplayVerdict {
  sluice_reason reason = SLUICE_REASON_internal;
  std::span<const std::uint8_t> output;  // what leaves or goes up, empty if dropped; valid until the next frame
  std::optional<std::uint32_t> backend;  // position in backends()
};

class PacketReplay {
 public:
  static Result<std::unique_ptr<PacketReplay>> create(const ForwardingModel& model, const ReplayNextHop& next_hop);

  // `tick`: seconds, never less than the time before.
  ReplayVerdict run(std::span<const std::uint8_t> frame, std::uint32_t tick);

  struct Backend {
    std::string name;  // in every pool that has it: "web1", or "web1/static1"
    BackendIndex line;
  };
  [[nodiscard]] const std::vector<Backend>& backends() const { return backends_; }
  [[nodiscard]] ImageTotals totals() const { return read_totals(memory_.tables()); }
  [[nodiscard]] TrafficTotals totals_of(const Backend& backend) const {
    return read_backend(memory_.tables(), backend.line);
  }

 private:
  explicit PacketReplay(const ForwardingModel& model);
  Status publish(const ForwardingModel& model, const ReplayNextHop& next_hop);

  ImageMemory memory_;
  ImageWriter writer_;
  std::vector<Backend> backends_;
  std::vector<std::uint8_t> room_;
};

}  // namespace sluice
