// SPDX-License-Identifier: Apache-2.0
// sluice cluster snapshot restore, sluice cluster recover: a balancer's state, made where its sluiced does not run.
#include <fmt/format.h>

#include "cluster_commands.h"
#include "cluster_setup.h"

namespace sluice::cli {
namespace {

Outcome<DaemonConfig> load(const std::string& file) {
  io::LoadedDaemonConfig loaded = io::load_daemon_config(file);
  if (loaded.config) return std::move(*loaded.config);
  return Failure{ExitCode::usage, fmt::format("{}", fmt::join(loaded.faults, "\n")), {}};
}

Failure failed(const Error& error) {
  return {error.code == ErrorCode::conflict ? ExitCode::conflict : ExitCode::failed, error.context, {}};
}

constexpr std::string_view what_next =
    "Start sluiced here; then add others, each without a state and with a new certificate:\n"
    "sluice cluster add\n";

}  // namespace

ExitCode run_snapshot_restore(const Context& context, const RecoveryOptions& options) {
  const Outcome<DaemonConfig> config = load(options.config_file);
  if (!config) return report(context, config.error());
  const Result<io::Backup> restored = io::restore_cluster(config.value(), options.file);
  if (!restored) return report(context, failed(restored.error()));
  const std::uint64_t index = restored->snapshot.meta.index.value();
  if (context.json()) {
    print_json({{"member", config.value().name}, {"cluster_id", restored->cluster_id}, {"index", index}});
  } else {
    print(fmt::format("{} is the only member of cluster {} as of entry {}.\n{}", config.value().name,
                      restored->cluster_id, index, what_next));
  }
  return ExitCode::ok;
}

ExitCode run_cluster_recover(const Context& context, const RecoveryOptions& options) {
  const Outcome<DaemonConfig> config = load(options.config_file);
  if (!config) return report(context, config.error());
  const Result<io::RecoveryReport> recovered = io::recover_cluster(config.value());
  if (!recovered) return report(context, failed(recovered.error()));
  if (context.json()) {
    print_json({{"member", config.value().name}, {"index", recovered->last.value()}, {"removed", recovered->removed}});
  } else {
    print(
        fmt::format("{} is the only member now and goes on from entry {}; {} others are removed for good.\n"
                    "Writes that never reached this balancer are lost.\n{}",
                    config.value().name, recovered->last.value(), recovered->removed, what_next));
  }
  return ExitCode::ok;
}

}  // namespace sluice::cli
