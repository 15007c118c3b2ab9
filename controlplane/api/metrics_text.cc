// SPDX-License-Identifier: Apache-2.0
#include "metrics_text.h"

#include <fmt/format.h>

namespace sluice::api {
namespace {

using node::Metric;

std::string escaped(std::string_view text, std::string_view special) {
  std::string result;
  for (const char c : text) {
    if (c == '\n') {
      result += "\\n";
      continue;
    }
    if (special.find(c) != std::string_view::npos) result += '\\';
    result += c;
  }
  return result;
}

std::string labels_text(const Metric::Sample& sample) {
  std::string text;
  for (const auto& [name, value] : sample.labels) {
    text += fmt::format("{}{}=\"{}\"", text.empty() ? "" : ",", name, escaped(value, "\\\""));
  }
  return text.empty() ? text : '{' + text + '}';
}

Metric gauge(std::string name, std::string help, double value) {
  return {std::move(name), std::move(help), Metric::Kind::gauge, {{{}, value}}};
}

template <typename Value>
Metric by_node(std::string name, std::string help, const node::ClusterStatus& status, Value value) {
  Metric metric{std::move(name), std::move(help), Metric::Kind::gauge, {}};
  for (const node::NodeStatus& each : status.nodes) metric.samples.push_back({{{"node", each.name}}, value(each)});
  return metric;
}

}  // namespace

std::string metrics_text(std::span<const Metric> metrics) {
  std::string text;
  for (const Metric& metric : metrics) {
    text += fmt::format("# HELP {} {}\n# TYPE {} {}\n", metric.name, escaped(metric.help, "\\"), metric.name,
                        metric.kind == Metric::Kind::counter ? "counter" : "gauge");
    for (const Metric::Sample& sample : metric.samples)
      text += fmt::format("{}{} {}\n", metric.name, labels_text(sample), sample.value);
  }
  return text;
}

std::vector<Metric> cluster_metrics(const node::ClusterStatus& status) {
  const bool is_leader = status.leader.value() != 0 && status.leader == status.self;
  std::vector<Metric> metrics;
  metrics.push_back(
      {"sluice_build_info", "Version of this sluiced.", Metric::Kind::gauge, {{{{"version", SLUICE_VERSION}}, 1}}});
  metrics.push_back(gauge("sluice_raft_is_leader", "Whether this node leads.", is_leader ? 1 : 0));
  metrics.push_back(
      gauge("sluice_raft_has_leader", "Whether this node knows a leader.", status.leader.value() != 0 ? 1 : 0));
  metrics.push_back(gauge("sluice_raft_term", "Raft's term.", static_cast<double>(status.term.value())));
  metrics.push_back(gauge("sluice_raft_commit_index", "Newest committed entry known here.",
                          static_cast<double>(status.commit.value())));
  metrics.push_back(gauge("sluice_raft_voters", "Voters of the cluster.", status.voters));
  metrics.push_back(gauge("sluice_raft_voters_reachable", "Voters heard from lately.", status.reachable));
  metrics.push_back(gauge("sluice_config_revision", "Revision of the state.", static_cast<double>(status.revision)));
  metrics.push_back(
      gauge("sluice_generation", "Newest generation activated.", static_cast<double>(status.generation.value())));
  metrics.push_back(gauge("sluice_plane_published", "Whether this node's plane forwards by a generation.",
                          status.is_plane_published ? 1 : 0));
  metrics.push_back(by_node("sluice_node_applied_index", "Newest entry applied.", status,
                            [](const auto& each) { return static_cast<double>(each.applied.value()); }));
  metrics.push_back(by_node("sluice_node_generation", "Generation active in the node's plane.", status,
                            [](const auto& each) { return static_cast<double>(each.generation.value()); }));
  metrics.push_back(by_node("sluice_node_live", "Whether the node holds its lease.", status,
                            [](const auto& each) { return each.is_live ? 1.0 : 0.0; }));
  metrics.push_back(by_node("sluice_node_fenced", "Whether the node has withdrawn its services.", status,
                            [](const auto& each) { return each.is_fenced ? 1.0 : 0.0; }));
  return metrics;
}

}  // namespace sluice::api
