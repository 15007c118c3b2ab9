// SPDX-License-Identifier: Apache-2.0
// The commands that ask the cluster's API, one file each noun. Words become options in command_line_cluster.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "command_context.h"

namespace sluice::cli {

// Of every command that changes something.
struct WriteOptions {
  std::optional<std::uint64_t> base_revision;  // refuse if the state has moved on
  bool is_forced = false;
  bool is_dry_run = false;
  bool waits = false;
  std::string wait_timeout = "30s";
  std::string message;
};

// Of every command that shows something.
struct ReadOptions {
  std::optional<std::string> name;
  bool watches = false;
  bool is_local = false;  // what this node has, however old
};

struct ServiceOptions {
  std::string name;
  std::string address;  // 203.0.113.10:443/tcp
  std::optional<std::string> pool;
  std::optional<bool> track;
  std::optional<bool> fragments;
  std::optional<bool> unreachable;
  WriteOptions write;
};
ExitCode run_service_list(const Context& context, const ReadOptions& options);
ExitCode run_service_show(const Context& context, const ReadOptions& options);
ExitCode run_service_add(const Context& context, const ServiceOptions& options);
ExitCode run_service_set(const Context& context, const ServiceOptions& options);
ExitCode run_service_remove(const Context& context, const ServiceOptions& options);

struct PoolOptions {
  std::string name;
  std::optional<std::string> encapsulation;
  std::optional<std::uint32_t> gue_port;
  std::optional<std::uint32_t> slots;
  std::optional<std::uint32_t> mtu;
  WriteOptions write;
};
ExitCode run_pool_list(const Context& context, const ReadOptions& options);
ExitCode run_pool_show(const Context& context, const ReadOptions& options);
ExitCode run_pool_add(const Context& context, const PoolOptions& options);
ExitCode run_pool_set(const Context& context, const PoolOptions& options);
ExitCode run_pool_remove(const Context& context, const PoolOptions& options);

struct BackendOptions {
  std::string name;  // pool/backend
  std::optional<std::string> address;
  std::optional<std::string> weight;  // 50, +10, -10, 50%
  WriteOptions write;
};
ExitCode run_backend_list(const Context& context, const ReadOptions& options);
ExitCode run_backend_show(const Context& context, const ReadOptions& options);
ExitCode run_backend_add(const Context& context, const BackendOptions& options);
ExitCode run_backend_set(const Context& context, const BackendOptions& options);
ExitCode run_backend_weight(const Context& context, const BackendOptions& options);
ExitCode run_backend_remove(const Context& context, const BackendOptions& options);

ExitCode run_node_list(const Context& context, const ReadOptions& options);
ExitCode run_node_show(const Context& context, const ReadOptions& options);
ExitCode run_cluster_status(const Context& context, const ReadOptions& options);
ExitCode run_cluster_members(const Context& context, const ReadOptions& options);

struct MemberOptions {
  std::string name;
  std::string address;  // host:port of its Raft
  std::string id;       // as `sluiced` of that host says it
};
ExitCode run_cluster_add(const Context& context, const MemberOptions& options);
ExitCode run_cluster_promote(const Context& context, const MemberOptions& options);
ExitCode run_cluster_remove(const Context& context, const MemberOptions& options);
ExitCode run_cluster_transfer(const Context& context, const MemberOptions& options);
struct SnapshotOptions {
  std::string file;
};
ExitCode run_snapshot_save(const Context& context, const SnapshotOptions& options);

// On the balancer itself, while its sluiced does not run.
struct RecoveryOptions {
  std::string config_file = "/etc/sluice/sluiced.toml";
  std::string file;  // restore: the backup
};
ExitCode run_snapshot_restore(const Context& context, const RecoveryOptions& options);
ExitCode run_cluster_recover(const Context& context, const RecoveryOptions& options);

struct ApplyOptions {
  std::string file;
  std::optional<std::string> confirm_within;  // 120s
  WriteOptions write;
};
ExitCode run_config_apply(const Context& context, const ApplyOptions& options);
struct RollbackOptions {
  std::optional<std::uint64_t> to;  // the one before the present one
  WriteOptions write;
};
ExitCode run_config_rollback(const Context& context, const RollbackOptions& options);
ExitCode run_config_confirm(const Context& context, const WriteOptions& options);
ExitCode run_config_history(const Context& context, const ReadOptions& options);

struct EventsOptions {
  bool follows = false;
  std::optional<std::uint64_t> since;
  std::string kind;
};
ExitCode run_events(const Context& context, const EventsOptions& options);
struct AuditOptions {
  std::uint64_t limit = 50;
};
ExitCode run_audit_list(const Context& context, const AuditOptions& options);
ExitCode run_audit_verify(const Context& context);

}  // namespace sluice::cli
