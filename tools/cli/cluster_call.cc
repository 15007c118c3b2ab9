// SPDX-License-Identifier: Apache-2.0
#include "cluster_call.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "api_client.h"
#include "api_failure.h"
#include "change_text.h"
#include "json_members.h"
#include "plan_json.h"
#include "plan_text.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

constexpr auto watch_interval = std::chrono::seconds(2);

ExitCode show_once(const Context& context, const std::string& path, const Show& show) {
  ApiCall call;
  call.target = path;
  const Outcome<json::object> answer = call_api(context, call);
  if (!answer) return report(context, answer.error());
  if (!context.json()) return show(answer.value());
  print_json(answer.value());
  return ExitCode::ok;
}

std::chrono::milliseconds patience_of(const std::string& text) {
  // The server checks the text; here it only lengthens our own wait, and more than it takes does no harm.
  const std::uint64_t number = std::strtoull(text.c_str(), nullptr, 10);
  const bool is_minutes = text.ends_with('m');
  return std::chrono::seconds(std::min<std::uint64_t>(number * (is_minutes ? 60 : 1), 3600));
}

void print_dry_run(const Context& context, const json::object& answer) {
  print_changes(context, changes_of_json(array_member(answer, "changes")));
  const json::object& plan = object_of(member_of(answer, "plan"));
  if (!plan.empty()) {
    print("\n");
    print_plan(context, plan_of_json(plan));
  }
  print_guards(context, answer);
  print(fmt::format("dry run against revision {}: nothing was changed\n", number_member(answer, "revision")));
}

void print_receipt(const json::object& receipt, const std::string& done) {
  if (!done.empty()) print(done + '\n');
  const std::uint64_t revision = number_member(receipt, "revision");
  const std::uint64_t generation = number_member(receipt, "generation");
  std::string line = fmt::format("revision {}", revision);
  if (generation != 0) line += fmt::format(", generation {}", generation);
  if (flag_member(receipt, "repeated")) line += " (it was written before, by this request)";
  print(line + '\n');
  const json::object& live = object_of(member_of(receipt, "live"));
  if (!live.empty()) {
    print(fmt::format("generation {} live on {}/{} planes\n", number_member(live, "generation"),
                      number_member(live, "live"), number_member(live, "planes")));
  }
  if (const std::string deadline = text_member(receipt, "confirm_by"); !deadline.empty())
    print(fmt::format("it is rolled back at {} unless you run: sluice config confirm\n", deadline));
  if (const std::uint64_t undo = number_member(receipt, "undo_revision"); undo != 0)
    print(fmt::format("undo: sluice config rollback {}\n", undo));
}

}  // namespace

std::string api_path(std::initializer_list<std::string_view> segments) {
  std::string path = "/v1";
  for (const std::string_view segment : segments) path += '/' + percent_encoded(segment);
  return path;
}

void print_guards(const Context& context, const json::object& answer) {
  for (const json::value& guard : array_member(answer, "guards")) {
    if (!guard.is_string()) continue;
    print(fmt::format("{} {}\n", colored(context.color_out, Color::yellow, "guard:"),
                      std::string_view(guard.get_string())));
  }
}

ExitCode show_api(const Context& context, const ReadOptions& options, const std::string& path, const Show& show) {
  const std::string target = options.is_local ? path + "?consistency=local" : path;
  if (!options.watches) return show_once(context, target, show);
  for (;;) {
    if (isatty(STDOUT_FILENO) != 0) print("\x1b[H\x1b[2J");
    const ExitCode code = show_once(context, target, show);
    // A cluster that is degraded is worth watching on; a name that does not exist is not.
    if (code != ExitCode::ok && code != ExitCode::degraded) return code;
    if (!flush_output()) return code;
    std::this_thread::sleep_for(watch_interval);
  }
}

ListColumn text_column(std::string header, std::string key, ListColumn::When when) {
  return {{std::move(header), Align::left},
          [key = std::move(key)](const json::object& row) { return text_member(row, key); },
          when};
}

ListColumn number_column(std::string header, std::string key, ListColumn::When when) {
  return {{std::move(header), Align::right},
          [key = std::move(key)](const json::object& row) { return grouped(number_member(row, key)); },
          when};
}

ListColumn flag_column(std::string header, std::string key, ListColumn::When when) {
  return {{std::move(header), Align::left},
          [key = std::move(key)](const json::object& row) { return flag_member(row, key) ? "yes" : "no"; },
          when};
}

ExitCode print_list(const Context& context, const json::array& rows, const std::vector<ListColumn>& columns,
                    std::string_view nothing) {
  std::vector<const ListColumn*> shown;
  std::vector<Column> heads;
  for (const ListColumn& column : columns) {
    if (column.when == ListColumn::When::wide && !context.wide()) continue;
    shown.push_back(&column);
    heads.push_back(column.column);
  }
  TextTable table(heads);
  for (const json::value& row : rows) {
    std::vector<std::string> cells;
    for (const ListColumn* column : shown) cells.push_back(column->text(object_of(row)));
    table.add_row(std::move(cells));
  }
  print(table.empty() ? std::string(nothing) + '\n' : table.text(context.color_out));
  return ExitCode::ok;
}

ExitCode write_api(const Context& context, const WriteOptions& options, ApiWrite write) {
  ApiCall call;
  call.method = std::move(write.method);
  call.target = std::move(write.path);
  const auto add = [&call](std::string_view parameter) {
    call.target += (call.target.find('?') == std::string::npos ? '?' : '&');
    call.target += parameter;
  };
  if (options.is_dry_run) add("dry_run=true");
  if (options.is_forced) add("force=true");
  if (options.waits && !options.is_dry_run) {
    add("wait=generation&timeout=" + percent_encoded(options.wait_timeout));
    call.patience = patience_of(options.wait_timeout);
  }
  if (!options.message.empty()) add("message=" + percent_encoded(options.message));
  if (options.base_revision) call.headers.emplace_back("If-Match", fmt::format("\"{}\"", *options.base_revision));
  call.headers.emplace_back("Request-Id", make_request_id());
  if (call.method != "DELETE") call.body = json::serialize(write.body);
  const Outcome<json::object> answer = call_api(context, call);
  if (!answer) {
    Failure failure = answer.error();
    for (std::string& detail : failure.details) {
      if (!write.file.empty()) detail = write.file + ':' + detail;
    }
    return report(context, failure);
  }
  if (context.json()) {
    print_json(answer.value());
  } else if (options.is_dry_run) {
    print_dry_run(context, answer.value());
  } else {
    print_receipt(answer.value(), write.done);
  }
  return ExitCode::ok;
}

}  // namespace sluice::cli
