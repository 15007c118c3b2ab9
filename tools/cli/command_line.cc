// SPDX-License-Identifier: Apache-2.0
#include "command_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <span>

#include "command_line_cert.h"
#include "command_line_cluster.h"
#include "commands.h"
#include "suggest.h"

namespace sluice::cli {
namespace {

constexpr std::string_view output_choices[] = {"table", "wide", "json"};
constexpr std::string_view shell_choices[] = {"bash", "zsh", "fish"};

// Where the parser leaves what it read. The options live as long as the action that uses them.
struct Invocation {
  Context context;
  std::string output = "table";
  double timeout_seconds = 5;
  CheckOptions check;
  ShowOptions show;
  DiffOptions diff;
  ExplainOptions explain;
  PlanOptions plan;
  TableOptions table_show;
  TableOptions table_export;
  DropsOptions drops;
  CompletionOptions completion;
  CertInvocation cert;
  ClusterInvocation cluster;
  std::function<ExitCode(const Context&)> action;
};

// ---- help ----

bool takes_value(const CLI::Option& option) {
  return option.get_items_expected_max() > 0;
}

std::string flag_names(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back('-' + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  return fmt::format("{}", fmt::join(names, ", "));
}

using Lines = std::vector<std::pair<std::string, std::string>>;

// Every block of a page uses one width, so that the descriptions stand in one column.
std::string block(std::string_view title, const Lines& lines, std::size_t width) {
  if (lines.empty()) return {};
  std::string text = title.empty() ? "\n" : fmt::format("\n{}\n", title);
  for (const auto& [left, right] : lines) text += fmt::format("  {:<{}}  {}\n", left, width, right);
  return text;
}

Lines flag_lines(const CLI::App& app) {
  Lines lines;
  for (const CLI::Option* option : app.get_options([](const CLI::Option* each) { return each->nonpositional(); })) {
    if (option == app.get_help_ptr() && app.get_parent() != nullptr) continue;  // the root's stands for all
    const std::string value = !takes_value(*option) ? std::string() : ' ' + option->get_type_name();
    lines.emplace_back(flag_names(*option) + value, option->get_description());
  }
  return lines;
}

std::string full_name(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name() : full_name(*app.get_parent()) + ' ' + app.get_name();
}

class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string, CLI::AppFormatMode) const override {
    const CLI::App* root = app;
    while (root->get_parent() != nullptr) root = root->get_parent();
    Lines arguments;
    std::string usage = full_name(*app);
    for (const CLI::Option* option : app->get_options([](const CLI::Option* each) { return each->get_positional(); })) {
      const std::string name = option->get_name(true, false);
      usage += option->get_required() ? ' ' + name : " [" + name + ']';
      arguments.emplace_back(name, option->get_description());
    }
    Lines commands;
    for (const CLI::App* child : app->get_subcommands([](const CLI::App*) { return true; })) {
      commands.emplace_back(child->get_name(), child->get_description());
    }
    if (!commands.empty()) usage += " COMMAND";
    const Lines flags = app == root ? Lines() : flag_lines(*app);
    const Lines global = flag_lines(*root);
    std::size_t width = 0;
    for (const Lines* lines : std::initializer_list<const Lines*>{&arguments, &commands, &flags, &global}) {
      for (const auto& line : *lines) width = std::max(width, line.first.size());
    }
    std::string text = fmt::format("{}: {}\n\n  {} [OPTIONS]\n", full_name(*app), app->get_description(), usage);
    text += block("", arguments, width) + block("commands", commands, width) + block("options", flags, width) +
            block(flags.empty() ? "options" : "options of every command", global, width);
    if (!app->get_footer().empty()) text += '\n' + app->get_footer() + '\n';
    return text;
  }
};

// ---- commands ----

CLI::Option* add_config(CLI::App* command, std::optional<std::string>& config, const std::string& description) {
  return command->add_option("-c,--config", config, description)->type_name("FILE");
}

void add_config_commands(CLI::App& root, Invocation& invocation) {
  CLI::App* config = root.add_subcommand("config", "check, show, compare and apply configurations");
  config->require_subcommand(1);

  CLI::App* check = config->add_subcommand("check", "is a file good? Every fault with its line and column");
  check->add_option("FILE", invocation.check.file, "configuration file, or - for standard input")->required();
  check->footer("exit code 0: good; 2: faulty. Nothing is changed.");
  check->callback(
      [&] { invocation.action = [&](const Context& context) { return run_config_check(context, invocation.check); }; });

  CLI::App* show = config->add_subcommand("show", "a configuration in canonical form, every default written out");
  show->add_option("FILE", invocation.show.file, "configuration file; the cluster's or the running plane's without it");
  show->add_flag("--with-secret", invocation.show.with_secret, "print hash_key too");
  show->callback(
      [&] { invocation.action = [&](const Context& context) { return run_config_show(context, invocation.show); }; });

  CLI::App* diff = config->add_subcommand("diff", "what differs between two files, or the cluster and a file");
  diff->add_option("OLD", invocation.diff.first, "the file before; with no NEW, the file to hold against the cluster")
      ->required();
  diff->add_option("NEW", invocation.diff.second, "the file after");
  diff->footer("exit code 0: the same; 1: they differ; above: something failed.");
  diff->callback(
      [&] { invocation.action = [&](const Context& context) { return run_config_diff(context, invocation.diff); }; });
}

void add_flow_commands(CLI::App& root, Invocation& invocation) {
  CLI::App* explain = root.add_subcommand("explain", "where a flow goes, and why");
  explain->add_option("SOURCE", invocation.explain.source, "client: 198.51.100.7:41234 or [2001:db8::7]:41234")
      ->required();
  explain->add_option("DEST", invocation.explain.destination, "service: 203.0.113.10:443, with /tcp (default) or /udp")
      ->required();
  add_config(explain, invocation.explain.config, "answer from this file; without it, ask the cluster");
  explain->footer(
      "examples\n  sluice explain 198.51.100.7:41234 203.0.113.10:443\n"
      "  sluice explain -c site.toml 198.51.100.7:5353 203.0.113.53:53/udp -o json");
  explain->callback(
      [&] { invocation.action = [&](const Context& context) { return run_explain(context, invocation.explain); }; });

  CLI::App* plan = root.add_subcommand("plan", "what a change would move, before it is made");
  plan->add_option("NEW", invocation.plan.after, "the file to change to")->required();
  add_config(plan, invocation.plan.before, "the file before the change; without it, the cluster's");
  plan->footer("examples\n  sluice plan new.toml\n  sluice plan -c old.toml new.toml");
  plan->callback(
      [&] { invocation.action = [&](const Context& context) { return run_plan(context, invocation.plan); }; });

  CLI::App* table = root.add_subcommand("table", "slot tables: who owns how many slots, and which");
  table->require_subcommand(1);
  CLI::App* show = table->add_subcommand("show", "slots and shares of each backend");
  show->add_option("POOL", invocation.table_show.pool, "one pool; all of them without it");
  add_config(show, invocation.table_show.config, "fill the tables of this file; without it, ask the cluster");
  show->callback([&] {
    invocation.action = [&](const Context& context) { return run_table_show(context, invocation.table_show); };
  });
  CLI::App* exported = table->add_subcommand("export", "every slot of a pool with its backend, as CSV or JSON");
  exported->add_option("POOL", invocation.table_export.pool, "name of the pool")->required();
  add_config(exported, invocation.table_export.config, "fill the table of this file; without it, ask the cluster");
  exported->callback([&] {
    invocation.action = [&](const Context& context) { return run_table_export(context, invocation.table_export); };
  });
}

void add_plane_commands(CLI::App& root, Invocation& invocation) {
  CLI::App* status = root.add_subcommand("status", "the running plane at a glance; exit code 8 if degraded");
  status->callback([&] { invocation.action = run_status; });
  CLI::App* stats = root.add_subcommand("stats", "packets and bytes: in all, by service, by backend");
  stats->callback([&] { invocation.action = run_stats; });
  CLI::App* drops = root.add_subcommand("drops", "dropped packets by reason");
  drops->add_flag("-a,--all", invocation.drops.all, "every reason a packet can leave by, not only drops that happened");
  drops->callback(
      [&] { invocation.action = [&](const Context& context) { return run_drops(context, invocation.drops); }; });
  CLI::App* version = root.add_subcommand("version", "versions of this program and of the running plane");
  version->callback([&] { invocation.action = run_version; });
}

std::string check_choice(const std::string& value, std::span<const std::string_view> choices) {
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return {};
  const std::string nearest = did_you_mean(value, choices);
  return fmt::format("{} is unknown{} allowed: {}", in_quotes(value), nearest.empty() ? ";" : nearest,
                     fmt::join(choices, ", "));
}

void add_global_options(CLI::App& root, Invocation& invocation) {
  root.add_option("-o,--output", invocation.output,
                  "table for people (default), with more columns, or json for programs")
      ->type_name("table|wide|json")
      ->check([](const std::string& value) { return check_choice(value, output_choices); });
  root.add_option("--socket", invocation.context.socket, "control socket of the plane (/run/sluice/plane.sock)")
      ->type_name("PATH")
      ->envname("SLUICE_SOCKET");
  root.add_option("--timeout", invocation.timeout_seconds, "longest wait for an answer (5)")
      ->type_name("SECONDS")
      ->check([](const std::string& value) {
        char* end = nullptr;
        const double seconds = std::strtod(value.c_str(), &end);
        const bool good = !value.empty() && *end == '\0' && seconds > 0 && seconds <= 86400;
        return good ? std::string()
                    : fmt::format("{} is no wait; allowed: more than 0, up to 86400 seconds", in_quotes(value));
      });
  add_api_options(root, invocation.context.api);
  root.set_help_flag("-h,--help", "this page");
  root.set_version_flag("--version", "sluice " SLUICE_VERSION)->description("version of this program");
}

// ---- the tree, for completion ----

CommandTree tree_of(const CLI::App& app) {
  CommandTree tree;
  tree.name = app.get_name();
  tree.description = app.get_description();
  for (const CLI::Option* option : app.get_options({})) {
    if (option->get_positional()) {
      const std::string name = option->get_name(true, false);
      tree.takes_files |= name == "FILE" || name == "OLD" || name == "NEW";
      if (name == "SHELL") tree.choices.assign(std::begin(shell_choices), std::end(shell_choices));
      continue;
    }
    CommandTree::Flag flag;
    for (const std::string& name : option->get_snames()) flag.names.push_back('-' + name);
    for (const std::string& name : option->get_lnames()) flag.names.push_back("--" + name);
    flag.description = option->get_description();
    flag.takes_value = takes_value(*option);
    if (option->check_lname("output")) flag.choices.assign(std::begin(output_choices), std::end(output_choices));
    if (option->check_lname("timeout")) flag.choices = {"1", "5", "30"};
    // Every command knows --help; once at the top is enough for completion.
    if (option != app.get_help_ptr() || app.get_parent() == nullptr) tree.flags.push_back(std::move(flag));
  }
  for (const CLI::App* child : app.get_subcommands([](const CLI::App*) { return true; })) {
    tree.children.push_back(tree_of(*child));
  }
  return tree;
}

void add_completion(CLI::App& root, Invocation& invocation) {
  CLI::App* completion = root.add_subcommand("completion", "a script that lets your shell complete sluice's words");
  completion->add_option("SHELL", invocation.completion.shell, "bash, zsh or fish")
      ->required()
      ->check([](const std::string& value) { return check_choice(value, shell_choices); });
  completion->footer("example\n  source <(sluice completion bash)");
  completion->callback([&] {
    invocation.action = [&](const Context& context) {
      return run_completion(context, invocation.completion, tree_of(root));
    };
  });
}

// ---- what went wrong ----

// CLI11 says that a word was not expected; this says which one was meant.
class WrongWord {
 public:
  WrongWord(const CLI::App& root, int argc, const char* const* argv) : app_(&root) {
    for (int i = 1; i < argc && message_.empty(); ++i) {
      const std::string_view word = argv[i];
      if (word == "--") break;
      if (word.size() > 1 && word.front() == '-') {
        i += look_at_flag(word) ? 1 : 0;
      } else {
        look_at_word(word);
      }
    }
  }

