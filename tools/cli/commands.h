// SPDX-License-Identifier: Apache-2.0
// The commands, one file each (command_<noun>.cc). The command line is parsed elsewhere: command_line.cc.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "command_context.h"

namespace sluice::cli {

struct CheckOptions {
  std::string file;
};
ExitCode run_config_check(const Context& context, const CheckOptions& options);

struct ShowOptions {
  std::optional<std::string> file;  // the running configuration if absent
  bool with_secret = false;
};
ExitCode run_config_show(const Context& context, const ShowOptions& options);

struct DiffOptions {
  std::string first;
  std::optional<std::string> second;  // absent: `first` against the running configuration
};
ExitCode run_config_diff(const Context& context, const DiffOptions& options);

struct ExplainOptions {
  std::string source;
  std::string destination;
  std::optional<std::string> config;  // offline; the running plane if absent
};
ExitCode run_explain(const Context& context, const ExplainOptions& options);

struct PlanOptions {
  std::string after;
  std::optional<std::string> before;  // the running configuration if absent
};
ExitCode run_plan(const Context& context, const PlanOptions& options);

struct TableOptions {
  std::optional<std::string> pool;
  std::optional<std::string> config;  // offline; the running plane if absent
};
ExitCode run_table_show(const Context& context, const TableOptions& options);
ExitCode run_table_export(const Context& context, const TableOptions& options);

struct DropsOptions {
  bool all = false;
};
ExitCode run_drops(const Context& context, const DropsOptions& options);
ExitCode run_stats(const Context& context);
ExitCode run_status(const Context& context);
ExitCode run_version(const Context& context);

// The command line as data, for completion scripts and suggestions.
struct CommandTree {
  std::string name;
  std::string description;
  struct Flag {
    std::vector<std::string> names;  // with their dashes
    std::string description;
    bool takes_value = false;
    std::vector<std::string> choices;  // empty: a file, if it takes a value
  };
  std::vector<Flag> flags;
  bool takes_files = false;
  std::vector<std::string> choices;  // of its argument
  std::vector<CommandTree> children;
};

struct CompletionOptions {
  std::string shell;
};
ExitCode run_completion(const Context& context, const CompletionOptions& options, const CommandTree& tree);

}  // namespace sluice::cli
