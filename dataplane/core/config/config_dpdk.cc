// SPDX-License-Identifier: Apache-2.0
#include "config_dpdk.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "suggest.h"

namespace sluice::config_detail {
namespace {

constexpr std::string_view ports_form = R"(write ports = [ { device = "0000:03:00.0" } ])";
constexpr std::string_view device_form =
    R"(allowed: a PCI address such as "0000:03:00.0" or a virtual device such as "net_af_xdp0,iface=eth0")";

constexpr TableReader::Choice<IdleMode> idle_choices[] = {{"spin", IdleMode::spin}, {"adaptive", IdleMode::adaptive}};
constexpr TableReader::Choice<PacketMemory> memory_choices[] = {
    {"auto", PacketMemory::automatic}, {"huge", PacketMemory::huge}, {"ordinary", PacketMemory::ordinary}};

// EAL tells a driver by how the name begins; all of its network drivers' begin so.
bool is_virtual_name(std::string_view text) {
  constexpr std::string_view prefix = "net_";
  if (!text.starts_with(prefix) || text.size() == prefix.size()) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

// What stands before the driver's arguments, in the one spelling that a device has: 03:00.0 is 0000:03:00.0.
std::string canonical_name(std::string_view device) {
  std::string name(device_name(device));
  if (!is_pci_address(name)) return name;
  for (char& c : name)
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  if (std::count(name.begin(), name.end(), ':') == 1) return "0000:" + name;
  while (name.find(':') > 4 && name.front() == '0') name.erase(0, 1);
  return name;
}

// Why EAL could not take this; empty if it can. Whether there is such a device only the host knows.
std::string device_fault(std::string_view device) {
  if (device.size() > config_limits::dpdk_device_length_max)
    return fmt::format("device has {} characters; allowed: at most {}", device.size(),
                       config_limits::dpdk_device_length_max);
  if (device.find(' ') != std::string_view::npos)
    return fmt::format("device {} contains a space, which the arguments of a device cannot; {}", in_quotes(device),
                       device_form);
  const std::string_view name = device_name(device);
  if (name.size() > config_limits::dpdk_device_name_length_max)
    return fmt::format("the name of the device has {} characters; allowed: at most {}", name.size(),
                       config_limits::dpdk_device_name_length_max);
  if (is_pci_address(name) || is_virtual_name(name)) return {};
  return fmt::format("{} is not the name of a device; {}", in_quotes(name), device_form);
}

// Where each value was seen first, of what must differ from port to port.
struct Seen {
  std::map<std::string, Place> devices;
  std::map<std::string, Place> interfaces;
};

void check_unique(TableReader& port, std::map<std::string, Place>& seen, std::string_view key, const std::string& value,
                  Place place) {
  const auto [found, is_new] = seen.emplace(value, place);
  if (is_new) return;
  port.fault(place, fmt::format("{} {} is already taken (line {}); allowed: a different one for each port", key,
                                in_quotes(value), found->second.line));
}

std::string read_device(TableReader& port, Seen& seen) {
  if (!port.present("device"))
    port.missing("device", R"(write device = "0000:03:00.0" or device = "net_af_xdp0,iface=eth0")");
  const Field<std::string> device = port.text("device");
  if (!device.value) return {};
  if (const std::string fault = device_fault(*device.value); !fault.empty()) {
    port.fault(device.place, fault);
    return {};
  }
  check_unique(port, seen.devices, "device", canonical_name(*device.value), device.place);
  return *device.value;
}

std::optional<std::string> read_kernel_interface(TableReader& port, Seen& seen) {
  const Field<std::string> name = port.text("kernel_interface");
  if (!name.value) return std::nullopt;
  if (is_interface_name(*name.value))
    check_unique(port, seen.interfaces, "kernel_interface", *name.value, name.place);
  else
    port.fault(name.place, "kernel_interface " + interface_name_fault(*name.value));
  return name.value;
}

DpdkPortConfig read_port(const toml::table& table, std::size_t index, Seen& seen, Findings& findings) {
  const toml::value<std::string>* device = table.get_as<std::string>("device");
  const std::string context = device == nullptr || !device_fault(device->get()).empty()
                                  ? fmt::format("plane.dpdk, port #{}", index + 1)
                                  : fmt::format("plane.dpdk, port {}", in_quotes(device_name(device->get())));
  TableReader port(table, place_of(table.source()), context, findings);
  const DpdkPortConfig defaults;
  DpdkPortConfig read;
  read.device = read_device(port, seen);
  read.queues =
      port.integer_or<std::uint16_t>("queues", {0, config_limits::dpdk_queues_max, "0 = one for each worker"}, 0)
          .value.value_or(0);
  read.kernel_interface = read_kernel_interface(port, seen);
  read.mtu = port.integer_or<std::uint16_t>("mtu", {config_limits::mtu_v4_min, config_limits::mtu_max}, defaults.mtu)
                 .value.value_or(defaults.mtu);
  port.finish(top_values);
  return read;
}

std::vector<DpdkPortConfig> read_ports(TableReader& dpdk, const toml::table& table, Findings& findings) {
  if (!dpdk.present("ports")) dpdk.missing("ports", ports_form);
  const auto tables = dpdk.tables("ports", ports_form);
  const toml::array* array = table.get_as<toml::array>("ports");
  if (array != nullptr && (array->empty() || array->size() > config_limits::dpdk_ports_max)) {
    dpdk.fault(place_of(array->source()), fmt::format("ports has {} entries; allowed: 1 to {}; {}", array->size(),
                                                      config_limits::dpdk_ports_max, ports_form));
    return {};
  }
  Seen seen;
  std::vector<DpdkPortConfig> ports;
  for (const toml::table* port : tables) ports.push_back(read_port(*port, ports.size(), seen, findings));
  return ports;
}

std::vector<std::uint16_t> read_cpus(TableReader& dpdk, std::optional<std::uint16_t> workers) {
  const toml::node* node = dpdk.find("cpus");
  if (node == nullptr) return {};
  const toml::array* array = node->as_array();
  if (array == nullptr) {
    dpdk.fault(place_of(node->source()),
               fmt::format("cpus must be an array, not {}; allowed: numbers of CPUs such as [1], one for each worker",
                           type_text(*node)));
    return {};
  }
  std::vector<std::uint16_t> cpus;
  for (const toml::node& element : *array) {
    const toml::value<std::int64_t>* cpu = element.as_integer();
    if (cpu == nullptr || cpu->get() < 0 || cpu->get() > config_limits::cpu_max) {
      dpdk.fault(place_of(element.source()),
                 fmt::format("cpus must hold numbers of CPUs, not {}; allowed: 0 to {}",
                             cpu == nullptr ? std::string(type_text(element)) : std::to_string(cpu->get()),
                             config_limits::cpu_max));
      return {};
    }
    const auto number = static_cast<std::uint16_t>(cpu->get());
    if (std::find(cpus.begin(), cpus.end(), number) != cpus.end()) {
      dpdk.fault(place_of(element.source()),
                 fmt::format("CPU {} is listed twice; allowed: each worker on a CPU of its own", number));
    }
    cpus.push_back(number);
  }
  if (workers && cpus.size() != *workers) {
    dpdk.fault(place_of(node->source()),
               fmt::format("cpus has {} entries for workers = {}; allowed: one CPU for each worker, or no cpus at all "
                           "for the last ones that the process may use",
                           cpus.size(), *workers));
  }
  return cpus;
}

template <typename T>
T choice_or(TableReader& table, std::string_view key, std::span<const TableReader::Choice<T>> choices, T absent) {
  return table.choice<T>(key, choices).value.value_or(absent);
}

}  // namespace

std::optional<DpdkConfig> read_dpdk(TableReader& plane, Findings& findings) {
  const toml::node* node = plane.find("dpdk");
  if (node == nullptr) return std::nullopt;
  const Place place = place_of(node->source());
  const toml::table* table = node->as_table();
  if (table == nullptr) {
    plane.fault(place, fmt::format("dpdk must be one table [plane.dpdk], not {}", type_text(*node)));
    return std::nullopt;
  }
  TableReader dpdk(*table, place, "plane.dpdk", findings);
  const DpdkConfig defaults;
  DpdkConfig read;
  read.ports = read_ports(dpdk, *table, findings);
  const Field<std::uint16_t> workers =
      dpdk.integer_or<std::uint16_t>("workers", {1, config_limits::dpdk_workers_max}, defaults.workers);
  read.workers = workers.value.value_or(defaults.workers);
  read.cpus = read_cpus(dpdk, workers.value);
  read.idle = choice_or<IdleMode>(dpdk, "idle", idle_choices, defaults.idle);
  read.memory = choice_or<PacketMemory>(dpdk, "memory", memory_choices, defaults.memory);
  read.packet_buffers =
      dpdk.integer_or<std::uint32_t>("packet_buffers",
                                     {config_limits::packet_buffers_min, config_limits::packet_buffers_max},
                                     defaults.packet_buffers)
          .value.value_or(defaults.packet_buffers);
  dpdk.finish(top_values);
  return read;
}

}  // namespace sluice::config_detail
