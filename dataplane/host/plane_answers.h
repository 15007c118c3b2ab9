// SPDX-License-Identifier: Apache-2.0
// The answers of the control socket that any plane gives the same way (docs/control-socket.md): from what it runs to
// JSON. Pure but for reading counters.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config.h"
#include "control_request.h"
#include "forwarding_model.h"
#include "forwarding_state.h"
#include "image_writer.h"

namespace sluice {

// What a plane runs now. References: for the time of one answer.
struct RunningPlane {
  const Config& config;
  const ForwardingModel& model;  // of `config`, member by member
  const ImageWriter& writer;
};

struct InterfaceStatus {
  std::string name;
  std::string mode;  // how packets are taken from it: "native"
  std::string note;
};

// Something that this plane counts and others do not.
struct PlaneCount {
  std::string name;
  std::uint64_t value = 0;
};

struct UnresolvedBackend {
  std::string name;  // pool/backend
  std::string reason;
};

// A fenced balancer announces its services with less preference, and still forwards what arrives: the flag is all that
// the plane has of it. A plane of a cluster is fenced unless its sluiced says until when it is not.
enum class Fencing : std::uint8_t { none, fenced };

struct ClusterStatus {
  std::uint64_t generation = 0;
  StatePhase phase = StatePhase::active;
  std::uint64_t table_hash = 0;
  std::uint64_t told_realtime_ns = 0;
};

struct PlaneStatus {
  std::string plane;  // PlaneKind::name
  std::string config_file;
  std::chrono::seconds uptime{};
  std::uint64_t now_realtime_ns = 0;
  std::uint64_t memory_bytes = 0;
  std::vector<InterfaceStatus> interfaces;
  std::vector<PlaneCount> counts;
  std::vector<UnresolvedBackend> unresolved;
  ControlSource source = ControlSource::file;
  std::optional<ClusterStatus> cluster;  // nothing: not told yet, or source is file
  Fencing fencing = Fencing::none;
};

[[nodiscard]] boost::json::object version_answer(const std::string& plane);
// Of a large cluster asked often: from the model, which is there, not from a configuration that would have to be made.
[[nodiscard]] boost::json::object status_answer(const ForwardingModel& model, const ImageWriter& writer,
                                                const PlaneStatus& status);
[[nodiscard]] boost::json::object stats_answer(const RunningPlane& running);
[[nodiscard]] boost::json::object drops_answer(const RunningPlane& running);
[[nodiscard]] boost::json::object config_answer(const Config& config);
[[nodiscard]] Result<boost::json::object> table_answer(const RunningPlane& running, const ControlRequest& request);
// `now` in the plane's ticks: what the flow table remembers has an age.
[[nodiscard]] Result<boost::json::object> explain_answer(const RunningPlane& running, const ControlRequest& request,
                                                         std::uint32_t now);

}  // namespace sluice
