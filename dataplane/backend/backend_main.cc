// SPDX-License-Identifier: Apache-2.0
// sluice-backend: the command line, signals, and the loop around the agent.
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

#include "backend_agent.h"
#include "backend_status.h"
#include "control_request.h"
#include "errno_error.h"

namespace sluice::backend {
namespace {

int fail(const Error& error) {
  std::cerr << "sluice-backend: " << error.context << "\n";
  return exit_code_of(error.code);
}

void warn(const std::string& line) {
  std::cerr << "warning: " << line << std::endl;
}

struct CommandLine {
  std::string config_file;
  BackendOptions options;
  bool status = false;
  bool detach = false;
  std::string output = "table";
};

void describe(CLI::App& app, CommandLine& line) {
  app.set_version_flag("--version", "sluice-backend " SLUICE_VERSION);
  app.add_option("--config", line.config_file, "TOML file; options of the command line replace its keys");
  app.add_option("--interface", line.options.interfaces, "interface that tunnel packets arrive on; may be repeated");
  app.add_option("--vip", line.options.vips, "address this host serves; may be repeated");
  app.add_option("--allow", line.options.allow, "outer sources of the balancers, as 10.2.0.0/16; may be repeated");
  app.add_option("--local", line.options.local, "address that tunnel packets are sent to (default: all of this host)");
  app.add_option("--gue-port", line.options.gue_port, "UDP port of GUE (default 6080)")->check(CLI::Range(1, 65535));
  app.add_flag("--no-tunnels", line.options.no_tunnels, "VIPs and ARP only: reached by L2, no program is attached");
  app.add_option("--mss", line.options.mss, "advertised MSS of IPv4 (IPv6: 20 less), auto or none (default auto)");
  app.add_option("--mode", line.options.mode, "auto, native or generic XDP (default auto)");
  app.add_option("--pin-directory", line.options.pin_directory, "on a BPF file system, or none");
  app.add_option("--state-directory", line.options.state_directory, "where changes to the host are noted");
  app.add_flag("--status", line.status, "print the counters of this network namespace's agent");
  app.add_flag("--detach", line.detach, "take back what a killed agent left behind");
  app.add_option("-o,--output", line.output, "of --status: table or json")
      ->check(CLI::IsMember({std::string("table"), std::string("json")}));
}

// Prints what is wrong itself, line by line of the file.
std::optional<BackendConfig> config_of(const CommandLine& line, int& code) {
  BackendConfig config;
  if (!line.config_file.empty()) {
    std::ifstream file(line.config_file);
    std::stringstream text;
    text << file.rdbuf();
    if (!file) {
      code = fail(make_error(ErrorCode::not_found, "cannot read " + line.config_file));
      return std::nullopt;
    }
    BackendConfigOutcome outcome = parse_backend_config(text.str(), line.config_file);
    for (const Diagnostic& error : outcome.errors) std::cerr << to_string(error, line.config_file) << "\n";
    code = 2;
    if (!outcome.config) return std::nullopt;
    config = std::move(*outcome.config);
  }
  Result<BackendConfig> merged = apply_options(line.options, std::move(config));
  if (!merged) {
    code = fail(merged.error());
    return std::nullopt;
  }
  return std::move(*merged);
}

int print_status(const BackendConfig& config, const std::string& output) {
  const Result<PinPlaces> pins = pin_places(config.pin_directory);
  if (!pins) return fail(pins.error());
  const Result<sluice_decap_counters> counters = read_pinned_counters(pins->counts());
  if (!counters) return fail(counters.error());
  std::cout << (output == "json" ? status_json(*counters) : status_table(*counters));
  return 0;
}

int detach(BackendConfig config) {
  Result<BackendAgent> agent = BackendAgent::create(std::move(config), warn);
  if (!agent) return fail(agent.error());
  const Status removed = agent->remove();
  if (!removed) return fail(removed.error());
  std::cout << "detached\n";
  return 0;
}

Result<UniqueFd> watch_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT}) sigaddset(&signals, number);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  UniqueFd fd(::signalfd(-1, &signals, SFD_CLOEXEC));
  if (!fd.is_open()) return errno_error("cannot watch signals", errno);
  return fd;
}

// Waits for a signal and keeps the host in shape meanwhile. Returns the signal.
int serve(BackendAgent& agent, NetlinkSocket& monitor, const UniqueFd& signals) {
  // Changes come in bursts (an interface that goes up makes a dozen): look once when they have settled.
  constexpr int settle_ms = 100;
  bool changed = true;  // something may have happened between start() and the first look
  for (;;) {
    pollfd waited[] = {{signals.get(), POLLIN, 0}, {monitor.fd(), POLLIN, 0}};
    const int ready = ::poll(waited, 2, changed ? settle_ms : -1);
    if (ready < 0 && errno != EINTR) return SIGTERM;
    if (ready > 0 && (waited[0].revents & POLLIN)) {
      signalfd_siginfo info{};
      if (::read(signals.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info))
        return static_cast<int>(info.ssi_signo);
    }
    if (ready > 0 && waited[1].revents != 0) {
      monitor.drain([](const nlmsghdr&) {});
      changed = true;
    } else if (ready == 0 && changed) {
      changed = false;
      if (const Status refreshed = agent.refresh(); !refreshed) warn(refreshed.error().context);
    }
  }
}

int run(BackendConfig config) {
  if (const Status enough = check_backend_config(config); !enough) return fail(enough.error());
  const Result<UniqueFd> signals = watch_signals();
  if (!signals) return fail(signals.error());
  const int groups[] = {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE};
  Result<NetlinkSocket> monitor = NetlinkSocket::open_monitor(groups);
  if (!monitor) return fail(monitor.error());
  Result<BackendAgent> agent = BackendAgent::create(std::move(config), warn);
  if (!agent) return fail(agent.error());
  if (const Status started = agent->start(); !started) {
    // Half a backend would draw connections it cannot serve; a whole one of an earlier process serves on.
    if (!agent->inherits()) static_cast<void>(agent->remove());
    if (agent->inherits()) warn("what the earlier sluice-backend set up stays as it is; --detach takes it back");
    return fail(started.error());
  }
  std::cout << "ready: " << agent->summary() << std::endl;
  if (serve(*agent, *monitor, *signals) == SIGQUIT) {
    std::cout << "left in place for the next sluice-backend; --detach takes it back\n";
    return 0;
  }
  if (const Status removed = agent->remove(); !removed) return fail(removed.error());
  std::cout << "removed\n";
  return 0;
}

int main_with(int count, char** values) {
  CLI::App app("Decapsulates the balancers' packets and puts their VIPs on this host");
  CommandLine line;
  describe(app, line);
  try {
    app.parse(count, values);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  int code = 2;
  std::optional<BackendConfig> config = config_of(line, code);
  if (!config) return code;
  if (line.status) return print_status(*config, line.output);
  if (line.detach) return detach(std::move(*config));
  return run(std::move(*config));
}

}  // namespace
}  // namespace sluice::backend

int main(int count, char** values) {
  return sluice::backend::main_with(count, values);
}
