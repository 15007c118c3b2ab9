// SPDX-License-Identifier: Apache-2.0
// sluice config check | show | diff
#include <fmt/format.h>

#include "change_text.h"
#include "cluster_config.h"
#include "commands.h"
#include "config_diff.h"
#include "config_file.h"
#include "json_members.h"
#include "plan_json.h"
#include "text_table.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

json::array diagnostics_json(const std::vector<Diagnostic>& diagnostics) {
  json::array list;
  for (const Diagnostic& diagnostic : diagnostics) {
    list.push_back({{"line", diagnostic.line}, {"column", diagnostic.column}, {"message", diagnostic.message}});
  }
  return list;
}

struct Counts {
  std::size_t backends = 0;
  std::size_t drained = 0;
};

Counts count_backends(const Config& config) {
  Counts counts;
  for (const PoolConfig& pool : config.pools) {
    counts.backends += pool.members.size();
    for (const MemberConfig& member : pool.members) counts.drained += member.weight == 0 ? 1 : 0;
  }
  return counts;
}

void print_check_json(const ConfigOutcome& outcome) {
  json::object answer = {{"file", outcome.file_name},
                         {"ok", outcome.ok()},
                         {"errors", diagnostics_json(outcome.errors)},
                         {"warnings", diagnostics_json(outcome.warnings)}};
  if (outcome.ok()) {
    answer["services"] = outcome.config->services.size();
    answer["pools"] = outcome.config->pools.size();
    answer["backends"] = count_backends(*outcome.config).backends;
  }
  print_json(answer);
}

void print_diff_json(const std::vector<ObjectChange>& changes) {
  print_json({{"equal", changes.empty()}, {"changes", changes_json(changes)}});
}

// For the diff commands exit code 1 means "differs", so their other failures begin at 2.
Failure above_one(Failure failure) {
  if (failure.code == ExitCode::failed) failure.code = ExitCode::usage;
  return failure;
}

ExitCode show_cluster_config(const Context& context) {
  const Outcome<std::string> text = cluster_config_text(context);
  if (!text) return report(context, text.error());
  if (context.json()) {
    print_json({{"config", text.value()}});
  } else {
    print(text.value());
  }
  return ExitCode::ok;
}

ExitCode print_difference(const Context& context, const std::vector<ObjectChange>& changes) {
  if (context.json()) {
    print_diff_json(changes);
  } else {
    print_changes(context, changes);
  }
  return changes.empty() ? ExitCode::ok : ExitCode::failed;
}

ExitCode diff_with_cluster(const Context& context, const std::string& file) {
  ApiCall call;
  call.target = "/v1/config/diff";
  const Outcome<json::object> answer = send_config(context, file, std::move(call), {});
  if (!answer) return report(context, above_one(answer.error()));
  return print_difference(context, changes_of_json(array_member(answer.value(), "changes")));
}

}  // namespace

ExitCode run_config_check(const Context& context, const CheckOptions& options) {
  const Outcome<std::string> text = read_file(options.file);
  if (!text) return report(context, text.error());
  const ConfigOutcome outcome = parse_config(text.value(), options.file);
  if (context.json()) {
    print_check_json(outcome);
    return outcome.ok() ? ExitCode::ok : ExitCode::usage;
  }
  if (!outcome.ok()) return report(context, failure_of(outcome));
  print_warnings(outcome);
  const Counts counts = count_backends(*outcome.config);
  const std::string drained = counts.drained == 0 ? "" : fmt::format(" ({} with weight 0)", counts.drained);
  print(fmt::format("{}: {}: {}, {}, {}{}\n", options.file, colored(context.color_out, Color::green, "ok"),
                    count_text(outcome.config->services.size(), "service"),
                    count_text(outcome.config->pools.size(), "pool"), count_text(counts.backends, "backend"), drained));
  return ExitCode::ok;
}

ExitCode run_config_show(const Context& context, const ShowOptions& options) {
  if (!options.file && asks_cluster(context)) return show_cluster_config(context);
  const Outcome<Config> config = options.file ? load_config(context, *options.file) : running_config(context);
  if (!config) return report(context, config.error());
  std::string text = print_config(config.value());
  if (!options.with_secret) {
    const std::size_t end = text.find('\n');
    text = "# hash_key is left out; --with-secret shows it" + text.substr(end);
  }
  if (context.json()) {
    print_json({{"config", text}});
  } else {
    print(text);
  }
  return ExitCode::ok;
}

ExitCode run_config_diff(const Context& context, const DiffOptions& options) {
  if (!options.second && asks_cluster(context)) return diff_with_cluster(context, options.first);
  const Outcome<Config> before = options.second ? load_config(context, options.first) : running_config(context);
  if (!before) return report(context, above_one(before.error()));
  const Outcome<Config> after = load_config(context, options.second.value_or(options.first));
  if (!after) return report(context, above_one(after.error()));
  return print_difference(context, diff_configs(before.value(), after.value()));
}

}  // namespace sluice::cli
