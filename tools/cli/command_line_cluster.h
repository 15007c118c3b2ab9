// SPDX-License-Identifier: Apache-2.0
// The part of the command line that is about the cluster: words -> options of cluster_commands.h.
#pragma once

#include <CLI/App.hpp>
#include <functional>

#include "cluster_commands.h"

namespace sluice::cli {

// Where the parser leaves what it read. Lives as long as the action that uses it.
struct ClusterInvocation {
  ReadOptions read;
  ServiceOptions service;
  PoolOptions pool;
  BackendOptions backend;
  MemberOptions member;
  SnapshotOptions snapshot;
  RecoveryOptions recovery;
  ApplyOptions apply;
  RollbackOptions rollback;
  WriteOptions confirm;
  EventsOptions events;
  AuditOptions audit;
};

using ChooseAction = std::function<void(std::function<ExitCode(const Context&)>)>;

// `config` exists already and gets more commands.
void add_cluster_commands(CLI::App& root, ClusterInvocation& invocation, const ChooseAction& choose);
void add_api_options(CLI::App& root, ApiAccess& api);

}  // namespace sluice::cli
