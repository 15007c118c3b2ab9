// SPDX-License-Identifier: Apache-2.0
#include "command_line_cluster.h"

#include <CLI/CLI.hpp>

namespace sluice::cli {
namespace {

using Run = std::function<ExitCode(const Context&)>;

void on_parse(CLI::App* command, const ChooseAction& choose, Run run) {
  command->callback([choose, run = std::move(run)] { choose(run); });
}

void add_write_options(CLI::App* command, WriteOptions& write) {
  command->add_flag("-n,--dry-run", write.is_dry_run, "say what would change and move, and change nothing");
  command->add_flag("--wait", write.waits, "until every plane forwards by the new generation");
  command->add_option("--wait-timeout", write.wait_timeout, "longest wait for that, 10s or 2m (30s)")
      ->type_name("DURATION");
  command->add_option("--base-revision", write.base_revision, "refuse if the state has moved on from this revision")
      ->type_name("REVISION");
  command->add_flag("--force", write.is_forced, "override the guards, never the rules");
  command->add_option("-m,--message", write.message, "why, for the audit")->type_name("TEXT");
}

void add_read_options(CLI::App* command, ReadOptions& read) {
  command->add_flag("-w,--watch", read.watches, "again every two seconds");
  command->add_flag("--local", read.is_local, "what the asked node has, even without a quorum");
}

template <typename Options, typename Function>
CLI::App* add_read(CLI::App* noun, const std::string& name, const std::string& description, Options& options,
                   const ChooseAction& choose, Function run) {
  CLI::App* command = noun->add_subcommand(name, description);
  add_read_options(command, options);
  on_parse(command, choose, [&options, run](const Context& context) { return run(context, options); });
  return command;
}

template <typename Options, typename Function>
CLI::App* add_write(CLI::App* noun, const std::string& name, const std::string& description, Options& options,
                    const ChooseAction& choose, Function run) {
  CLI::App* command = noun->add_subcommand(name, description);
  add_write_options(command, options.write);
  on_parse(command, choose, [&options, run](const Context& context) { return run(context, options); });
  return command;
}

CLI::App* add_noun(CLI::App& root, const std::string& name, const std::string& description) {
  CLI::App* noun = root.add_subcommand(name, description);
  noun->require_subcommand(1);
  return noun;
}

void add_switch(CLI::App* command, const std::string& name, std::optional<bool>& into, const std::string& description) {
  command->add_flag_callback(
      "--" + name, [&into] { into = true; }, description);
  command->add_flag_callback(
      "--no-" + name, [&into] { into = false; }, "not so");
}

void add_service_settings(CLI::App* command, ServiceOptions& service) {
  add_switch(command, "track", service.track, "remember flows in the flow table");
  add_switch(command, "fragments", service.fragments, "forward fragments too, by addresses alone");
  add_switch(command, "unreachable", service.unreachable, "answer with ICMP when no backend is there");
}

void add_service(CLI::App& root, ClusterInvocation& invocation, const ChooseAction& choose) {
  CLI::App* noun = add_noun(root, "service", "virtual addresses and the pools behind them");
  ServiceOptions& service = invocation.service;
  const std::string form = "203.0.113.10:443, [2001:db8::10]:443, with /tcp (default) or /udp";
  add_read(noun, "list", "every service", invocation.read, choose, run_service_list);
  add_read(noun, "show", "one service", invocation.read, choose, run_service_show)
      ->add_option("NAME", invocation.read.name, "name of the service")
      ->required();
  CLI::App* add = add_write(noun, "add", "a new service", service, choose, run_service_add);
  add->add_option("NAME", service.name, "its name")->required();
  add->add_option("ADDRESS", service.address, form)->required();
  add->add_option("--pool", service.pool, "the pool that serves it")->required()->type_name("POOL");
  add_service_settings(add, service);
  add->footer("example\n  sluice service add https 203.0.113.10:443/tcp --pool web --wait");
  CLI::App* set = add_write(noun, "set", "change a service", service, choose, run_service_set);
  set->add_option("NAME", service.name, "name of the service")->required();
  set->add_option("--vip", service.address, "203.0.113.10:443/tcp")->type_name("ADDRESS");
  set->add_option("--pool", service.pool, "the pool that serves it")->type_name("POOL");
  add_service_settings(set, service);
  add_write(noun, "remove", "a service goes", service, choose, run_service_remove)
      ->add_option("NAME", service.name, "name of the service")
      ->required();
}

void add_pool_settings(CLI::App* command, PoolOptions& pool) {
  command->add_option("--encapsulation", pool.encapsulation, "how packets reach the backends")
      ->type_name("ipip|gue|l2");
  command->add_option("--gue-port", pool.gue_port, "UDP port of gue (6080)")->type_name("PORT");
  command->add_option("--slots", pool.slots, "16381, 65537 or 655373 (65537)")->type_name("COUNT");
  command->add_option("--mtu", pool.mtu, "of the path to the backends (1500)")->type_name("BYTES");
}

void add_pool(CLI::App& root, ClusterInvocation& invocation, const ChooseAction& choose) {
  CLI::App* noun = add_noun(root, "pool", "groups of backends");
  PoolOptions& pool = invocation.pool;
  add_read(noun, "list", "every pool", invocation.read, choose, run_pool_list);
  add_read(noun, "show", "one pool", invocation.read, choose, run_pool_show)
      ->add_option("NAME", invocation.read.name, "name of the pool")
      ->required();
  CLI::App* add = add_write(noun, "add", "a new pool, empty at first", pool, choose, run_pool_add);
  add->add_option("NAME", pool.name, "its name")->required();
  add_pool_settings(add, pool);
  CLI::App* set = add_write(noun, "set", "change a pool; its backends stay", pool, choose, run_pool_set);
  set->add_option("NAME", pool.name, "name of the pool")->required();
  add_pool_settings(set, pool);
  add_write(noun, "remove", "a pool goes, with its backends", pool, choose, run_pool_remove)
      ->add_option("NAME", pool.name, "name of the pool")
      ->required();
}

void add_backend(CLI::App& root, ClusterInvocation& invocation, const ChooseAction& choose) {
  CLI::App* noun = add_noun(root, "backend", "the hosts that serve: list, add, weigh, remove");
  BackendOptions& backend = invocation.backend;
  const std::string weights = "50; +10 or -10 of what it is; 50% of what it is";
  add_read(noun, "list", "backends with their shares", invocation.read, choose, run_backend_list)
      ->add_option("POOL", invocation.read.name, "one pool; all of them without it");
  add_read(noun, "show", "one backend", invocation.read, choose, run_backend_show)
      ->add_option("NAME", invocation.read.name, "POOL/BACKEND")
      ->required();
  CLI::App* add = add_write(noun, "add", "a new backend", backend, choose, run_backend_add);
  add->add_option("NAME", backend.name, "POOL/BACKEND")->required();
  add->add_option("ADDRESS", backend.address, "its own IPv4 or IPv6 address")->required();
  add->add_option("--weight", backend.weight, "0 to 65535 (100)")->type_name("WEIGHT");
  CLI::App* set = add_write(noun, "set", "change a backend", backend, choose, run_backend_set);
  set->add_option("NAME", backend.name, "POOL/BACKEND")->required();
  set->add_option("--ip", backend.address, "its own address")->type_name("ADDRESS");
  set->add_option("--weight", backend.weight, weights)->type_name("WEIGHT");
  CLI::App* weight = add_write(noun, "weight", "its share of new connections", backend, choose, run_backend_weight);
  weight->add_option("NAME", backend.name, "POOL/BACKEND")->required();
  weight->add_option("WEIGHT", backend.weight, weights)->required();
  weight->footer(
      "examples\n  sluice backend weight web/b3 50 --wait\n  sluice backend weight web/b3 50%\n"
      "  sluice backend weight web/b3 +10 --dry-run");
  add_write(noun, "remove", "a backend goes; its connections stay with it", backend, choose, run_backend_remove)
      ->add_option("NAME", backend.name, "POOL/BACKEND")
      ->required();
}

void add_node(CLI::App& root, ClusterInvocation& invocation, const ChooseAction& choose) {
  CLI::App* noun = add_noun(root, "node", "the balancers");
  add_read(noun, "list", "every balancer", invocation.read, choose, run_node_list);
  add_read(noun, "show", "one balancer", invocation.read, choose, run_node_show)
      ->add_option("NAME", invocation.read.name, "name of the balancer")
      ->required();
}

using RunMember = ExitCode (*)(const Context&, const MemberOptions&);

CLI::App* add_member_command(CLI::App* noun, const std::string& name, const std::string& description,
                             MemberOptions& member, const ChooseAction& choose, RunMember run) {
  CLI::App* command = noun->add_subcommand(name, description);
  command->add_option("NAME", member.name, "name of the balancer")->required();
  on_parse(command, choose, [&member, run](const Context& context) { return run(context, member); });
  return command;
}

void add_config_file(CLI::App* command, RecoveryOptions& options) {
  command->add_option("--config", options.config_file, "sluiced's configuration file")->capture_default_str();
}

void add_cluster(CLI::App& root, ClusterInvocation& invocation, const ChooseAction& choose) {
  CLI::App* noun = add_noun(root, "cluster", "who belongs to it, who leads, what it is worth");
  MemberOptions& member = invocation.member;
  add_read(noun, "status", "leader, nodes, generations; exit code 8 if degraded", invocation.read, choose,
           run_cluster_status);
  add_read(noun, "members", "voters and learners", invocation.read, choose, run_cluster_members);
  CLI::App* add = add_member_command(noun, "add", "a balancer joins, as a learner", member, choose, run_cluster_add);
  add->add_option("ADDRESS", member.address, "HOST:PORT where the others reach it")->required();
  add->add_option("--id", member.id, "its node id, as its sluiced says")->required()->type_name("ID");
  add_member_command(noun, "promote", "a learner that has caught up becomes a voter", member, choose,
                     run_cluster_promote);
  add_member_command(noun, "remove", "a balancer leaves for good", member, choose, run_cluster_remove);
  add_member_command(noun, "transfer", "another voter leads", member, choose, run_cluster_transfer);
  CLI::App* snapshot = noun->add_subcommand("snapshot", "the whole state as a file");
  snapshot->require_subcommand(1);
  CLI::App* save = snapshot->add_subcommand("save", "write it to a file");
  save->add_option("FILE", invocation.snapshot.file, "file to write")->required();
  on_parse(save, choose,
           [&invocation](const Context& context) { return run_snapshot_save(context, invocation.snapshot); });
  CLI::App* restore =
      snapshot->add_subcommand("restore", "this host's balancer goes on from a file as the only member");
  restore->add_option("FILE", invocation.recovery.file, "file that save has written")->required();
  add_config_file(restore, invocation.recovery);
  on_parse(restore, choose,
           [&invocation](const Context& context) { return run_snapshot_restore(context, invocation.recovery); });
  CLI::App* recover =
      noun->add_subcommand("recover", "the quorum is lost for good: this host's balancer goes on alone");
  recover->footer("Only with its sluiced stopped, and on the balancer that has applied most.");
  add_config_file(recover, invocation.recovery);
  on_parse(recover, choose,
           [&invocation](const Context& context) { return run_cluster_recover(context, invocation.recovery); });
}

void add_config(CLI::App& root, ClusterInvocation& invocation, const ChooseAction& choose) {
  CLI::App* config = root.get_subcommand("config");
  CLI::App* apply =
      add_write(config, "apply", "make a file the cluster's configuration", invocation.apply, choose, run_config_apply);
  apply->add_option("FILE", invocation.apply.file, "configuration file, or - for standard input")->required();
  apply
      ->add_option("--confirm-within", invocation.apply.confirm_within,
                   "roll it back after this long unless you run config confirm")
      ->type_name("DURATION");
  apply->footer(
      "example\n  sluice config apply site.toml --dry-run\n  sluice config apply site.toml --confirm-within 2m");
  CLI::App* confirm = config->add_subcommand("confirm", "an apply with --confirm-within stays");
  on_parse(confirm, choose,
           [&invocation](const Context& context) { return run_config_confirm(context, invocation.confirm); });
  add_write(config, "rollback", "pools and services as they were", invocation.rollback, choose, run_config_rollback)
      ->add_option("REVISION", invocation.rollback.to, "as in config history; the one before without it");
  add_read(config, "history", "revisions that can be gone back to", invocation.read, choose, run_config_history);
}

void add_events(CLI::App& root, ClusterInvocation& invocation, const ChooseAction& choose) {
  CLI::App* events = root.add_subcommand("events", "what happened lately, or as it happens");
  events->add_flag("-f,--follow", invocation.events.follows, "go on with what happens from now on");
  events->add_option("--since", invocation.events.since, "those after this number")->type_name("NUMBER");
  events->add_option("--kind", invocation.events.kind, "one kind only: write, generation, member, leader, fence")
      ->type_name("KIND");
  on_parse(events, choose, [&invocation](const Context& context) { return run_events(context, invocation.events); });
  CLI::App* audit = add_noun(root, "audit", "who wrote what");
  CLI::App* list = audit->add_subcommand("list", "the newest entries");
  list->add_option("--limit", invocation.audit.limit, "how many (50)")->type_name("COUNT");
  on_parse(list, choose, [&invocation](const Context& context) { return run_audit_list(context, invocation.audit); });
  CLI::App* verify = audit->add_subcommand("verify", "compute the chain of hashes anew");
  on_parse(verify, choose, run_audit_verify);
}

}  // namespace

void add_cluster_commands(CLI::App& root, ClusterInvocation& invocation, const ChooseAction& choose) {
  add_service(root, invocation, choose);
  add_pool(root, invocation, choose);
  add_backend(root, invocation, choose);
  add_node(root, invocation, choose);
  add_cluster(root, invocation, choose);
  add_config(root, invocation, choose);
  add_events(root, invocation, choose);
}

void add_api_options(CLI::App& root, ApiAccess& api) {
  root.add_option("--address", api.address, "the cluster's API: HOST:PORT or a socket (/run/sluice/api.sock)")
      ->type_name("ADDRESS")
      ->envname("SLUICE_API");
  root.add_option("--cert", api.certificate, "your certificate, for HOST:PORT")
      ->type_name("PEM")
      ->envname("SLUICE_API_CERT");
  root.add_option("--key", api.key, "its key")->type_name("PEM")->envname("SLUICE_API_KEY");
  root.add_option("--ca", api.authority, "the cluster's authority")->type_name("PEM")->envname("SLUICE_API_CA");
}

}  // namespace sluice::cli
