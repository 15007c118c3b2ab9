// SPDX-License-Identifier: Apache-2.0
// sluice-bench report: result files as one page of plots.
#include <fmt/core.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "bench_commands.h"
#include "report_files.h"
#include "report_page.h"

namespace sluice::bench {
namespace {

constexpr int exit_bad_input = 2;

struct Settings {
  std::vector<std::string> results;
  std::string page;  // empty: standard output
};

[[noreturn]] void fail(const std::string& why) {
  fmt::print(stderr, "{}\n", why);
  throw CLI::RuntimeError(exit_bad_input);
}

void print_page(const std::string& page) {
  if (std::fwrite(page.data(), 1, page.size(), stdout) != page.size() || std::fflush(stdout) != 0)
    fail(fmt::format("standard output: cannot be written: {}; is the disk full, or the pipe closed?",
                     std::strerror(errno)));
}

void run(const Settings& settings) {
  const Result<std::vector<NamedResult>> results = read_result_files(settings.results);
  if (!results) fail(results.error().context);
  const std::string page = to_html(make_report(*results));
  if (settings.page.empty()) return print_page(page);
  const Status written = write_page(settings.page, page, settings.results);
  if (!written) fail(written.error().context);
}

}  // namespace

void add_report_command(CLI::App& app) {
  auto settings = std::make_shared<Settings>();
  CLI::App& command = *app.add_subcommand("report", "Draws results (-o json of the other commands) as one HTML page");
  command
      .add_option("RESULT", settings->results,
                  "files of sluice-bench xdp, veth, dpdk, table or churn, by -o json; "
                  "several of one kind are compared")
      ->required();
  command.add_option("-o,--output", settings->page, "the page; default: standard output")->type_name("PAGE.html");
  command.footer(
      "The page needs nothing else: no script, no network. Exit code 2 and no page where a file is no result.");
  command.callback([settings] { run(*settings); });
}

}  // namespace sluice::bench
