// SPDX-License-Identifier: Apache-2.0
// The objects that a cluster agrees on, as values. Pools, backends and services are the configuration file's own types
// (config.h) with the same limits; what is beside them here only a cluster has. docs/model.md.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config.h"

namespace sluice::model {

// What this build understands of the log. A cluster's level is that of its oldest balancer; see docs/model.md.
inline constexpr std::uint16_t feature_level_supported = 1;

namespace limits {
inline constexpr std::size_t balancers_max = 256;
// Outcomes of the newest changes, for a client that asks again: a minute of writes at 70 a second.
inline constexpr std::size_t sessions_max = 4096;
// Audit entries that stay in the state; older ones are in what an operator has exported.
inline constexpr std::size_t audit_max = 1024;
// Revisions that can be shown, compared and gone back to ...
inline constexpr std::size_t history_max = 64;
// ... as long as what they replaced is not more than this many objects in all: about 100 MiB.
inline constexpr std::size_t history_objects_max = 1000000;
inline constexpr std::size_t operations_max = 10000;  // of one change; a large file is one ReplaceAll
inline constexpr std::size_t comment_bytes_max = 1024;
inline constexpr std::size_t address_bytes_max = 255;  // a DNS name is no longer
inline constexpr std::size_t author_bytes_max = 128;
inline constexpr std::size_t cluster_id_bytes_max = 64;
inline constexpr std::size_t laggards_max = balancers_max;
// Longest list of owners at rest; PREPARE adds one, and a packet carries four.
inline constexpr std::size_t owners_max = 3;
}  // namespace limits

// Chosen at random by the client, once per change it wants, and sent again with every retry.
using RequestId = std::array<std::uint8_t, 16>;

struct ServiceRecord {
  ServiceConfig config;  // pool_index means nothing here and is 0
  std::string pool;      // name of an existing pool
  friend bool operator==(const ServiceRecord&, const ServiceRecord&) = default;
};

// One node of the cluster as the others know it. Raft's membership is another thing (controlplane/raft).
struct BalancerRecord {
  std::string name;                                       // unique; by the rules of names in config.h
  std::uint64_t node_id = 0;                              // Raft's; unique, never 0
  std::string api_address;                                // host:port; may be empty
  std::uint16_t feature_level = feature_level_supported;  // what its program understands
  friend bool operator==(const BalancerRecord&, const BalancerRecord&) = default;
};

struct Policy {
  std::uint8_t deletions_percent_max = 30;  // 0 to 100: one change may delete that many of all backends without force
  // 0 to 1000: from the end of one generation to the begin of the next. A change that comes alone goes at once; those
  // that come within this time, or while a generation is under way, share the next. 5: writers in a row would pay for a
  // generation each otherwise (1.3 ms instead of 0.5 for a change behind another).
  std::uint32_t batch_ms = 5;
  std::uint32_t lease_ms = 3000;  // 500 to 60000: a balancer not heard from for so long has fenced itself
  friend bool operator==(const Policy&, const Policy&) = default;
};

struct Author {
  std::string name;    // of the certificate or the local user
  std::string role;    // "operator"; what it may do was checked before the log
  std::string origin;  // where it came from: "unix", "192.0.2.7"
  friend bool operator==(const Author&, const Author&) = default;
};

// What apply() did with a command. Equal on every balancer.
enum class OutcomeCode : std::uint8_t {
  accepted = 0,     // the state has changed
  unchanged = 1,    // good, and the state was like that already
  invalid = 2,      // breaks a rule
  not_found = 3,    // names something that is not there
  conflict = 4,     // the state has moved on (base revision), or the name is taken
  guard = 5,        // refused for safety; `force` overrides
  stale = 6,        // PREPARE or ACTIVATE that came too late or twice: harmless
  unsupported = 7,  // needs a feature level that the cluster does not have
  malformed = 8,    // bytes that are no command
};
[[nodiscard]] std::string_view to_text(OutcomeCode code);  // "accepted", "not_found"

struct Outcome {
  OutcomeCode code = OutcomeCode::accepted;
  std::uint64_t index = 0;       // in the log, of the command that had this outcome first
  std::uint64_t revision = 0;    // of the state after it
  std::uint64_t generation = 0;  // change: the one that will have it, 0 if no packet moves. PREPARE, ACTIVATE: theirs
  std::string message;           // refused: what, where and why, one line. Otherwise empty
  std::string hint;              // what next; may be empty
  std::optional<std::uint64_t> base_revision = {};  // conflict by revision: what the author had seen
  bool is_repeated = false;                         // the request id was there before, and this is what came of it then

  [[nodiscard]] bool ok() const { return code == OutcomeCode::accepted || code == OutcomeCode::unchanged; }
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// Shared, never changed: a state that is copied, or a revision that is kept, holds the same objects.
using SharedPoolConfig = std::shared_ptr<const PoolConfig>;
using SharedService = std::shared_ptr<const ServiceRecord>;
using PoolMap = std::map<std::string, SharedPoolConfig, std::less<>>;
using ServiceMap = std::map<std::string, SharedService, std::less<>>;
using BalancerMap = std::map<std::string, BalancerRecord, std::less<>>;

}  // namespace sluice::model
