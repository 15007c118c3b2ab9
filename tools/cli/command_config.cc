// SPDX-License-Identifier: Apache-2.0
// sluice config check | show | diff
#include <fmt/format.h>

#include <algorithm>

#include "commands.h"
#include "config_diff.h"
#include "config_file.h"
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

// One line per change: `~ backend web/b2  weight 100 -> 50`.
std::string change_line(const ObjectChange& change, std::size_t name_width, bool color) {
  const bool changed = change.kind == ChangeKind::changed;
  const char sign = changed ? '~' : change.kind == ChangeKind::added ? '+' : '-';
  const Color tint = changed ? Color::yellow : change.kind == ChangeKind::added ? Color::green : Color::red;
  const std::string name = change.name.empty() ? change.object : change.object + ' ' + change.name;
  std::string fields;
  for (const FieldChange& field : change.fields) {
    // Empty defaults of a whole new object say nothing.
    if (!changed && field.before.empty() && field.after.empty()) continue;
    if (!fields.empty()) fields += ", ";
    const auto shown = [](const std::string& value) { return value.empty() ? std::string("(none)") : value; };
    fields +=
        field.field + ' ' + (changed ? shown(field.before) + " -> " + shown(field.after) : field.before + field.after);
  }
  std::string line = colored(color, tint, fmt::format("{} {}", sign, name));
  if (!fields.empty()) line += std::string(name_width - name.size() + 2, ' ') + fields;
  return line + '\n';
}

void print_diff_text(const Context& context, const std::vector<ObjectChange>& changes) {
  if (changes.empty()) {
    print("no difference\n");
    return;
  }
  std::size_t width = 0;
  for (const ObjectChange& change : changes) {
    width = std::max(width, change.object.size() + (change.name.empty() ? 0 : change.name.size() + 1));
  }
  std::size_t counts[3] = {};
  for (const ObjectChange& change : changes) {
    print(change_line(change, width, context.color_out));
    ++counts[static_cast<std::size_t>(change.kind)];
  }
  print(fmt::format("\n{}: {} added, {} changed, {} removed\n", count_text(changes.size(), "difference"),
                    counts[static_cast<std::size_t>(ChangeKind::added)],
                    counts[static_cast<std::size_t>(ChangeKind::changed)],
                    counts[static_cast<std::size_t>(ChangeKind::removed)]));
}

void print_diff_json(const std::vector<ObjectChange>& changes) {
  json::array list;
  for (const ObjectChange& change : changes) {
    json::array fields;
    for (const FieldChange& field : change.fields) {
      fields.push_back({{"field", field.field}, {"before", field.before}, {"after", field.after}});
    }
    list.push_back({{"change", json::string(to_text(change.kind))},
                    {"object", change.object},
                    {"name", change.name},
                    {"fields", std::move(fields)}});
  }
  print_json({{"equal", changes.empty()}, {"changes", std::move(list)}});
}

// For the diff commands exit code 1 means "differs", so their other failures begin at 2.
Failure above_one(Failure failure) {
  if (failure.code == ExitCode::failed) failure.code = ExitCode::usage;
  return failure;
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
  const Outcome<Config> before = options.second ? load_config(context, options.first) : running_config(context);
  if (!before) return report(context, above_one(before.error()));
  const Outcome<Config> after = load_config(context, options.second.value_or(options.first));
  if (!after) return report(context, above_one(after.error()));
  const auto changes = diff_configs(before.value(), after.value());
  if (context.json()) {
    print_diff_json(changes);
  } else {
    print_diff_text(context, changes);
  }
  return changes.empty() ? ExitCode::ok : ExitCode::failed;
}

}  // namespace sluice::cli
