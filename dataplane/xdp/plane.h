// SPDX-License-Identifier: Apache-2.0
// The plane: a configuration, what the kernel runs for it, and what keeps the two in step. One thread.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "config.h"
#include "control_server.h"
#include "event_loop.h"
#include "forwarding_model.h"
#include "neighbour_watcher.h"
#include "plane_answers.h"
#include "tick_clock.h"
#include "xdp_forwarding.h"

namespace sluice {

class Plane {
 public:
  using Clock = std::chrono::steady_clock;
  using Log = std::function<void(const std::string& line)>;

  // Forwards when this returns. `loop` must outlive the plane.
  static Result<std::unique_ptr<Plane>> start(EventLoop& loop, const std::string& config_file, Config config, Log log);
  Plane(const Plane&) = delete;
  Plane& operator=(const Plane&) = delete;
  ~Plane();

  // What is due by the clock; returns when it wants to be called again.
  Clock::time_point tick(Clock::time_point now);

  // Reads the file again. The running generation stays on any fault; the log says what it was.
  void reload() { [[maybe_unused]] const auto ignored = reload_answer(); }
  // Somebody asked for it by the control socket: the program is off all interfaces.
  [[nodiscard]] bool is_detached() const { return is_detached_; }
  // Lets clients have their last answers.
  void finish() { server_.flush(std::chrono::milliseconds(500)); }

  // generation 4, 2 services, 4 backends, eth0 native
  [[nodiscard]] std::string summary() const;

 private:
  Plane(EventLoop& loop, std::string config_file, Config config, Log log, NeighbourWatcher neighbours,
        XdpForwarding forwarding, TickClock ticks);

  std::string answer(std::string_view line);
  boost::json::object answer(const ControlRequest& request);
  boost::json::object reload_answer();
  [[nodiscard]] Status refuse_fixed(const Config& wanted) const;
  Result<PublishReport> change_to(const Config& wanted);
  [[nodiscard]] PlaneStatus status() const;
  [[nodiscard]] RunningPlane running() const { return {config_, model_, forwarding_.writer()}; }

  void on_neighbours();
  void watch_hops(const ForwardingModel& present, const ForwardingModel& coming, std::chrono::milliseconds limit);
  void write_hops(const std::set<HopQuery>* only);
  [[nodiscard]] std::optional<NextHop> next_hop_of(const ForwardingBackend& backend) const;
  void attach_lost();
  void log_attachments() const;

  EventLoop& loop_;
  std::string config_file_;
  Config config_;
  ForwardingModel model_;
  Log log_;
  NeighbourWatcher neighbours_;
  XdpForwarding forwarding_;
  TickClock ticks_;
  ControlServer server_;
  Clock::time_point started_;
  bool is_detached_ = false;
};

// A configuration that sluice-xdp can run, read and checked; or every fault, one per line as `file:line:column: ...`.
struct ConfigReading {
  std::optional<Config> config;
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
};
[[nodiscard]] ConfigReading read_config_file(const std::string& path);

}  // namespace sluice
