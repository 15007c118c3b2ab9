// SPDX-License-Identifier: Apache-2.0
// What stands in the log: commands, and their bytes. docs/model.md has the table of operations and how versions meet.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "error.h"
#include "model_types.h"

namespace sluice::model {

enum class PutMode : std::uint8_t {
  any = 0,      // creates or replaces
  create = 1,   // conflict if the name is taken
  replace = 2,  // not found if it is not
};

// The whole pool with all its backends; those it had and that are not named go.
struct PutPool {
  PoolConfig pool;
  PutMode mode = PutMode::any;
  friend bool operator==(const PutPool&, const PutPool&) = default;
};
// Settings of an existing pool; its backends stay.
struct SetPool {
  std::string name;
  std::optional<Encapsulation> encapsulation = {};
  std::optional<PortHost> gue_port = {};
  std::optional<std::uint32_t> slots_count = {};
  std::optional<std::uint16_t> mtu = {};
  friend bool operator==(const SetPool&, const SetPool&) = default;
};
struct DeletePool {
  std::string name;
  friend bool operator==(const DeletePool&, const DeletePool&) = default;
};
struct PutService {
  ServiceRecord service;
  PutMode mode = PutMode::any;
  friend bool operator==(const PutService&, const PutService&) = default;
};
struct DeleteService {
  std::string name;
  friend bool operator==(const DeleteService&, const DeleteService&) = default;
};
struct PutBackend {
  std::string pool;
  MemberConfig backend;
  PutMode mode = PutMode::any;
  friend bool operator==(const PutBackend&, const PutBackend&) = default;
};
struct DeleteBackend {
  std::string pool;
  std::string name;
  friend bool operator==(const DeleteBackend&, const DeleteBackend&) = default;
};
// Absolute. "+10" and "50%" are the client's to resolve, with a base revision: a log that says what the weight is can
// be read, repeated and rolled back.
struct SetWeight {
  std::string pool;
  std::string backend;
  std::uint16_t weight = 0;
  friend bool operator==(const SetWeight&, const SetWeight&) = default;
};
// Refused if it would lower what the cluster already relies on.
struct PutBalancer {
  BalancerRecord balancer;
  friend bool operator==(const PutBalancer&, const PutBalancer&) = default;
};
struct DeleteBalancer {
  std::string name;
  friend bool operator==(const DeleteBalancer&, const DeleteBalancer&) = default;
};
struct SetPolicy {
  Policy policy;
  friend bool operator==(const SetPolicy&, const SetPolicy&) = default;
};
// The whole set of pools and services (`config apply`). What is equal to what was there is left untouched.
struct ReplaceAll {
  std::vector<PoolConfig> pools;
  std::vector<ServiceRecord> services;
  friend bool operator==(const ReplaceAll&, const ReplaceAll&) = default;
};
// Pools and services as they were after that revision; one of history().
struct Rollback {
  std::uint64_t revision = 0;
  friend bool operator==(const Rollback&, const Rollback&) = default;
};

// Encoded by the number of the alternative: new ones at the end only, with a higher feature level (command.cc).
using Operation = std::variant<PutPool, SetPool, DeletePool, PutService, DeleteService, PutBackend, DeleteBackend,
                               SetWeight, PutBalancer, DeleteBalancer, SetPolicy, ReplaceAll, Rollback>;

// A write by somebody: all of its operations or none.
struct Change {
  RequestId request_id{};  // all zero: none, and nothing is remembered for a repetition
  Author author;
  std::uint64_t time_ms = 0;  // since 1970, by the clock of the node that proposes it
  std::string comment;
  std::optional<std::uint64_t> base_revision = {};  // conflict if the state is at another one
  bool force = false;                               // overrides guards, never rules
  std::vector<Operation> operations;
  friend bool operator==(const Change&, const Change&) = default;
};

// By the leader's node, when changes are pending and no generation is under way: all of them become generation
// `generation`, which must be the active one + 1.
struct Prepare {
  std::uint64_t generation = 0;
  friend bool operator==(const Prepare&, const Prepare&) = default;
};
// By the leader's node: every live balancer has acknowledged the prepared generation, and the leases of the others have
// run out.
struct Activate {
  std::uint64_t generation = 0;
  std::vector<std::uint64_t> laggards;  // node ids that did not acknowledge; for the record
  friend bool operator==(const Activate&, const Activate&) = default;
};
// By the leader's node, once every balancer's record says that it understands this level.
struct SetFeatureLevel {
  std::uint16_t level = 0;
  friend bool operator==(const SetFeatureLevel&, const SetFeatureLevel&) = default;
};

using Command = std::variant<Change, Prepare, Activate, SetFeatureLevel>;

// The feature level that a cluster needs for this command.
[[nodiscard]] std::uint16_t level_of(const Command& command);

[[nodiscard]] std::string encode_command(const Command& command);

struct CommandHead {
  std::uint16_t level = 0;  // that it needs
  std::uint8_t kind = 0;
};
// Of any level, also one that this build does not understand.
[[nodiscard]] Result<CommandHead> decode_head(std::string_view bytes);
// Total: any bytes give a command or an error, and what it gives encodes to the same bytes. Checks the form only: names
// and limits are apply()'s.
[[nodiscard]] Result<Command> decode_command(std::string_view bytes);

// "set weight web/b1 50": one line for audit and history.
[[nodiscard]] std::string to_text(const Operation& operation);
[[nodiscard]] std::string summary_of(const Change& change);

}  // namespace sluice::model