  // Empty if every word is one that the command line knows.
  [[nodiscard]] const std::string& message() const { return message_; }
  // The command that the words lead to.
  [[nodiscard]] const CLI::App& app() const { return *app_; }

 private:
  // Whether the next word is the flag's value.
  bool look_at_flag(std::string_view word) {
    const bool is_long = word.starts_with("--");
    const std::string name(is_long ? word.substr(0, word.find('=')) : word.substr(0, 2));
    std::vector<std::string> known;
    for (const CLI::App* level = app_; level != nullptr; level = level->get_parent()) {
      for (const CLI::Option* option : level->get_options({})) {
        if (option->get_positional()) continue;
        if (is_long ? option->check_lname(name.substr(2)) : option->check_sname(name.substr(1))) {
          const bool attached = is_long ? word.size() > name.size() : word.size() > 2;
          return takes_value(*option) && !attached;
        }
        for (const std::string& long_name : option->get_lnames()) known.push_back("--" + long_name);
      }
    }
    const std::vector<std::string_view> names(known.begin(), known.end());
    message_ = fmt::format("unknown option {}{}", in_quotes(name), did_you_mean(name, names));
    return false;
  }

  void look_at_word(std::string_view word) {
    std::vector<std::string_view> names;
    for (const CLI::App* child : app_->get_subcommands([](const CLI::App*) { return true; })) {
      if (child->get_name() == word) {
        app_ = child;
        return;
      }
      names.push_back(child->get_name());
    }
    if (names.empty()) return;
    const std::string kind = app_->get_parent() == nullptr ? "command" : app_->get_name() + " command";
    const std::string nearest = did_you_mean(word, names);
    message_ = fmt::format("unknown {} {}{}", kind, in_quotes(word),
                           nearest.empty() ? fmt::format("; allowed: {}", fmt::join(names, ", ")) : nearest);
  }

