// SPDX-License-Identifier: Apache-2.0
#include "config_source.h"

#include <fmt/format.h>

namespace sluice::api {
namespace {

constexpr std::string_view placeholder_key = "hash_key = \"00000000000000000000000000000000\"\n";
// The dummy address of RFC 7600 and one of the discard prefix of RFC 6666: no service can be there.
constexpr std::string_view placeholder_plane = "\n[plane]\nsource_ipv4 = \"192.0.0.8\"\nsource_ipv6 = \"100::1\"\n";

std::string_view trimmed(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t\r");
  return first == std::string_view::npos ? std::string_view() : line.substr(first);
}

// A line of TOML that begins so, blanks aside. A string of many lines may hold one as well; then the file is refused
// for what it lacks, which is true.
bool has_line(std::string_view text, std::string_view beginning) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (trimmed(line).starts_with(beginning)) return true;
  }
  return false;
}

node::ApiError faulty(const ConfigOutcome& outcome, std::uint32_t lines_before) {
  node::ApiError error = node::api_error(
      node::ApiCode::invalid,
      fmt::format("the configuration has {} fault{}", outcome.errors.size(), outcome.errors.size() == 1 ? "" : "s"),
      "nothing was changed");
  constexpr std::size_t faults_max = 100;
  for (const Diagnostic& fault : outcome.errors) {
    if (error.faults.size() == faults_max) break;
    const std::uint32_t line = fault.line > lines_before ? fault.line - lines_before : 1;
    error.faults.push_back({line, fault.column, fault.message});
  }
  return error;
}

}  // namespace

node::ApiResult<model::ReplaceAll> cluster_config(std::string_view text) {
  const bool has_key = has_line(text, "hash_key");
  std::string whole(has_key ? std::string_view() : placeholder_key);
  whole += text;
  if (!has_line(text, "[plane]")) whole += placeholder_plane;
  const ConfigOutcome outcome = parse_config(whole, "config");
  if (!outcome.ok()) return faulty(outcome, has_key ? 0 : 1);
  model::ReplaceAll all;
  all.pools = outcome.config->pools;
  for (const ServiceConfig& service : outcome.config->services) {
    model::ServiceRecord record{service, outcome.config->pools[service.pool_index].name};
    record.config.pool_index = 0;
    all.services.push_back(std::move(record));
  }
  return all;
}

std::string cluster_config_text(const Config& config) {
  const std::string text = print_config(config);
  // The first table that is not [plane] or part of it.
  const std::size_t begin = std::min(text.find("\n[[pool]]"), text.find("\n[[service]]"));
  std::string head = "# pools and services of the cluster; hash_key and [plane] are not part of it\n";
  // None on purpose, or it would be a fault.
  if (config.pools.empty()) head += "pool = []\n";
  if (config.services.empty()) head += "service = []\n";
  return head + (begin == std::string::npos ? std::string() : text.substr(begin));
}

}  // namespace sluice::api
