// SPDX-License-Identifier: Apache-2.0
// sluice node list | show, sluice cluster status | members | add | promote | remove | transfer | snapshot save
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>

#include "api_client.h"
#include "cluster_call.h"
#include "json_members.h"
#include "suggest.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

std::string state_text(const json::object& node) {
  if (flag_member(node, "fenced")) return "fenced";
  return flag_member(node, "live") ? "live" : "silent";
}

std::vector<ListColumn> node_columns() {
  const auto wide = ListColumn::When::wide;
  return {text_column("NODE", "name"),
          text_column("ROLE", "role"),
          {{"STATE", Align::left}, state_text},
          number_column("APPLIED", "applied"),
          number_column("LAG", "lag"),
          number_column("GENERATION", "generation"),
          text_column("TABLE HASH", "table_hash"),
          text_column("PLANE", "plane"),
          text_column("ADDRESS", "address", wide),
          text_column("ID", "id", wide),
          text_column("VERSION", "version", wide)};
}

// What an operator should look at: empty if all is well.
std::vector<std::string> troubles(const json::object& cluster) {
  std::vector<std::string> found;
  if (text_member(cluster, "leader").empty()) {
    const std::string reason = text_member(cluster, "reason");
    found.push_back("no leader" + (reason.empty() ? std::string() : ": " + reason));
  }
  std::map<std::uint64_t, std::string> hashes;
  for (const json::value& value : array_member(cluster, "nodes")) {
    const json::object& node = object_of(value);
    const std::string name = text_member(node, "name");
    if (state_text(node) != "live") found.push_back(fmt::format("{} is {}", name, state_text(node)));
    if (text_member(node, "plane").empty()) continue;
    const auto [first, is_new] = hashes.emplace(number_member(node, "generation"), text_member(node, "table_hash"));
    if (!is_new && first->second != text_member(node, "table_hash"))
      found.push_back(fmt::format("{} has another table for generation {}", name, first->first));
  }
  return found;
}

ExitCode print_cluster(const Context& context, const json::object& cluster) {
  const std::string leader = text_member(cluster, "leader");
  LabelledLines lines;
  lines.add("cluster", fmt::format("{} ({})", text_member(cluster, "cluster"), text_member(cluster, "cluster_id")));
  lines.add("leader", fmt::format("{}, term {}", leader.empty() ? "none" : leader, number_member(cluster, "term")));
  lines.add("voters", fmt::format("{} of {} reachable, quorum {}", number_member(cluster, "reachable"),
                                  number_member(cluster, "voters"), number_member(cluster, "quorum")));
  lines.add("generation",
            fmt::format("{}, revision {}", number_member(cluster, "generation"), number_member(cluster, "revision")));
  const std::uint64_t voters = number_member(cluster, "voters");
  if (voters != 0 && voters % 2 == 0) {
    lines.add("warning",
              fmt::format("{} voters survive no more failures than {}; add or remove one", voters, voters - 1));
  }
  print(lines.text(context.color_out) + '\n');
  print_list(context, array_member(cluster, "nodes"), node_columns(), "no nodes");
  const std::vector<std::string> found = troubles(cluster);
  if (!found.empty()) print("\n");
  for (const std::string& trouble : found) print(colored(context.color_out, Color::red, trouble) + '\n');
  return ExitCode::ok;
}

ExitCode change_members(const Context& context, ApiCall call, const std::string& done) {
  const Outcome<json::object> answer = call_api(context, call);
  if (!answer) return report(context, answer.error());
  if (context.json()) {
    print_json(answer.value());
  } else {
    print(done + '\n');
  }
  return ExitCode::ok;
}

std::optional<int> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) return errno;
    if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return std::nullopt;
}

// Whole or not at all: under another name first, then in place. It holds the cluster's hash key: 0600.
std::optional<int> save_file(const std::string& path, std::string_view bytes) {
  const std::string draft = path + ".part";
  const int fd = open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  std::optional<int> failed = write_all(fd, bytes);
  if (!failed && fsync(fd) != 0) failed = errno;
  if (close(fd) != 0 && !failed) failed = errno;
  if (!failed && rename(draft.c_str(), path.c_str()) != 0) failed = errno;
  if (failed) unlink(draft.c_str());
  return failed;
}

}  // namespace

