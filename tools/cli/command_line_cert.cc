// SPDX-License-Identifier: Apache-2.0
#include "command_line_cert.h"

#include <CLI/CLI.hpp>

namespace sluice::cli {
namespace {

// A hundred years: what is longer is a mistake in the unit.
constexpr std::int64_t days_max = 36500;

void add_days(CLI::App* command, std::int64_t& days, const std::string& description) {
  command->add_option("--days", days, description)->type_name("DAYS")->check(CLI::Range(std::int64_t{1}, days_max));
}

void add_folder(CLI::App* command, CertFolder& files, const std::string& description) {
  command->add_option("--dir", files.folder, description)->type_name("DIR");
}

void add_force(CLI::App* command, CertFolder& files, const std::string& description) {
  command->add_flag("--force", files.is_forced, description);
}

}  // namespace

void add_cert_commands(CLI::App& root, CertInvocation& invocation,
                       const std::function<void(std::function<ExitCode(const Context&)>)>& choose) {
  CLI::App* cert = root.add_subcommand("cert", "make, renew and show the cluster's certificates");
  cert->require_subcommand(1);

  CLI::App* init = cert->add_subcommand("init", "a new cluster's authority: ca.crt for everybody, ca.key for you");
  add_folder(init, invocation.init.files, "where to put them (.)");
  init->add_option("--cluster-id", invocation.init.cluster_id, "1 to 64 letters, digits, '-'; random without it")
      ->type_name("ID");
  add_days(init, invocation.init.days, "until it ends (3650)");
  add_force(init, invocation.init.files, "replace an authority: every certificate it issued is void");
  init->footer("ca.key signs whoever may command the cluster: keep it off the balancers.");
  init->callback([&invocation, choose] {
    choose([&](const Context& context) { return run_cert_init(context, invocation.init); });
  });

  CLI::App* issue = cert->add_subcommand("issue", "a certificate and its key, for a balancer or for somebody");
  issue->add_option("NAME", invocation.issue.name, "of the balancer or person; the files are NAME.crt and NAME.key")
      ->required();
  issue->add_flag("--node", invocation.issue.is_node, "for a balancer");
  issue->add_option("--role", invocation.issue.role, "for a person or program: viewer, operator or admin")
      ->type_name("ROLE");
  issue->add_option("--node-id", invocation.issue.node_id, "of the balancer, hex; random without it")->type_name("HEX");
  issue->add_option("--host", invocation.issue.hosts, "name or address the balancer's API is reached by; repeatable")
      ->type_name("HOST");
  add_folder(issue, invocation.issue.files, "where ca.crt and ca.key are (.)");
  issue->add_option("--out", invocation.issue.out, "where to put the files; beside the authority without it")
      ->type_name("DIR");
  add_days(issue, invocation.issue.days, "until it ends (365)");
  add_force(issue, invocation.issue.files, "replace a key and certificate of this name");
  issue->footer(
      "examples\n  sluice cert issue lb1 --node --host lb1.example.net\n  sluice cert issue alice --role operator");
  issue->callback([&invocation, choose] {
    choose([&](const Context& context) { return run_cert_issue(context, invocation.issue); });
  });

  CLI::App* renew = cert->add_subcommand("renew", "new dates for a certificate, in its file; the key stays");
  renew->add_option("FILE", invocation.renew.file, "the certificate")->required();
  add_folder(renew, invocation.renew.files, "where ca.crt and ca.key are (.)");
  add_days(renew, invocation.renew.days, "until it ends (365)");
  renew->callback([&invocation, choose] {
    choose([&](const Context& context) { return run_cert_renew(context, invocation.renew); });
  });

  CLI::App* show = cert->add_subcommand("show", "whose certificates they are and when they end");
  show->add_option("FILE", invocation.show.files, "certificates")->required();
  show->footer("exit code 8: one has ended, or will within 30 days.");
  show->callback([&invocation, choose] {
    choose([&](const Context& context) { return run_cert_show(context, invocation.show); });
  });
}

}  // namespace sluice::cli