  const CLI::App* app_;
  std::string message_;
};

std::string reason_of(const CLI::ParseError& error) {
  std::string reason = error.what();
  for (const std::string_view noise : {"--output: ", "SHELL: ", "--timeout: "}) {
    if (reason.starts_with(noise))
      reason = std::string(noise.substr(0, noise.size() - 2)) + ' ' + reason.substr(noise.size());
  }
  while (!reason.empty() && (reason.back() == '\n' || reason.back() == '.')) reason.pop_back();
  return reason;
}

ExitCode report_usage(const Context& context, const CLI::App& root, int argc, const char* const* argv,
                      const CLI::ParseError& error) {
  const WrongWord wrong(root, argc, argv);
  const bool lacks_command = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr &&
                             !wrong.app().get_subcommands([](const CLI::App*) { return true; }).empty();
  if (wrong.message().empty() && lacks_command) {
    fmt::print(stderr, "{}", wrong.app().help());
    return ExitCode::usage;
  }
  const std::string what = wrong.message().empty() ? reason_of(error) : wrong.message();
  const std::string separator = what.ends_with('?') ? "" : ";";
  return report(context,
                {ExitCode::usage, fmt::format("{}{} see {} --help", what, separator, full_name(wrong.app())), {}});
}

// Written by the caller, not taken from the environment, which CLI11 does not tell apart.
bool is_option_written(int argc, const char* const* argv, std::string_view option) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word.starts_with(option) && (word.size() == option.size() || word[option.size()] == '=')) return true;
  }
  return false;
}

