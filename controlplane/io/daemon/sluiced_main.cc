// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

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
  bool check = false;
};

void log_line(const std::string& line) {
  fmt::print(stderr, "sluiced: {}\n", line);
}

int report(const sluice::Error& error) {
  log_line(error.context);
  return error.code == sluice::ErrorCode::conflict ? exit_conflict : exit_failed;
}

int bootstrap(const sluice::DaemonConfig& config, const std::string& name) {
  const sluice::Status made = sluice::io::bootstrap_cluster(config, name);
  // A supervisor starts it with the same words again.
  if (!made && made.error().code != sluice::ErrorCode::conflict) return report(made.error());
  if (made) log_line(fmt::format("made the cluster \"{}\" with {} as its first member", name, config.name));
  return 0;
}

int run(const Options& options) {
  const sluice::io::LoadedDaemonConfig loaded = sluice::io::load_daemon_config(options.config_file);
  for (const std::string& fault : loaded.faults) log_line(fault);
  if (!loaded.config) return exit_usage;
  const sluice::DaemonConfig& config = *loaded.config;
  if (options.check) {
    fmt::print("{}: good\n", options.config_file);
    return 0;
  }
  if (!options.bootstrap.empty()) {
    if (const int failed = bootstrap(config, options.bootstrap); failed != 0) return failed;
  }
  const sluice::Status ended = sluice::io::run_daemon(config, log_line, [](const std::string& summary) {
    fmt::print("ready: {}\n", summary);
    std::fflush(stdout);
  });
  return ended ? 0 : report(ended.error());
}

}  // namespace

int main(int argc, char** argv) {
  // Tables of 65,537 slots are made anew with every generation. Memory that goes back to the kernel in between comes
  // back as page faults, a fifth of a change's time.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 128 << 20);
  Options options;
  CLI::App app(
      "sluiced, the control plane of Sluice on one balancer: agrees with the others on services, backends and\n"
      "weights, and tells the plane of this host. In the foreground; packets do not need it. SIGHUP reads the\n"
      "certificates again; SIGTERM hands leadership over and ends.");
  app.add_option("--config", options.config_file, "configuration file (TOML)")->capture_default_str();
  app.add_option("--bootstrap", options.bootstrap,
                 "make a new cluster of this NAME first, unless there is a state already");
  app.add_flag("--check", options.check, "only check the configuration file");
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
