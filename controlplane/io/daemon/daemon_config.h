// SPDX-License-Identifier: Apache-2.0
// What one sluiced is told by its file: who it is, where it keeps its state, whom it talks to. Everything that the
// cluster agrees on stands in the log, not here. Format: docs/cluster.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config.h"

namespace sluice {

// A TCP address as people write it: 192.0.2.1:7471, [2001:db8::1]:7471.
struct TcpEndpoint {
  IpAddress address;
  PortHost port;

  // invalid_argument: says what is wrong with the text.
  [[nodiscard]] static Result<TcpEndpoint> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const TcpEndpoint&, const TcpEndpoint&) = default;
};

namespace daemon_limits {
inline constexpr std::uint32_t heartbeat_ms_min = 10;
inline constexpr std::uint32_t election_ms_max = 60000;
// Below four heartbeats one lost packet and a pause of the scheduler would start elections.
inline constexpr std::uint32_t heartbeats_per_election_min = 4;
}  // namespace daemon_limits

struct DaemonConfig {
  std::string name;  // of this balancer; as in its certificate
  std::string data_directory = "/var/lib/sluice";
  TcpEndpoint listen;     // for the other balancers
  TcpEndpoint advertise;  // where they reach it; as `listen` if not given
  std::string certificate = "/etc/sluice/node.crt";
  std::string key = "/etc/sluice/node.key";
  std::string authority = "/etc/sluice/ca.crt";
  std::string plane_socket = "/run/sluice/plane.sock";  // empty: this balancer forwards nothing
  std::string api_socket = "/run/sluice/api.sock";
  std::optional<TcpEndpoint> api_listen;
  std::uint32_t heartbeat_ms = 50;
  std::uint32_t election_ms = 200;  // timeouts are drawn from this to twice this

  friend bool operator==(const DaemonConfig&, const DaemonConfig&) = default;
};

struct DaemonConfigOutcome {
  std::optional<DaemonConfig> config;  // present exactly if `errors` is empty
  std::vector<Diagnostic> errors;      // in the file's order
};

// Never throws (std::bad_alloc aside).
[[nodiscard]] DaemonConfigOutcome parse_daemon_config(std::string_view text);

}  // namespace sluice
