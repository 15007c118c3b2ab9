// SPDX-License-Identifier: Apache-2.0
// The answers of the control socket that any plane gives the same way (docs/control-socket.md): from what it runs to
// JSON. Pure but for reading counters.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "config.h"
#include "control_request.h"
#include "forwarding_model.h"
#include "image_writer.h"

namespace sluice {

// What a plane runs now. References: for the time of one answer.
struct RunningPlane {
  const Config& config;
  const ForwardingModel& model;  // of `config`
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

struct PlaneStatus {
  std::string plane;  // PlaneKind::name
  std::string config_file;
  std::chrono::seconds uptime{};
  std::uint64_t now_realtime_ns = 0;
  std::uint64_t memory_bytes = 0;
  std::vector<InterfaceStatus> interfaces;
  std::vector<PlaneCount> counts;
  std::vector<UnresolvedBackend> unresolved;
};

[[nodiscard]] boost::json::object version_answer(const std::string& plane);
[[nodiscard]] boost::json::object status_answer(const RunningPlane& running, const PlaneStatus& status);
[[nodiscard]] boost::json::object stats_answer(const RunningPlane& running);
[[nodiscard]] boost::json::object drops_answer(const RunningPlane& running);
[[nodiscard]] boost::json::object config_answer(const RunningPlane& running);
[[nodiscard]] Result<boost::json::object> table_answer(const RunningPlane& running, const ControlRequest& request);
// `now` in the plane's ticks: what the flow table remembers has an age.
[[nodiscard]] Result<boost::json::object> explain_answer(const RunningPlane& running, const ControlRequest& request,
                                                         std::uint32_t now);

}  // namespace sluice
