// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "config_dpdk.h"
#include "config_reader.h"
#include "suggest.h"

namespace sluice {
namespace config_detail {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view hash_key_form = "make one with \"openssl rand -hex 16\" and give every balancer the same";

template <typename T>
using Choice = TableReader::Choice<T>;
constexpr Choice<PlaneMode> mode_choices[] = {
    {"auto", PlaneMode::automatic}, {"native", PlaneMode::native}, {"generic", PlaneMode::generic}};
constexpr Choice<Encapsulation> encapsulation_choices[] = {
    {"ipip", Encapsulation::ipip}, {"gue", Encapsulation::gue}, {"l2", Encapsulation::l2}};
constexpr Choice<ControlSource> control_choices[] = {{"file", ControlSource::file},
                                                     {"cluster", ControlSource::cluster}};
constexpr Choice<Protocol> protocol_choices[] = {{"tcp", Protocol::tcp}, {"udp", Protocol::udp}};

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The key itself never appears in a message: messages end up in logs and tickets.
Field<HashKeyBytes> read_hash_key(TableReader& top) {
  if (!top.present("hash_key")) {
    top.missing("hash_key", fmt::format("flows are hashed with a 16-byte secret of the site; {} "
                                        "(a line hash_key = \"...\" before the first [table])",
                                        hash_key_form));
  }
  const Field<std::string> read = top.text("hash_key");
  Field<HashKeyBytes> field{std::nullopt, read.place};
  if (!read.value) return field;
  HashKeyBytes bytes{};
  if (read.value->size() != 2 * bytes.size()) {
    top.fault(field.place, fmt::format("hash_key has {} characters; allowed: 32 hexadecimal digits (16 bytes); {}",
                                       read.value->size(), hash_key_form));
    return field;
  }
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int high = hex_digit((*read.value)[2 * i]);
    const int low = hex_digit((*read.value)[2 * i + 1]);
    if (high < 0 || low < 0) {
      top.fault(field.place, fmt::format("character {} of hash_key is not a hexadecimal digit; allowed: 32 of 0-9 and "
                                         "a-f; {}",
                                         2 * i + (high < 0 ? 1U : 2U), hash_key_form));
      return field;
    }
    bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  field.value = bytes;
  return field;
}

Field<std::vector<std::string>> read_interfaces(TableReader& plane) {
  constexpr auto form = "allowed: names such as [\"eth0\"], at least one"sv;
  Field<std::vector<std::string>> field{std::vector<std::string>{}, plane.place()};
  const toml::node* node = plane.find("interfaces");
  if (node == nullptr) return field;
  field.place = place_of(node->source());
  const auto refuse = [&](Place place, const std::string& message) {
    plane.fault(place, message);
    field.value.reset();
  };
  const toml::array* array = node->as_array();
  if (array == nullptr || array->empty() || array->size() > config_limits::interfaces_max) {
    refuse(field.place, array == nullptr
                            ? fmt::format("interfaces must be an array, not {}; {}", type_text(*node), form)
                            : fmt::format("interfaces has {} entries; {}, at most {}", array->size(), form,
                                          config_limits::interfaces_max));
    return field;
  }
  std::vector<std::string> names;
  for (const toml::node& element : *array) {
    const Place place = place_of(element.source());
    const toml::value<std::string>* name = element.as_string();
    if (name == nullptr) {
      refuse(place, fmt::format("interfaces must hold strings only, not {}; {}", type_text(element), form));
    } else if (!is_interface_name(name->get())) {
      refuse(place, interface_name_fault(name->get()));
    } else if (std::find(names.begin(), names.end(), name->get()) != names.end()) {
      refuse(place, fmt::format("interface {} is listed twice; allowed: each once", in_quotes(name->get())));
    } else {
      names.push_back(name->get());
    }
  }
  if (field.value) field.value = std::move(names);
  return field;
}

Field<IpAddress> read_source(TableReader& plane, std::string_view key, IpFamily family) {
  Field<IpAddress> field = plane.address(key, AddressKind::tunnel_source);
  if (field.value && field.value->family() != family) {
    plane.fault(field.place,
                fmt::format("{} {} is not an IPv{} address; allowed: an IPv{} address of this balancer", key,
                            field.value->to_string(), family == IpFamily::v4 ? 4 : 6, family == IpFamily::v4 ? 4 : 6));
    field.value.reset();
  }
  return field;
}

PlacedPlane read_plane(TableReader& top, Findings& findings) {
  const PlaneConfig defaults;
  TableReader plane = top.section("plane");
  PlacedPlane placed;
  placed.place = plane.place();
  placed.faulty = top.present("plane") && !top.is_table("plane");
  placed.interfaces = read_interfaces(plane);
  placed.mode = plane.choice<PlaneMode>("mode", mode_choices);
  if (!plane.present("mode")) placed.mode.value = defaults.mode;
  placed.source_ipv4 = read_source(plane, "source_ipv4", IpFamily::v4);
  placed.source_ipv6 = read_source(plane, "source_ipv6", IpFamily::v6);
  placed.control_socket = plane.path("control_socket", defaults.control_socket, config_limits::socket_length_max);
  placed.pin_directory = plane.path("pin_directory", defaults.pin_directory, config_limits::directory_length_max);
  placed.flows_per_cpu = plane.integer_or<std::uint32_t>(
      "flows_per_cpu", {config_limits::flows_per_cpu_min, config_limits::flows_per_cpu_max, "a power of two"},
      defaults.flows_per_cpu);
  if (placed.flows_per_cpu.value && !std::has_single_bit(*placed.flows_per_cpu.value)) {
    const std::uint32_t given = *placed.flows_per_cpu.value;
    plane.fault(placed.flows_per_cpu.place,
                fmt::format("flows_per_cpu {} is not a power of two; allowed: powers of two from {} to {}, the nearest "
                            "being {} and {}",
                            given, config_limits::flows_per_cpu_min, config_limits::flows_per_cpu_max,
                            std::bit_floor(given), std::bit_ceil(given)));
    placed.flows_per_cpu.value.reset();
  }
  placed.new_flows_per_second = plane.integer_or<std::uint32_t>(
      "new_flows_per_second", {0, config_limits::new_flows_per_second_max, "0 = remember none"},
      defaults.new_flows_per_second);
  placed.icmp_per_second = plane.integer_or<std::uint32_t>(
      "icmp_per_second", {0, config_limits::icmp_per_second_max, "0 = answer none"}, defaults.icmp_per_second);
  placed.control = plane.choice<ControlSource>("control", control_choices);
  if (!plane.present("control")) placed.control.value = defaults.control;
  placed.state_file = plane.path("state_file", defaults.state_file, config_limits::directory_length_max);
  placed.dpdk = read_dpdk(plane, findings);
  plane.finish(top_values);
  return placed;
}

// `pool "web"` if it has a usable name, `pool #3` otherwise.
std::string context_of(const toml::table& table, std::string_view noun, std::size_t index) {
  const toml::value<std::string>* name = table.get_as<std::string>("name");
  return name == nullptr ? fmt::format("{} #{}", noun, index + 1) : fmt::format("{} {}", noun, in_quotes(name->get()));
}

PlacedMember read_member(const toml::table& table, const std::string& pool_context, std::size_t index,
                         Findings& findings) {
  PlacedMember placed;
  placed.place = place_of(table.source());
  placed.context = fmt::format("{}, {}", pool_context, context_of(table, "backend", index));
  TableReader member(table, placed.place, placed.context, findings);
  placed.name = member.name("name");
  if (!member.present("address")) member.missing("address", "packets go to address = \"10.0.1.11\" or the like");
  placed.address = member.address("address", AddressKind::backend);
  placed.weight =
      member.integer_or<std::uint16_t>("weight", {0, 65535, "0 = gets no new flows"}, MemberConfig{}.weight);
  member.finish();
  return placed;
}

void read_members(TableReader& pool, PlacedPool& placed, Findings& findings) {
  constexpr auto inline_form = R"(write backends = [ { name = "b1", address = "10.0.1.11", weight = 100 } ])"sv;
  constexpr auto table_form = "write [[pool.backend]] tables"sv;
  placed.members_place = placed.place;
  const bool both = pool.present("backends") && pool.present("backend");
  if (both) {
    pool.fault(placed.place, "has both a \"backends\" array and [[pool.backend]] tables; allowed: one of the two");
  }
  if (!pool.present("backends") && !pool.present("backend")) {
    pool.missing("backends", "add a backends array or [[pool.backend]] tables (backends = [] for an empty pool)");
  }
  auto tables = pool.tables("backends", inline_form);
  const auto more = pool.tables("backend", table_form);
  tables.insert(tables.end(), more.begin(), more.end());
  if (tables.size() > config_limits::members_max) {
    pool.fault(place_of(tables[config_limits::members_max]->source()),
               fmt::format("{} backends are too many; allowed: {} in one pool (a slot names its backend in 15 bits)",
                           tables.size(), config_limits::members_max));
    return;
  }
  for (std::size_t i = 0; i < tables.size(); ++i) {
    placed.members.push_back(read_member(*tables[i], placed.context, i, findings));
  }
}

Field<std::uint32_t> read_slots(TableReader& pool) {
  IntegerRule list;
  list.note = slots_text;
  const Field<std::int64_t> read = pool.integer_or<std::int64_t>("slots", list, PoolConfig{}.slots_count);
  if (!read.value) return {std::nullopt, read.place};
  const std::string wrong = slots_fault(*read.value);
  if (wrong.empty()) return {static_cast<std::uint32_t>(*read.value), read.place};
  pool.fault(read.place, wrong);
  return {std::nullopt, read.place};
}

PlacedPool read_pool(const toml::table& table, std::size_t index, Findings& findings) {
  const PoolConfig defaults;
  PlacedPool placed;
  placed.place = place_of(table.source());
  placed.context = context_of(table, "pool", index);
  TableReader pool(table, placed.place, placed.context, findings);
  placed.name = pool.name("name");
  placed.encapsulation = pool.choice<Encapsulation>("encapsulation", encapsulation_choices);
  if (!pool.present("encapsulation")) placed.encapsulation.value = defaults.encapsulation;
  placed.gue_port = pool.integer_or<std::uint16_t>("gue_port", {1, 65535}, defaults.gue_port.value());
  placed.slots_count = read_slots(pool);
  placed.mtu = pool.integer_or<std::uint16_t>(
      "mtu", {config_limits::mtu_v4_min, config_limits::mtu_max, "from 1280 if a backend is IPv6"}, defaults.mtu);
  read_members(pool, placed, findings);
  pool.finish(top_values);
  return placed;
}

PlacedService read_service(const toml::table& table, std::size_t index, Findings& findings) {
  PlacedService placed;
  placed.place = place_of(table.source());
  placed.context = context_of(table, "service", index);
  TableReader service(table, placed.place, placed.context, findings);
  placed.name = service.name("name");
  if (!service.present("address"))
    service.missing("address", "clients connect to address = \"203.0.113.10\" or the like");
  placed.address = service.address("address", AddressKind::service);
  if (!service.present("port")) service.missing("port", "allowed: 0 to 65535 (0 = any port)");
  const Field<std::int64_t> port = service.integer("port", {0, 65535, "0 = any port"});
  placed.port.place = port.place;
  if (port.value) placed.port.value = static_cast<std::uint16_t>(*port.value);
  if (!service.present("protocol")) service.missing("protocol", "allowed: \"tcp\" or \"udp\"");
  placed.protocol = service.choice<Protocol>("protocol", protocol_choices);
  if (!service.present("pool")) service.missing("pool", "name the [[pool]] that serves it");
  placed.pool = service.text("pool");
  const ServiceConfig defaults;
  placed.track = service.boolean("track", defaults.track);
  placed.fragments = service.boolean("fragments", defaults.fragments);
  placed.unreachable = service.boolean("unreachable", defaults.unreachable);
  service.finish(top_values);
  return placed;
}

std::vector<const toml::table*> top_tables(TableReader& top, std::string_view key, std::size_t count_max) {
  auto tables = top.tables(key, fmt::format("write [[{}]] with two brackets on each side", key));
  if (tables.size() > count_max) {
    top.fault(place_of(tables[count_max]->source()),
              fmt::format("{} {}s are too many; allowed: {}", tables.size(), key, count_max));
    tables.resize(count_max);
  }
  return tables;
}

// Two sources of the same thing would be one too many.
void refuse_cluster_content(TableReader& top) {
  for (const std::string_view key : {"hash_key", "pool", "service"}) {
    const toml::node* node = top.find(key);
    if (node == nullptr) continue;
    top.fault(place_of(node->source()), fmt::format("{} comes from the cluster, as [plane] control = \"cluster\" says; "
                                                    "allowed: only [plane] here, or control = \"file\"",
                                                    key));
  }
}

PlacedConfig read_config(const toml::table& document, Findings& findings) {
  PlacedConfig placed;
  TableReader top(document, Place{}, "", findings);
  placed.plane = read_plane(top, findings);
  if (placed.plane.control.value == ControlSource::cluster) {
    placed.hash_key.value = HashKeyBytes{};
    refuse_cluster_content(top);
    top.finish();
    return placed;
  }
  placed.hash_key = read_hash_key(top);
  for (const toml::table* table : top_tables(top, "pool", config_limits::pools_max)) {
    placed.pools.push_back(read_pool(*table, placed.pools.size(), findings));
  }
  // A file cut off between two tables is still good TOML, and a plane without services forwards nothing.
  if (!top.present("service")) {
    top.missing("service", "add [[service]] tables (service = [] before the first [table] for none on purpose)");
  }
  for (const toml::table* table : top_tables(top, "service", config_limits::services_max)) {
    placed.services.push_back(read_service(*table, placed.services.size(), findings));
  }
  top.finish();
  return placed;
}

// Only for a placed config without errors: every field has its value.
Config assemble(const PlacedConfig& placed) {
  Config config;
  config.hash_key = placed.hash_key.value.value();
  const PlacedPlane& plane = placed.plane;
  config.plane = {plane.interfaces.value.value(),
                  plane.mode.value.value(),
                  plane.source_ipv4.value,
                  plane.source_ipv6.value,
                  plane.control_socket.value.value(),
                  plane.pin_directory.value.value(),
                  plane.flows_per_cpu.value.value(),
                  plane.new_flows_per_second.value.value(),
                  plane.icmp_per_second.value.value(),
                  plane.control.value.value(),
                  plane.state_file.value.value(),
                  plane.dpdk};
  std::vector<std::pair<std::string_view, std::uint32_t>> pool_indices;
  for (const PlacedPool& pool : placed.pools) {
    pool_indices.emplace_back(*pool.name.value, static_cast<std::uint32_t>(config.pools.size()));
    PoolConfig& made = config.pools.emplace_back(PoolConfig{pool.name.value.value(),
                                                            pool.encapsulation.value.value(),
                                                            PortHost(pool.gue_port.value.value()),
                                                            pool.slots_count.value.value(),
                                                            pool.mtu.value.value(),
                                                            {}});
    for (const PlacedMember& member : pool.members) {
      made.members.push_back({member.name.value.value(), member.address.value.value(), member.weight.value.value()});
    }
  }
  std::sort(pool_indices.begin(), pool_indices.end());
  for (const PlacedService& service : placed.services) {
    const auto found = std::lower_bound(pool_indices.begin(), pool_indices.end(),
                                        std::pair<std::string_view, std::uint32_t>(*service.pool.value, 0));
    SLUICE_INVARIANT(found != pool_indices.end() && found->first == *service.pool.value);
    config.services.push_back({service.name.value.value(), service.address.value.value(),
                               PortHost(service.port.value.value()), service.protocol.value.value(), found->second,
                               service.track.value.value(), service.fragments.value.value(),
                               service.unreachable.value.value()});
  }
  return config;
}

}  // namespace
}  // namespace config_detail

ConfigOutcome parse_config(std::string_view text, std::string_view file_name) {
  using namespace config_detail;
  ConfigOutcome outcome;
  outcome.file_name = std::string(file_name);
  Findings findings;
  if (check_text(text, findings)) {
    try {
      const toml::table document = toml::parse(text);
      check_cut_number(text, findings);
      const PlacedConfig placed = read_config(document, findings);
      check_across(placed, findings);
      if (!findings.has_errors()) outcome.config = assemble(placed);
    } catch (const toml::parse_error& error) {
      findings.error(place_of(error.source()), syntax_message(error.description()));
    }
  }
  outcome.errors = findings.take_errors();
  outcome.warnings = findings.take_warnings();
  return outcome;
}

}  // namespace sluice
