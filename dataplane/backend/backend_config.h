// SPDX-License-Identifier: Apache-2.0
// What sluice-backend is asked to do, from a file, the command line, or both. Format: docs/backend.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config.h"
#include "decap_tables.h"
#include "ip_address.h"

namespace sluice::backend {

// The MSS that connections answered from a VIP advertise.
struct MssChoice {
  enum class Kind : std::uint8_t { automatic, none, fixed };
  Kind kind = Kind::automatic;
  std::uint16_t bytes = 0;  // of IPv4; IPv6 advertises 20 less, for its longer header

  static Result<MssChoice> parse(std::string_view text);
  friend bool operator==(const MssChoice&, const MssChoice&) = default;
};

inline constexpr std::uint16_t mss_min = 536;   // RFC 9293 section 3.7.1: what a sender assumes without the option
inline constexpr std::uint16_t mss_max = 9176;  // a jumbo frame of 9,216

struct BackendConfig {
  std::vector<std::string> interfaces;
  std::vector<IpAddress> vips;
  std::vector<Prefix> allow;
  std::vector<IpAddress> local;  // empty: every address the host has, VIPs and loopback aside
  std::uint16_t gue_port = SLUICE_GUE_PORT;
  bool tunnels = true;  // false: no program at all, for backends that are reached by L2 only
  MssChoice mss;
  PlaneMode mode = PlaneMode::automatic;
  std::string pin_directory = "/sys/fs/bpf/sluice-backend";  // "none": nothing is pinned
  std::string state_directory = "/run/sluice-backend";

  friend bool operator==(const BackendConfig&, const BackendConfig&) = default;
};

struct BackendConfigOutcome {
  std::optional<BackendConfig> config;
  std::vector<Diagnostic> errors;
};

// Text of a file -> values; keys that are absent keep the value of `base`. Checks each value, not yet whether enough is
// there: the command line may add to it.
BackendConfigOutcome parse_backend_config(std::string_view text, std::string_view file_name, BackendConfig base = {});

// The same values as texts of a command line; what is empty keeps the value of the base.
struct BackendOptions {
  std::vector<std::string> interfaces;
  std::vector<std::string> vips;
  std::vector<std::string> allow;
  std::vector<std::string> local;
  std::string mode;
  std::string mss;
  std::string pin_directory;
  std::string state_directory;
  std::uint16_t gue_port = 0;
  bool no_tunnels = false;
};
Result<BackendConfig> apply_options(const BackendOptions& options, BackendConfig base);

// Is enough there, and does it fit together? The error names the option that is missing.
Status check_backend_config(const BackendConfig& config);

// One address of a VIP or of the host; `what` begins the message.
Result<IpAddress> parse_unicast(std::string_view text, std::string_view what);

}  // namespace sluice::backend
