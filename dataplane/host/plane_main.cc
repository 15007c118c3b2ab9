// SPDX-License-Identifier: Apache-2.0
#include "plane_main.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "control_client.h"
#include "event_loop.h"
#include "plane.h"
#include "unique_fd.h"

namespace sluice {
namespace {

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

struct Options {
  std::string config_file;
  bool check = false;
  bool detach = false;
};

class PlaneProgram {
 public:
  explicit PlaneProgram(const PlaneKind& kind) : kind_(kind) {}

  int main(int argc, char** argv);

 private:
  int parse_options(int argc, char** argv);
  int detach(const Config& config);
  int run(Config config);
  int fail(const Error& error) const;
  void log_line(const std::string& line) const { fmt::print(stderr, "{}: {}\n", kind_.program(), line); }

  const PlaneKind& kind_;
  Options options_;
};

int PlaneProgram::fail(const Error& error) const {
  log_line(error.context);
  return exit_failed;
}

int PlaneProgram::parse_options(int argc, char** argv) {
  CLI::App app(fmt::format("{}\nSIGHUP reads the file again; {}", kind_.title, kind_.end_help));
  app.add_option("--config", options_.config_file, "configuration file (TOML)")->required();
  app.add_flag("--check", options_.check, "only check the file");
  app.add_flag("--detach", options_.detach, std::string(kind_.detach_help));
  app.set_version_flag("--version", kind_.program() + " " SLUICE_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? -1 : exit_usage;
  }
  return 0;
}

// A running process is asked to; what an earlier one left is taken away from here.
int PlaneProgram::detach(const Config& config) {
  const Result<std::string> done = kind_.detach_left(config);
  if (done) {
    log_line(*done);
    return 0;
  }
  if (done.error().code != ErrorCode::conflict) return fail(done.error());
  const Result<std::string> answer =
      ask_control_socket(config.plane.control_socket, R"({"op":"detach"})", std::chrono::seconds(10));
  if (!answer) return fail(answer.error());
  log_line(fmt::format("the running {} was told to detach: {}", kind_.program(), *answer));
  return answer->starts_with(R"({"ok":true)") ? 0 : exit_failed;
}

sigset_t handled_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGHUP, SIGTERM, SIGINT}) sigaddset(&signals, number);
  return signals;
}

int PlaneProgram::run(Config config) {
  // Blocked from the start, and in every thread that a plane starts: a SIGTERM while it takes up the packets' road must
  // not cut that in two.
  const sigset_t signals = handled_signals();
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const UniqueFd signal_fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  Result<EventLoop> loop = EventLoop::create();
  if (!loop) return fail(loop.error());
  auto plane = Plane::start(*loop, kind_, options_.config_file, std::move(config),
                            [this](const std::string& line) { log_line(line); });
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
    const auto now = Plane::Clock::now();
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>((*plane)->tick(now) - now);
    if (Status ran = loop->run_once(wait); !ran) return fail(ran.error());
  }
  (*plane)->finish();
  if (!(*plane)->is_detached())
    log_line(fmt::format("ended; {} ({} --config {} --detach {})", kind_.end_note, kind_.program(),
                         options_.config_file, kind_.detach_note));
  return 0;
}

int PlaneProgram::main(int argc, char** argv) {
  if (const int code = parse_options(argc, argv); code != 0) return code < 0 ? 0 : code;
  ConfigReading reading = read_config_file(options_.config_file, kind_.check);
  for (const std::string& warning : reading.warnings) log_line("warning: " + warning);
  for (const std::string& error : reading.errors) fmt::print(stderr, "{}\n", error);
  if (!reading.config) return exit_usage;
  if (options_.check) {
    fmt::print("{}: ok\n", options_.config_file);
    return 0;
  }
  try {
    if (options_.detach) return detach(*reading.config);
    return run(std::move(*reading.config));
  } catch (const std::exception& error) {
    log_line(std::string("failed: ") + error.what());
    return exit_failed;
  }
}

}  // namespace

int plane_main(int argc, char** argv, const PlaneKind& kind) {
  return PlaneProgram(kind).main(argc, argv);
}

}  // namespace sluice
