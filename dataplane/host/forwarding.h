// SPDX-License-Identifier: Apache-2.0
// What a plane does with packets, as the process around it (plane.h) sees it: one image, published whole, and the
// interfaces it stands on. Each plane implements this once. Called from the control thread only, never per packet.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config.h"
#include "error.h"
#include "image_writer.h"
#include "neighbour_watcher.h"
#include "plane_answers.h"

namespace sluice {

using Log = std::function<void(const std::string& line)>;

class Forwarding {
 public:
  using Clock = std::chrono::steady_clock;

  Forwarding() = default;
  Forwarding(const Forwarding&) = delete;
  Forwarding& operator=(const Forwarding&) = delete;
  virtual ~Forwarding() = default;

  // The key of a reload that this process has fixed when it started; empty: it can follow.
  [[nodiscard]] virtual std::string_view fixed_key_changed(const Config& running, const Config& wanted) const = 0;

  // Forwards by the model when this returns. On error nothing is left behind but what was there before.
  virtual Result<PublishReport> start(const ForwardingModel& model, const ImageWriter::NextHopOf& next_hop_of,
                                      const Config& config) = 0;
  // The same for a reload that fixed_key_changed() has let pass, the interfaces of `wanted` included. On error the
  // running generation stays, on the interfaces it has, but for tables that were switched in parts before the arrays
  // were found too small (ImageWriter::publish()); publishing again finishes or takes that back.
  virtual Result<PublishReport> publish(const ForwardingModel& model, const ImageWriter::NextHopOf& next_hop_of,
                                        const Config& wanted) = 0;
  // Housekeeping, about once a second. True: ways to backends may lead elsewhere now, write them again.
  virtual bool tick(Clock::time_point now) = 0;
  // Takes packets no longer and removes whatever would outlive the process.
  virtual void detach() = 0;

  // What NextHop::interface says of packets that leave by the kernel's interface of that index. Already by the wanted
  // configuration while publish() asks. The error says why packets cannot go that way. Asks the kernel.
  [[nodiscard]] virtual Result<std::uint32_t> interface_number(std::uint32_t kernel_index) const = 0;

  [[nodiscard]] virtual ImageWriter& writer() = 0;
  [[nodiscard]] virtual const ImageWriter& writer() const = 0;
  [[nodiscard]] virtual std::uint64_t memory_bytes() const = 0;
  [[nodiscard]] virtual std::vector<InterfaceStatus> interfaces() const = 0;
  // What only this plane counts, for the status answer.
  [[nodiscard]] virtual std::vector<PlaneCount> counts() const { return {}; }
  // The packet path's clock: what the flow table remembers has an age.
  [[nodiscard]] virtual Result<std::uint32_t> now_tick() const = 0;
};

// What tells one plane's program from another's.
struct PlaneKind {
  std::string_view name;          // "xdp": the program is sluice-xdp
  std::string_view title;         // first line of --help
  std::string_view end_help;      // what SIGTERM and SIGINT do
  std::string_view detach_help;   // what --detach does, for --help
  std::string_view restart_note;  // what a restart costs: "no packet is lost"
  std::string_view end_note;      // what stays when the process has ended
  std::string_view detach_note;   // what --detach does with that: "takes them off"
  // How long a start may wait for the ways to backends to be known. Packets of a plane that has ended wait too.
  std::chrono::milliseconds settle_at_start;
  // What this plane needs of a valid configuration, without touching the host.
  Status (*check)(const Config& config);
  // Takes what only one process may have, if it can forward by `model`. Packets notice nothing before start().
  Result<std::unique_ptr<Forwarding>> (*open)(const Config& config, const ForwardingModel& model, const Log& log);
  // Takes away what an earlier process has left, and says what that was. Conflict: the process still runs.
  Result<std::string> (*detach_left)(const Config& config);

  [[nodiscard]] std::string program() const { return "sluice-" + std::string(name); }
};

}  // namespace sluice
