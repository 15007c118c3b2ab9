// SPDX-License-Identifier: Apache-2.0
// sluice-bench: measures, and says against what. One file per subcommand.
#include <array>

#include "bench_commands.h"

int main(int argc, char** argv) {
  using namespace sluice::bench;
  constexpr std::array commands = {
      add_churn_command, add_report_command, add_table_command,
#ifdef SLUICE_WITH_DPDK
      add_dpdk_command,
#endif
#ifdef SLUICE_WITH_XDP
      add_veth_command,  add_xdp_command,
#endif
  };
  CLI::App app("Measures Sluice on this machine", "sluice-bench");
  app.set_version_flag("--version", SLUICE_VERSION);
  app.require_subcommand(1);
  for (const AddCommand add : commands) add(app);
  CLI11_PARSE(app, argc, argv);
}
