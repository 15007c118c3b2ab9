// SPDX-License-Identifier: Apache-2.0
// sluice-replay: what the plane would do with the frames of a capture.
#include <fmt/format.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "capture_file.h"
#include "config.h"
#include "flow_text.h"
#include "packet_replay.h"
#include "replay_report.h"
#include "state_file.h"
#include "state_model.h"
#include "static_model.h"

namespace {

using sluice::Error;
using sluice::ErrorCode;
using sluice::Result;
using sluice::Status;

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;
constexpr int exit_not_found = 3;

struct Options {
  std::string config_file;
  std::string state_file;
  std::string input;
  std::string output;
  std::string mac = "02:00:00:00:00:01,02:00:00:00:00:02";
  std::string form = "table";
  bool all = false;
  bool explain = false;
};

int fail(const Error& error) {
  fmt::print(stderr, "sluice-replay: {}\n", error.context);
  if (error.code == ErrorCode::not_found) return exit_not_found;
  return error.code == ErrorCode::invalid_argument ? exit_usage : exit_failed;
}

int parse_options(int argc, char** argv, Options& options) {
  CLI::App app(
      "What the plane would do with the frames of a capture: the packet path of Sluice over files. Needs no privileges "
      "and touches no interface.");
  app.add_option("--config", options.config_file, "configuration file (TOML)")->required();
  app.add_option("--state", options.state_file,
                 "state file of a plane whose configuration says control = \"cluster\": its pools and services");
  app.add_option("--in", options.input, "capture to read: pcap or pcapng of Ethernet frames; - is standard input")
      ->required();
  app.add_option("--out", options.output, "capture to write: the frames the plane would send");
  app.add_flag("--all", options.all, "write the frames that go to the kernel too");
  app.add_flag("--explain", options.explain, "a line per frame: number, flow, reason, backend");
  app.add_option("--mac", options.mac, "source and destination MAC of frames to backends")->capture_default_str();
  app.add_option("-o,--output", options.form, "table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  app.set_version_flag("--version", "sluice-replay " SLUICE_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? -1 : exit_usage;
  }
  return 0;
}

// Six pairs of hexadecimal digits between colons.
std::optional<sluice::MacAddressBytes> parse_mac(std::string_view text) {
  sluice::MacAddressBytes mac{};
  if (text.size() != 3 * mac.size() - 1) return std::nullopt;
  for (std::size_t i = 0; i < mac.size(); ++i) {
    const char* digits = text.data() + 3 * i;
    if (std::from_chars(digits, digits + 2, mac[i], 16).ptr != digits + 2) return std::nullopt;
    if (i != 0 && digits[-1] != ':') return std::nullopt;
  }
  return mac;
}

Result<sluice::ReplayNextHop> parse_next_hop(const std::string& text) {
  const std::size_t comma = text.find(',');
  const auto source = parse_mac(text.substr(0, comma));
  const auto destination = comma == std::string::npos ? std::nullopt : parse_mac(text.substr(comma + 1));
  if (source && destination && *destination != sluice::MacAddressBytes{})
    return sluice::ReplayNextHop{*source, *destination};
  return sluice::make_error(ErrorCode::invalid_argument,
                            fmt::format("--mac \"{}\": give a source and a destination that is not all zeros, as in "
                                        "02:00:00:00:00:01,02:00:00:00:00:02",
                                        text));
}

Result<std::string> read_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  if (file) text << file.rdbuf();
  // An empty file sets the fail bit of `text`; a directory the bad bit of `file`.
  if (!file.is_open() || file.bad())
    return sluice::make_error(errno == ENOENT ? ErrorCode::not_found : ErrorCode::io,
                              fmt::format("{}: cannot read it: {}", path, std::strerror(errno)));
  return text.str();
}

Result<sluice::Config> read_config(const std::string& path) {
  const Result<std::string> text = read_file(path);
  if (!text) return text.error();
  sluice::ConfigOutcome outcome = sluice::parse_config(*text, path);
  for (const sluice::Diagnostic& warning : outcome.warnings)
    fmt::print(stderr, "{}:{}:{}: warning: {}\n", path, warning.line, warning.column, warning.message);
  if (outcome.ok()) return std::move(*outcome.config);
  std::string errors = sluice::errors_text(outcome);
  errors.pop_back();
  return sluice::make_error(ErrorCode::invalid_argument, errors);
}

