// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "cluster_setup.h"
#include "daemon.h"
#include "daemon_config.h"

namespace {

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;
constexpr int exit_conflict = 4;

struct Options {
  std::string config_file = "/etc/sluice/sluiced.toml";
  std::string bootstrap;
  std::string restore;
  bool recover = false;
  bool check = false;
};

void log_line(const std::string& line) {
  fmt::print(stderr, "sluiced: {}\n", line);
}

int report(const sluice::Error& error) {
  log_line(error.context);
  return error.code == sluice::ErrorCode::conflict ? exit_conflict : exit_failed;
}

std::optional<sluice::DaemonConfig> read_config(const std::string& path) {
  const std::ifstream file(path);
  if (!file) {
    log_line(fmt::format("cannot read {}; docs/cluster.md says what is in it", path));
    return std::nullopt;
  }
  std::stringstream text;
  text << file.rdbuf();
  sluice::DaemonConfigOutcome outcome = sluice::parse_daemon_config(text.str());
  for (const sluice::Diagnostic& error : outcome.errors) fmt::print(stderr, "{}\n", to_string(error, path));
  return std::move(outcome.config);
}

int restore(const sluice::DaemonConfig& config, const std::string& file) {
  const sluice::Result<sluice::io::Backup> restored = sluice::io::restore_cluster(config, file);
  if (!restored) return report(restored.error());
  fmt::print(
      "{} is the only member of cluster {} as of entry {}. Start sluiced here; then add the others, each without "
      "a state and with a new certificate: sluice cluster add\n",
      config.name, restored->cluster_id, restored->snapshot.meta.index.value());
  return 0;
}

int recover(const sluice::DaemonConfig& config) {
  const sluice::Result<sluice::io::RecoveryReport> recovered = sluice::io::recover_cluster(config);
  if (!recovered) return report(recovered.error());
  fmt::print(
      "{} is the only member now and goes on from entry {}; {} others are removed for good. Writes that never "
      "reached this balancer are lost. Start sluiced here; then add others, each without a state and with a new "
      "certificate: sluice cluster add\n",
      config.name, recovered->last.value(), recovered->removed);
  return 0;
}

int bootstrap(const sluice::DaemonConfig& config, const std::string& name) {
  const sluice::Status made = sluice::io::bootstrap_cluster(config, name);
  // A supervisor starts it with the same words again.
  if (!made && made.error().code != sluice::ErrorCode::conflict) return report(made.error());
  if (made) log_line(fmt::format("made the cluster \"{}\" with {} as its first member", name, config.name));
  return 0;
}

int run(const Options& options) {
  const std::optional<sluice::DaemonConfig> config = read_config(options.config_file);
  if (!config) return exit_usage;
  if (options.check) {
    fmt::print("{}: good\n", options.config_file);
    return 0;
  }
  if (!options.restore.empty()) return restore(*config, options.restore);
  if (options.recover) return recover(*config);
  if (!options.bootstrap.empty()) {
    if (const int failed = bootstrap(*config, options.bootstrap); failed != 0) return failed;
  }
  const sluice::Status ended = sluice::io::run_daemon(*config, log_line, [](const std::string& summary) {
    fmt::print("ready: {}\n", summary);
    std::fflush(stdout);
  });
  return ended ? 0 : report(ended.error());
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app(
      "sluiced, the control plane of Sluice on one balancer: agrees with the others on services, backends and\n"
      "weights, and tells the plane of this host. In the foreground; packets do not need it. SIGHUP reads the\n"
      "certificates again; SIGTERM hands leadership over and ends.");
  app.add_option("--config", options.config_file, "configuration file (TOML)")->capture_default_str();
  CLI::Option* first = app.add_option("--bootstrap", options.bootstrap,
                                      "make a new cluster of this NAME first, unless there is a state already");
  CLI::Option* second = app.add_option("--restore", options.restore,
                                       "make the state of a cluster's only member from a backup FILE, and end");
  CLI::Option* third = app.add_flag("--recover", options.recover,
                                    "the quorum is lost for good: this balancer goes on as the only member, with what "
                                    "it has; prints what that means, and ends");
  app.add_flag("--check", options.check, "only check the configuration file");
  first->excludes(second)->excludes(third);
  second->excludes(third);
  app.set_version_flag("--version", "sluiced " SLUICE_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  try {
    return run(options);
  } catch (const std::exception& error) {
    log_line(error.what());
    return exit_failed;
  }
}
