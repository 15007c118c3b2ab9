// SPDX-License-Identifier: Apache-2.0
// sluice-xdp: the XDP plane of one host, from one configuration file.
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "bpf_log.h"
#include "control_client.h"
#include "control_request.h"
#include "event_loop.h"
#include "link_set.h"
#include "pin_directory.h"
#include "plane.h"

namespace {

using sluice::Error;
using sluice::Result;
using sluice::Status;

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

struct Options {
  std::string config_file;
  bool check = false;
  bool detach = false;
};

void log_line(const std::string& line) {
  fmt::print(stderr, "sluice-xdp: {}\n", line);
}

int fail(const Error& error) {
  log_line(error.context);
  return exit_failed;
}

int parse_options(int argc, char** argv, Options& options) {
  CLI::App app(
      "The XDP plane of Sluice: balances packets by one configuration file, in the foreground.\n"
      "SIGHUP reads the file again; SIGTERM and SIGINT end the process and leave the packets' road as it is.");
  app.add_option("--config", options.config_file, "configuration file (TOML)")->required();
  app.add_flag("--check", options.check, "only check the file");
  app.add_flag("--detach", options.detach, "take the program off all interfaces and remove what is pinned");
  app.set_version_flag("--version", "sluice-xdp " SLUICE_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? -1 : exit_usage;
  }
  return 0;
}

// A running process is asked to; what an earlier one left is taken away from here.
int detach(const sluice::Config& config) {
  Result<sluice::PinDirectory> pins = sluice::PinDirectory::open_existing(config.plane.pin_directory);
  if (!pins && pins.error().code == sluice::ErrorCode::conflict) {
    const Result<std::string> answer =
        sluice::ask_control_socket(config.plane.control_socket, R"({"op":"detach"})", std::chrono::seconds(10));
    if (!answer) return fail(answer.error());
    log_line("the running sluice-xdp was told to detach: " + *answer);
    return answer->starts_with(R"({"ok":true)") ? 0 : exit_failed;
  }
  if (!pins && pins.error().code == sluice::ErrorCode::not_found) {
    log_line("nothing to detach: " + pins.error().context);
    return 0;
  }
  if (!pins) return fail(pins.error());
  sluice::LinkSet(pins->links_path()).detach_all();
  pins->remove_all();
  log_line("detached: the program is off all interfaces and every pin is removed");
  return 0;
}

sigset_t handled_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGHUP, SIGTERM, SIGINT}) sigaddset(&signals, number);
  return signals;
}

int run(const Options& options, sluice::Config config) {
  // Blocked from the start: a SIGTERM while the programs are being attached must not cut that in two.
  const sigset_t signals = handled_signals();
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const sluice::UniqueFd signal_fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  Result<sluice::EventLoop> loop = sluice::EventLoop::create();
  if (!loop) return fail(loop.error());
  auto plane = sluice::Plane::start(*loop, options.config_file, std::move(config), log_line);
  if (!plane) return fail(plane.error());
  fmt::print("ready: {}\n", (*plane)->summary());
  std::fflush(stdout);
  bool ends = false;
  const Status watched = loop->watch(signal_fd.get(), EPOLLIN, [&](std::uint32_t) {
    signalfd_siginfo signal{};
    while (read(signal_fd.get(), &signal, sizeof signal) == sizeof signal) {
      if (signal.ssi_signo == SIGHUP)
        (*plane)->reload();
      else
        ends = true;
    }
  });
  if (!watched) return fail(watched.error());
  while (!ends && !(*plane)->is_detached()) {
    const auto now = sluice::Plane::Clock::now();
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>((*plane)->tick(now) - now);
    if (Status ran = loop->run_once(wait); !ran) return fail(ran.error());
  }
  (*plane)->finish();
  if (!(*plane)->is_detached())
    log_line("ended; the XDP programs stay attached and forward on (sluice-xdp --config " + options.config_file +
             " --detach takes them off)");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (const int code = parse_options(argc, argv, options); code != 0) return code < 0 ? 0 : code;
  sluice::collect_bpf_log();
  sluice::ConfigReading reading = sluice::read_config_file(options.config_file);
  for (const std::string& warning : reading.warnings) log_line("warning: " + warning);
  for (const std::string& error : reading.errors) fmt::print(stderr, "{}\n", error);
  if (!reading.config) return exit_usage;
  if (options.check) {
    fmt::print("{}: ok\n", options.config_file);
    return 0;
  }
  try {
    if (options.detach) return detach(*reading.config);
    return run(options, std::move(*reading.config));
  } catch (const std::exception& error) {
    log_line(std::string("failed: ") + error.what());
    return exit_failed;
  }
}