bool wants_color(int descriptor) {
  const char* no_color = std::getenv("NO_COLOR");  // no-color.org: any value but the empty one
  const char* terminal = std::getenv("TERM");
  if (no_color != nullptr && *no_color != '\0') return false;
  return isatty(descriptor) != 0 && terminal != nullptr && std::string_view(terminal) != "dumb";
}

}  // namespace

ExitCode run_command_line(int argc, const char* const* argv) {
  Invocation invocation;
  invocation.context.color_out = wants_color(STDOUT_FILENO);
  invocation.context.color_err = wants_color(STDERR_FILENO);
  CLI::App root("the command line of a Sluice balancer", "sluice");
  root.formatter(std::make_shared<HelpFormatter>());
  root.require_subcommand(1);
  root.fallthrough();
  add_global_options(root, invocation);
  add_config_commands(root, invocation);
  add_flow_commands(root, invocation);
  add_cluster_commands(root, invocation.cluster, [&invocation](std::function<ExitCode(const Context&)> action) {
    invocation.action = std::move(action);
  });
  add_plane_commands(root, invocation);
  add_cert_commands(root, invocation.cert, [&invocation](std::function<ExitCode(const Context&)> action) {
    invocation.action = std::move(action);
  });
  add_completion(root, invocation);
  root.footer("sluice COMMAND --help tells more about each.");
  try {
    root.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    const CLI::App* app = &root;
    while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
    print(app->help());
    return ExitCode::ok;
  } catch (const CLI::CallForVersion& version) {
    print(std::string(version.what()) + '\n');
    return ExitCode::ok;
  } catch (const CLI::ParseError& error) {
    return report_usage(invocation.context, root, argc, argv, error);
  }
  if (invocation.output == "json") invocation.context.output = OutputFormat::json;
  if (invocation.output == "wide") invocation.context.output = OutputFormat::wide;
  // The environment says where things are; if it names both, the cluster is asked. An option says what is meant.
  invocation.context.api.is_given = root.count("--address") > 0;
  invocation.context.is_socket_given =
      is_option_written(argc, argv, "--socket") || (root.count("--socket") > 0 && !invocation.context.api.is_given);
  invocation.context.timeout =
      std::chrono::milliseconds(std::max(1LL, std::llround(invocation.timeout_seconds * 1000)));
  return invocation.action(invocation.context);
}

}  // namespace sluice::cli