ExitCode run_node_list(const Context& context, const ReadOptions& options) {
  return show_api(context, options, api_path({"nodes"}), [&](const json::object& answer) {
    return print_list(context, array_member(answer, "nodes"), node_columns(), "no nodes");
  });
}

ExitCode run_node_show(const Context& context, const ReadOptions& options) {
  return show_api(context, options, api_path({"nodes", options.name.value_or("")}), [&](const json::object& node) {
    LabelledLines lines;
    lines.add("node", text_member(node, "name"));
    lines.add("role", text_member(node, "role"));
    lines.add("state", state_text(node));
    lines.add("applied", fmt::format("{}, {} behind", grouped(number_member(node, "applied")),
                                     grouped(number_member(node, "lag"))));
    lines.add("generation",
              fmt::format("{}, table {}", number_member(node, "generation"), text_member(node, "table_hash")));
    const std::string plane = text_member(node, "plane");
    lines.add("plane", plane.empty() ? "none" : plane);
    lines.add("address", text_member(node, "address"));
    lines.add("id", text_member(node, "id"));
    lines.add("version", text_member(node, "version"));
    print(lines.text(context.color_out));
    return ExitCode::ok;
  });
}

// 8 (degraded) if there is anything to look at, so that scripts need not read the text.
ExitCode run_cluster_status(const Context& context, const ReadOptions& options) {
  if (!context.json()) {
    return show_api(context, options, api_path({"cluster"}), [&](const json::object& answer) {
      print_cluster(context, answer);
      return troubles(answer).empty() ? ExitCode::ok : ExitCode::degraded;
    });
  }
  ApiCall call;
  call.target = api_path({"cluster"});
  const Outcome<json::object> answer = call_api(context, call);
  if (!answer) return report(context, answer.error());
  print_json(answer.value());
  return troubles(answer.value()).empty() ? ExitCode::ok : ExitCode::degraded;
}

ExitCode run_cluster_members(const Context& context, const ReadOptions& options) {
  return show_api(context, options, api_path({"nodes"}), [&](const json::object& answer) {
    return print_list(context, array_member(answer, "nodes"),
                      {text_column("NAME", "name"), text_column("ROLE", "role"), text_column("ID", "id"),
                       text_column("ADDRESS", "address")},
                      "no members");
  });
}

ExitCode run_cluster_add(const Context& context, const MemberOptions& options) {
  ApiCall call;
  call.method = "POST";
  call.target = api_path({"cluster", "members"});
  call.body = json::serialize(json::object{{"name", options.name}, {"address", options.address}, {"id", options.id}});
  return change_members(context, call,
                        fmt::format("{} is a learner; it becomes a voter once it has caught up", options.name));
}

ExitCode run_cluster_promote(const Context& context, const MemberOptions& options) {
  ApiCall call;
  call.method = "POST";
  call.target = api_path({"cluster", "members", options.name, "promote"});
  return change_members(context, call, options.name + " is a voter");
}

ExitCode run_cluster_remove(const Context& context, const MemberOptions& options) {
  ApiCall call;
  call.method = "DELETE";
  call.target = api_path({"cluster", "members", options.name});
  return change_members(context, call, options.name + " is removed; its id can never come back");
}

ExitCode run_cluster_transfer(const Context& context, const MemberOptions& options) {
  ApiCall call;
  call.method = "POST";
  call.target = api_path({"cluster", "transfer"});
  call.body = json::serialize(json::object{{"to", options.name}});
  return change_members(context, call, options.name + " leads");
}

ExitCode run_snapshot_save(const Context& context, const SnapshotOptions& options) {
  ApiCall call;
  call.target = api_path({"snapshot"});
  const Outcome<std::string> bytes = call_api_text(context, call);
  if (!bytes) return report(context, bytes.error());
  if (const std::optional<int> failed = save_file(options.file, bytes.value())) {
    return report(context, {ExitCode::failed,
                            fmt::format("cannot write {}: {}", in_quotes(options.file, 4096), std::strerror(*failed)),
                            {}});
  }
  if (context.json()) {
    print_json({{"file", options.file}, {"bytes", bytes.value().size()}});
  } else {
    print(fmt::format("{}: {} (it holds the cluster's secret; keep it safe)\n", options.file,
                      bytes_text(bytes.value().size())));
  }
  return ExitCode::ok;
}

}  // namespace sluice::cli
