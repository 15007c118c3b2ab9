// SPDX-License-Identifier: Apache-2.0
// sluice-bench churn: connections broken by changes of backends and balancers, for several schemes.
#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <thread>

#include "bench_commands.h"
#include "churn_model.h"

namespace sluice::bench {
namespace {

struct Settings {
  ChurnOptions options;
  ChurnScale scale;
  std::uint32_t histories = 20;
  std::uint32_t threads = std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::string> scenarios;
  std::vector<std::string> schemes;
  std::string output = "table";
};

struct Result {
  std::string scenario;
  ChurnSchemeName scheme;
  double broken_percent;
};

bool wanted(const std::vector<std::string>& chosen, const std::string& name) {
  return chosen.empty() || std::find(chosen.begin(), chosen.end(), name) != chosen.end();
}

double percent(std::uint64_t broken, std::uint64_t flows) {
  return 100.0 * static_cast<double>(broken) / static_cast<double>(flows);
}

double run_scenario(const Settings& settings, const std::string& name, const ChurnSchemeName& scheme) {
  const ChurnScenario scenario = churn_scenario(name, settings.scale);
  return percent(broken_flows(scenario, scheme, settings.options), settings.options.flows);
}

// The mean over random histories, seeded one after the other.
double run_limit(const Settings& settings, const std::string& name, const ChurnSchemeName& scheme) {
  std::uint64_t broken = 0;
  for (std::uint32_t i = 0; i < settings.histories; ++i)
    broken += broken_flows(churn_limit(name, settings.scale, settings.options.seed + i), scheme, settings.options);
  return percent(broken, std::uint64_t{settings.options.flows} * settings.histories);
}

using Runner = double (*)(const Settings& settings, const std::string& name, const ChurnSchemeName& scheme);

struct Task {
  Runner run;
  Result result;
};

void add_tasks(const Settings& settings, const std::vector<std::string>& names, Runner run, std::vector<Task>& tasks) {
  for (const std::string& name : names) {
    if (!wanted(settings.scenarios, name)) continue;
    for (const ChurnSchemeName& scheme : churn_schemes()) {
      // The limits are about lists of owners; the other schemes fail long before.
      if (run == run_limit && scheme.scheme != "sluice") continue;
      if (wanted(settings.schemes, scheme.scheme)) tasks.push_back({run, {name, scheme, 0}});
    }
  }
}

// Every run is independent of the others, so the threads change nothing but the time.
std::vector<Result> run_all(const Settings& settings) {
  std::vector<Task> tasks;
  add_tasks(settings, churn_scenario_names(), run_scenario, tasks);
  add_tasks(settings, churn_limit_names(), run_limit, tasks);
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < tasks.size(); i = next++)
      tasks[i].result.broken_percent = tasks[i].run(settings, tasks[i].result.scenario, tasks[i].result.scheme);
  };
  std::vector<std::jthread> threads;
  for (std::uint32_t i = 0; i < settings.threads; ++i) threads.emplace_back(work);
  threads.clear();  // joins
  std::vector<Result> results;
  for (const Task& task : tasks) results.push_back(task.result);
  return results;
}

void print_json(const Settings& settings, const std::vector<Result>& results) {
  boost::json::array runs;
  for (const Result& result : results) {
    boost::json::value k = nullptr;
    if (result.scheme.k != 0) k = result.scheme.k;
    runs.push_back({{"scenario", result.scenario},
                    {"scheme", result.scheme.scheme},
                    {"k", k},
                    {"broken_percent", result.broken_percent}});
  }
  const boost::json::object all = {{"runs", runs},
                                   {"flows", settings.options.flows},
                                   {"slots", settings.options.slots},
                                   {"backends", settings.scale.backends},
                                   {"balancers", settings.scale.balancers},
                                   {"histories", settings.histories},
                                   {"seed", settings.options.seed}};
  fmt::print("{}\n", boost::json::serialize(all));
}

std::string column_of(const ChurnSchemeName& scheme) {
  return scheme.k == 0 ? scheme.scheme : fmt::format("{} k={}", scheme.scheme, scheme.k);
}

std::string cell(const std::vector<Result>& results, const std::string& scenario, const ChurnSchemeName& scheme) {
  const auto found = std::find_if(results.begin(), results.end(), [&](const Result& result) {
    return result.scenario == scenario && column_of(result.scheme) == column_of(scheme);
  });
  if (found == results.end()) return "-";
  return found->broken_percent == 0 ? "0" : fmt::format("{:.4f}", found->broken_percent);
}

void print_table(const Settings& settings, const std::vector<Result>& results) {
  fmt::print("{} flows, {} slots, {} balancers, {} backends, seed {}; limits: mean of {} histories\n",
             settings.options.flows, settings.options.slots, settings.scale.balancers, settings.scale.backends,
             settings.options.seed, settings.histories);
  fmt::print("flows broken while their backend lived, in per cent\n\n{:<38}", "scenario");
  for (const ChurnSchemeName& scheme : churn_schemes()) fmt::print("{:>13}", column_of(scheme));
  std::string current;
  for (const Result& result : results) {
    if (result.scenario == current) continue;
    current = result.scenario;
    fmt::print("\n{:<38}", current);
    for (const ChurnSchemeName& scheme : churn_schemes()) fmt::print("{:>13}", cell(results, current, scheme));
  }
  fmt::print("\n");
}

void run(const Settings& settings) {
  const std::vector<Result> results = run_all(settings);
  if (settings.output == "json")
    print_json(settings, results);
  else
    print_table(settings, results);
}

}  // namespace

void add_churn_command(CLI::App& app) {
  auto settings = std::make_shared<Settings>();
  CLI::App& command =
      *app.add_subcommand("churn", "Simulates changes of backends and balancers: who breaks connections");
  std::vector<std::string> names = churn_scenario_names();
  for (const std::string& name : churn_limit_names()) names.push_back(name);
  command.add_option("--scenario", settings->scenarios, "only these (may be repeated)")->check(CLI::IsMember(names));
  command.add_option("--scheme", settings->schemes, "only these (may be repeated)")
      ->check(CLI::IsMember({"maglev", "maglev_ft", "rendezvous2", "one_previous", "sluice"}));
  command.add_option("--flows", settings->options.flows)->check(CLI::Range(1, 100000000))->capture_default_str();
  command.add_option("--slots", settings->options.slots)
      ->check(CLI::IsMember({16381, 65537, 655373}))
      ->capture_default_str();
  command.add_option("--balancers", settings->scale.balancers)->check(CLI::Range(2, 64))->capture_default_str();
  command.add_option("--backends", settings->scale.backends)->check(CLI::Range(5, 1000))->capture_default_str();
  command.add_option("--histories", settings->histories, "random histories of each limit")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  command.add_option("--seed", settings->options.seed)->capture_default_str();
  command.add_option("--threads", settings->threads)->check(CLI::Range(1, 256))->capture_default_str();
  add_output_option(command, settings->output);
  command.callback([settings] { run(*settings); });
}

}  // namespace sluice::bench
