// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iterator>

#include "config.h"

namespace sluice {
namespace {

// Strings of a Config hold no control characters (config_reader.cc), so these two are all that needs escaping.
std::string toml_string(std::string_view text) {
  std::string escaped = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped + '"';
}

void print_dpdk(const DpdkConfig& dpdk, std::back_insert_iterator<std::string> out) {
  fmt::format_to(out, "\n[plane.dpdk]\nports = [\n");
  for (const DpdkPortConfig& port : dpdk.ports) {
    fmt::format_to(out, "  {{ device = {}, queues = {}", toml_string(port.device), port.queues);
    if (port.kernel_interface) fmt::format_to(out, ", kernel_interface = {}", toml_string(*port.kernel_interface));
    fmt::format_to(out, ", mtu = {} }},\n", port.mtu);
  }
  fmt::format_to(out, "]\nworkers = {}\n", dpdk.workers);
  if (!dpdk.cpus.empty()) fmt::format_to(out, "cpus = [{}]\n", fmt::join(dpdk.cpus, ", "));
  fmt::format_to(out, "idle = \"{}\"\nmemory = \"{}\"\n", to_text(dpdk.idle), to_text(dpdk.memory));
  fmt::format_to(out, "packet_buffers = {}\n", dpdk.packet_buffers);
}

void print_plane(const PlaneConfig& plane, std::back_insert_iterator<std::string> out) {
  fmt::format_to(out, "\n[plane]\n");
  if (!plane.interfaces.empty()) {
    std::vector<std::string> names;
    for (const std::string& name : plane.interfaces) names.push_back(toml_string(name));
    fmt::format_to(out, "interfaces = [{}]\n", fmt::join(names, ", "));
  }
  fmt::format_to(out, "mode = \"{}\"\n", to_text(plane.mode));
  if (plane.source_ipv4) fmt::format_to(out, "source_ipv4 = \"{}\"\n", plane.source_ipv4->to_string());
  if (plane.source_ipv6) fmt::format_to(out, "source_ipv6 = \"{}\"\n", plane.source_ipv6->to_string());
  fmt::format_to(out, "control_socket = {}\n", toml_string(plane.control_socket));
  fmt::format_to(out, "pin_directory = {}\n", toml_string(plane.pin_directory));
  fmt::format_to(out, "flows_per_cpu = {}\n", plane.flows_per_cpu);
  fmt::format_to(out, "new_flows_per_second = {}\n", plane.new_flows_per_second);
  fmt::format_to(out, "icmp_per_second = {}\n", plane.icmp_per_second);
  fmt::format_to(out, "control = \"{}\"\nstate_file = {}\n", to_text(plane.control), toml_string(plane.state_file));
  if (plane.dpdk) print_dpdk(*plane.dpdk, out);
}

void print_pool(const PoolConfig& pool, std::back_insert_iterator<std::string> out) {
  fmt::format_to(out, "\n[[pool]]\nname = \"{}\"\nencapsulation = \"{}\"\n", pool.name, to_text(pool.encapsulation));
  fmt::format_to(out, "gue_port = {}\nslots = {}\nmtu = {}\n", pool.gue_port.value(), pool.slots_count, pool.mtu);
  if (pool.members.empty()) {
    fmt::format_to(out, "backends = []\n");
    return;
  }
  fmt::format_to(out, "backends = [\n");
  for (const MemberConfig& member : pool.members) {
    fmt::format_to(out, "  {{ name = \"{}\", address = \"{}\", weight = {} }},\n", member.name,
                   member.address.to_string(), member.weight);
  }
  fmt::format_to(out, "]\n");
}

void print_service(const Config& config, const ServiceConfig& service, std::back_insert_iterator<std::string> out) {
  fmt::format_to(out, "\n[[service]]\nname = \"{}\"\naddress = \"{}\"\nport = {}\nprotocol = \"{}\"\npool = \"{}\"\n",
                 service.name, service.address.to_string(), service.port.value(), to_text(service.protocol),
                 config.pools.at(service.pool_index).name);
  fmt::format_to(out, "track = {}\nfragments = {}\nunreachable = {}\n", service.track, service.fragments,
                 service.unreachable);
}

}  // namespace

std::string print_config(const Config& config) {
  std::string text;
  const std::back_insert_iterator<std::string> out(text);
  if (config.plane.control == ControlSource::cluster) {
    print_plane(config.plane, out);
    return text.substr(1);
  }
  fmt::format_to(out, "hash_key = \"{:02x}\"\n", fmt::join(config.hash_key, ""));
  if (config.services.empty()) fmt::format_to(out, "service = []\n");
  print_plane(config.plane, out);
  for (const PoolConfig& pool : config.pools) print_pool(pool, out);
  for (const ServiceConfig& service : config.services) print_service(config, service, out);
  return text;
}

}  // namespace sluice