// Of the file alone, or of what a plane of a cluster was told and the host's part.
Result<sluice::ForwardingModel> read_model(const Options& options) {
  const Result<sluice::Config> config = read_config(options.config_file);
  if (!config) return config.error();
  const bool is_of_cluster = config->plane.control == sluice::ControlSource::cluster;
  if (is_of_cluster == options.state_file.empty()) {
    const std::string_view what = is_of_cluster ? "control = \"cluster\": name the plane's state file with --state"
                                                : "it has pools and services of its own; leave out --state";
    return sluice::make_error(ErrorCode::invalid_argument, fmt::format("{}: {}", options.config_file, what));
  }
  if (!is_of_cluster) return sluice::forwarding_model_of(*config);
  const Result<sluice::SavedState> saved = sluice::read_state_file(options.state_file);
  if (!saved) return saved.error();
  if (!saved->is_whole)
    fmt::print(stderr, "warning: {}: what came last is damaged or missing in its .changes; this is what came before\n",
               options.state_file);
  if (!saved->state)
    return sluice::make_error(ErrorCode::not_found, options.state_file + ": there is no state to be read");
  return sluice::forwarding_model_of(*saved->state, config->plane, nullptr);
}

// Creating the output empties it, and that must not be the input or the configuration.
Status refuse_overwriting(const Options& options) {
  struct stat output {};
  if (stat(options.output.c_str(), &output) != 0) return {};
  for (const std::string& path : {options.input, options.config_file, options.state_file}) {
    struct stat other {};
    if (stat(path.c_str(), &other) == 0 && S_ISREG(other.st_mode) && other.st_dev == output.st_dev &&
        other.st_ino == output.st_ino)
      return sluice::make_error(
          ErrorCode::invalid_argument,
          fmt::format("--out {}: that is {}, which it would overwrite; name another file", options.output, path));
  }
  return {};
}

class Run {
 public:
  Run(const Options& options, sluice::PacketReplay& replay, sluice::CaptureReader& input, sluice::CaptureWriter* output)
      : options_(options),
        replay_(replay),
        input_(input),
        output_(output),
        report_(options.form == "json" ? sluice::ReplayReport::Form::json : sluice::ReplayReport::Form::table) {}

  // The counts are printed whatever happens: they say how far it went.
  int run() {
    const Status read = take_frames();
    const Status written = output_ != nullptr ? output_->finish() : Status();
    report_.print(replay_, counts_);
    const bool is_printed = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
    int code = is_printed ? 0 : exit_failed;
    for (const Status& status : {read, written})
      if (!status) code = std::max(code, fail(status.error()));
    return code;
  }

 private:
  Status take_frames() {
    while (true) {
      const auto frame = input_.next();
      if (!frame) return frame.error();
      if (!*frame) return {};
      take(**frame);
    }
  }

  void take(const sluice::CapturedFrame& frame) {
    ++counts_.frames;
    sluice::ReplayLine line{counts_.frames, {}, "cut", {}};
    if (frame.is_cut()) {
      ++counts_.cut;
    } else {
      const sluice::ReplayVerdict verdict = replay_.run(frame.bytes, tick_of(frame.time));
      line.reason = sluice::reason_texts()[verdict.reason].name;
      if (verdict.backend) line.backend = replay_.backends()[*verdict.backend].name;
      write(frame, verdict);
    }
    if (!options_.explain) return;
    line.flow = sluice::flow_text(frame.bytes);
    report_.explain(line);
  }

  void write(const sluice::CapturedFrame& frame, const sluice::ReplayVerdict& verdict) {
    const auto reason_class = sluice_class_of(verdict.reason);
    if (output_ == nullptr || reason_class == SLUICE_CLASS_DROP) return;
    if (reason_class == SLUICE_CLASS_KERNEL && !options_.all) return;
    output_->write(frame.time, verdict.output);
    ++counts_.written;
  }

  // A plane's clock never goes back, as the timestamps of a capture from several queues do.
  std::uint32_t tick_of(const sluice::CaptureTime& time) {
    latest_ = counts_.frames == 1 ? time.seconds : std::max(latest_, time.seconds);
    return static_cast<std::uint32_t>(latest_);
  }

  const Options& options_;
  sluice::PacketReplay& replay_;
  sluice::CaptureReader& input_;
  sluice::CaptureWriter* output_;
  sluice::ReplayReport report_;
  sluice::ReplayCounts counts_;
  std::int64_t latest_ = 0;
};

int run(const Options& options) {
  const Result<sluice::ReplayNextHop> next_hop = parse_next_hop(options.mac);
  if (!next_hop) return fail(next_hop.error());
  const Result<sluice::ForwardingModel> model = read_model(options);
  if (!model) return fail(model.error());
  auto replay = sluice::PacketReplay::create(*model, *next_hop);
  if (!replay) return fail(replay.error());
  auto input = sluice::CaptureReader::open(options.input);
  if (!input) return fail(input.error());
  std::optional<sluice::CaptureWriter> output;
  if (!options.output.empty()) {
    if (Status differs = refuse_overwriting(options); !differs) return fail(differs.error());
    auto created = sluice::CaptureWriter::create(options.output);
    if (!created) return fail(created.error());
    output.emplace(std::move(*created));
  }
  return Run(options, **replay, *input, output ? &*output : nullptr).run();
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (const int code = parse_options(argc, argv, options); code != 0) return code < 0 ? 0 : code;
  try {
    return run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "sluice-replay: failed: {}\n", error.what());
    return exit_failed;
  }
}
