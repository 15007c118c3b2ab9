// SPDX-License-Identifier: Apache-2.0
// The subcommands of sluice-bench. A new one: a file of its own that defines add_<name>_command, a declaration here, a
// line in main.cc's list.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace sluice::bench {

// Adds one subcommand, its options and its callback to the program. A callback that fails throws CLI::RuntimeError with
// the exit code, after one line on standard error.
using AddCommand = void (*)(CLI::App& app);

void add_churn_command(CLI::App& app);
void add_dpdk_command(CLI::App& app);
void add_report_command(CLI::App& app);
void add_table_command(CLI::App& app);
void add_veth_command(CLI::App& app);
void add_xdp_command(CLI::App& app);

// `-o table|json`, the same for every subcommand.
inline void add_output_option(CLI::App& command, std::string& output) {
  command.add_option("-o,--output", output, "table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
}

}  // namespace sluice::bench
