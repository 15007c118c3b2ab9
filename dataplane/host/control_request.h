// SPDX-License-Identifier: Apache-2.0
// The requests of the control socket (docs/control-socket.md). Pure: bytes in, a checked request or an error out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "error.h"

namespace sluice {

enum class ControlOp : std::uint8_t {
  version,
  status,
  stats,
  drops,
  explain,
  table,
  config,
  reload,
  publish,
  fence,
  unfence,
  detach,
};

struct ControlRequest {
  ControlOp op = ControlOp::version;
  std::string pool;     // table; empty = all
  bool owners = false;  // table
  std::string source;   // explain, all three as the user wrote them
  std::string destination;
  std::string protocol;
  std::uint64_t bytes = 0;     // publish: so many follow the line
  std::uint64_t until_ms = 0;  // unfence: by CLOCK_MONOTONIC, which all processes of a host share
};

// One line without its end. Never throws (std::bad_alloc aside).
[[nodiscard]] Result<ControlRequest> parse_control_request(std::string_view line);

// {"ok":false,...} in one line, with the exit code that fits the error.
[[nodiscard]] std::string refusal(const Error& error);

// Exit codes of every Sluice program: 2 usage, 3 not found, 4 conflict, 1 anything else.
[[nodiscard]] int exit_code_of(ErrorCode code);

}  // namespace sluice
