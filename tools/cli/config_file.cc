// SPDX-License-Identifier: Apache-2.0
#include "config_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "plane_client.h"
#include "suggest.h"
#include "text_table.h"

namespace sluice::cli {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

Failure unreadable(const std::string& path, int error_number) {
  const bool absent = error_number == ENOENT || error_number == ENOTDIR;
  return {absent ? ExitCode::not_found : ExitCode::failed,
          fmt::format("cannot read {}: {}; give the path of a configuration file, or - for standard input",
                      in_quotes(path, 4096), std::strerror(error_number)),
          {}};
}

}  // namespace

Outcome<std::string> read_file(const std::string& path) {
  // Beyond what the parser takes; /dev/zero has an end too then.
  constexpr std::size_t bytes_max = 300U << 20U;
  const bool standard_input = path == "-";
  const std::unique_ptr<std::FILE, CloseFile> opened(standard_input ? nullptr : std::fopen(path.c_str(), "rbe"));
  if (!standard_input && !opened) return unreadable(path, errno);
  std::FILE* file = standard_input ? stdin : opened.get();
  std::string text;
  char buffer[65536];
  while (text.size() < bytes_max) {
    errno = 0;
    const std::size_t count = std::fread(buffer, 1, sizeof buffer, file);
    text.append(buffer, count);
    if (count == sizeof buffer) continue;
    if (std::ferror(file) != 0) return unreadable(path, errno);
    break;
  }
  return text;
}

void print_warnings(const ConfigOutcome& outcome) {
  for (const Diagnostic& warning : outcome.warnings) {
    fmt::print(stderr, "{}:{}:{}: warning: {}\n", outcome.file_name, warning.line, warning.column, warning.message);
  }
}

Failure failure_of(const ConfigOutcome& outcome) {
  Failure failure{ExitCode::usage, "", {}};
  for (const Diagnostic& error : outcome.errors) failure.details.push_back(to_string(error, outcome.file_name));
  failure.message = fmt::format("{} has {}; correct {} and run sluice config check {}", outcome.file_name,
                                count_text(outcome.errors.size(), "fault"), outcome.errors.size() == 1 ? "it" : "them",
                                outcome.file_name);
  return failure;
}

Outcome<Config> load_config(const Context&, const std::string& path) {
  const Outcome<std::string> text = read_file(path);
  if (!text) return text.error();
  ConfigOutcome outcome = parse_config(text.value(), path);
  if (!outcome.ok()) return failure_of(outcome);
  print_warnings(outcome);
  return std::move(*outcome.config);
}

Outcome<Config> running_config(const Context& context) {
  const auto answer = ask_plane(context, {{"op", "config"}});
  if (!answer) return answer.error();
  ConfigOutcome outcome = parse_config(text_member(answer.value(), "config"), "running");
  if (!outcome.ok()) {
    Failure failure = failure_of(outcome);
    failure.code = ExitCode::failed;
    failure.message = fmt::format(
        "the plane at {} sent a configuration this sluice cannot read; are their versions "
        "the same? (sluice version)",
        context.socket);
    return failure;
  }
  return std::move(*outcome.config);
}

}  // namespace sluice::cli
