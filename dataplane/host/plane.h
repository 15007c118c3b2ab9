// SPDX-License-Identifier: Apache-2.0
// The plane: what it is told (by a file, or by the cluster through the control socket), what forwards by it, and what
// keeps the two in step. One thread, beside the one that keeps the state file.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "config.h"
#include "control_server.h"
#include "event_loop.h"
#include "forwarding.h"
#include "forwarding_model.h"
#include "forwarding_state.h"
#include "neighbour_watcher.h"
#include "plane_answers.h"
#include "state_keeper.h"

namespace sluice {

class Plane {
 public:
  using Clock = std::chrono::steady_clock;

  // Forwards when this returns. `loop` and `kind` must outlive the plane.
  static Result<std::unique_ptr<Plane>> start(EventLoop& loop, const PlaneKind& kind, const std::string& config_file,
                                              Config config, Log log);
  Plane(const Plane&) = delete;
  Plane& operator=(const Plane&) = delete;
  ~Plane();

  // What is due by the clock; returns when it wants to be called again.
  Clock::time_point tick(Clock::time_point now);

  // Reads the file again. The running generation stays on any fault; the log says what it was.
  void reload() { [[maybe_unused]] const auto ignored = reload_answer(); }
  // Somebody asked for it by the control socket: no packet is taken any longer.
  [[nodiscard]] bool is_detached() const { return is_detached_; }
  // Lets clients have their last answers.
  void finish() { server_.flush(std::chrono::milliseconds(500)); }

  // generation 4, 2 services, 4 backends, eth0 native
  [[nodiscard]] std::string summary() const;

 private:
  Plane(EventLoop& loop, const PlaneKind& kind, std::string config_file, Config config, Log log,
        NeighbourWatcher neighbours, std::unique_ptr<Forwarding> forwarding);

  // What pools and services come from.
  struct Source {
    std::optional<ForwardingState> state;  // of a cluster that has told; a file has none
    std::uint64_t told_realtime_ns = 0;
  };

  ControlReply reply(std::string_view line);
  ControlReply publish_reply(const ControlRequest& request);
  boost::json::object answer(const ControlRequest& request);
  boost::json::object publish_answer(std::string_view bytes);
  boost::json::object fence_answer(Clock::time_point unfenced_until);
  boost::json::object unfence_answer(std::uint64_t until_ms);
  boost::json::object reload_answer();
  boost::json::object detach_answer();
  [[nodiscard]] Status refuse_fixed(const Config& wanted) const;
  [[nodiscard]] Result<ForwardingModel> cluster_model_of(const ForwardingState& state, const PlaneConfig& plane) const;
  Result<PublishReport> reload_from(const Config& wanted);
  Result<PublishReport> change_to(const Config& wanted, ForwardingModel model);
  [[nodiscard]] PlaneStatus status() const;
  [[nodiscard]] RunningPlane running();
  [[nodiscard]] Fencing fencing(Clock::time_point now) const;
  void note_fencing(Clock::time_point now, std::string_view why);
  [[nodiscard]] bool is_of_cluster() const { return config_.plane.control == ControlSource::cluster; }

  void on_neighbours();
  void write_hops(const std::set<HopQuery>* only);
  class WaysOut;
  [[nodiscard]] ImageWriter::NextHopOf next_hops() const;

  EventLoop& loop_;
  const PlaneKind& kind_;
  std::string config_file_;
  Config config_;  // of a cluster: only its plane
  Source source_;
  std::optional<Config> shown_;  // config_ and what the cluster has told, once somebody asks
  ForwardingModel model_;
  // Of a cluster: sluiced may stand still or be gone, so that the end of its lease is kept here.
  Clock::time_point unfenced_until_{};
  Fencing fencing_told_ = Fencing::fenced;  // by the log
  Log log_;
  NeighbourWatcher neighbours_;
  std::unique_ptr<Forwarding> forwarding_;
  std::optional<StateFileLock> state_lock_;  // of a cluster; for longer than the keeper
  std::unique_ptr<StateKeeper> keeper_;      // of a cluster
  ControlServer server_;
  Clock::time_point started_;
  bool is_detached_ = false;
};

// A configuration that this plane can run, read and checked; or every fault, one per line as `file:line:column: ...`.
struct ConfigReading {
  std::optional<Config> config;
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
};
[[nodiscard]] ConfigReading read_config_file(const std::string& path, Status (*check)(const Config& config));

}  // namespace sluice
