// SPDX-License-Identifier: Apache-2.0
// sluice status | stats | drops | version: what the running plane says of itself.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "commands.h"
#include "endpoint.h"
#include "plane_client.h"
#include "text_table.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

std::string number_text(const json::object& object, std::string_view key) {
  return grouped(number_member(object, key));
}

std::string percent_of(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? "-" : percent_text(100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

// Asks, and prints as JSON if that is wanted; the answer is for a table otherwise.
template <typename Print>
ExitCode ask_and_print(const Context& context, std::string_view op, Print print_table) {
  Outcome<json::object> answer = ask_plane(context, {{"op", json::string(op)}});
  if (!answer) return report(context, answer.error());
  answer->erase("ok");
  if (context.json()) {
    print_json(answer.value());
  } else {
    print_table(answer.value());
  }
  return ExitCode::ok;
}

std::string address_text(const json::object& service) {
  const Result<IpAddress> address = IpAddress::parse(text_member(service, "address"));
  if (!address) return text_member(service, "address");
  const Protocol protocol = text_member(service, "protocol") == "udp" ? Protocol::udp : Protocol::tcp;
  return service_address_text(address.value(), PortHost(static_cast<std::uint16_t>(number_member(service, "port"))),
                              protocol);
}

void print_totals(const Context& context, const json::object& stats) {
  const std::uint64_t received = number_member(stats, "rx_packets");
  TextTable table({{"PACKETS", Align::left}, {"COUNT", Align::right}, {"OF RECEIVED", Align::right}});
  const auto row = [&](const char* name, std::string_view key, Color color) {
    table.add_row({name, number_text(stats, key), percent_of(number_member(stats, key), received)}, color);
  };
  table.add_row({"received", grouped(received), bytes_text(number_member(stats, "rx_bytes"))});
  row("sent to backends", "tx_packets", Color::none);
  row("left to the kernel", "kernel_packets", Color::none);
  row("dropped", "drop_packets", number_member(stats, "drop_packets") > 0 ? Color::yellow : Color::none);
  row("found in flow table", "flow_hits", Color::none);
  print(table.text(context.color_out));
  print(fmt::format("\nflow table: {} entered, {} above the rate limit, {} evicted\n",
                    number_text(stats, "flow_inserts"), number_text(stats, "flow_inserts_limited"),
                    number_text(stats, "flow_evictions")));
}

void print_service_stats(const Context& context, const json::object& stats) {
  TextTable table({{"SERVICE", Align::left},
                   {"ADDRESS", Align::left},
                   {"POOL", Align::left},
                   {"PACKETS", Align::right},
                   {"BYTES", Align::right},
                   {"NEW FLOWS", Align::right},
                   {"DROPS", Align::right}});
  for (const json::value& value : array_member(stats, "services")) {
    const json::object& service = object_of(value);
    table.add_row({text_member(service, "name"), address_text(service), text_member(service, "pool"),
                   number_text(service, "packets"), bytes_text(number_member(service, "bytes")),
                   number_text(service, "new_flows"), number_text(service, "drops")});
  }
  if (!table.empty()) print('\n' + table.text(context.color_out));
}

void print_backend_stats(const Context& context, const json::object& stats) {
  std::vector<std::pair<std::string, std::uint64_t>> pools;  // packets per pool, for the shares
  const auto pool_packets = [&](const std::string& name) -> std::uint64_t& {
    const auto found = std::find_if(pools.begin(), pools.end(), [&](const auto& pool) { return pool.first == name; });
    return found != pools.end() ? found->second : pools.emplace_back(name, 0).second;
  };
  for (const json::value& value : array_member(stats, "backends")) {
    pool_packets(text_member(object_of(value), "pool")) += number_member(object_of(value), "packets");
  }
  TextTable table({{"BACKEND", Align::left},
                   {"ADDRESS", Align::left},
                   {"WEIGHT", Align::right},
                   {"PACKETS", Align::right},
                   {"OF POOL", Align::right},
                   {"BYTES", Align::right},
                   {"NEW FLOWS", Align::right}});
  for (const json::value& value : array_member(stats, "backends")) {
    const json::object& backend = object_of(value);
    const std::string pool = text_member(backend, "pool");
    table.add_row({pool + '/' + text_member(backend, "name"), text_member(backend, "address"),
                   number_text(backend, "weight"), number_text(backend, "packets"),
                   percent_of(number_member(backend, "packets"), pool_packets(pool)),
                   bytes_text(number_member(backend, "bytes")), number_text(backend, "new_flows")});
  }
  if (!table.empty()) print('\n' + table.text(context.color_out));
}

void print_drops(const Context& context, const json::object& answer, const DropsOptions& options) {
  struct Row {
    std::uint64_t packets;
    const json::object* reason;
  };
  const std::uint64_t received = number_member(answer, "rx_packets");
  std::vector<Row> rows;
  std::uint64_t dropped = 0;
  for (const json::value& value : array_member(answer, "reasons")) {
    const json::object& reason = object_of(value);
    const std::uint64_t packets = number_member(reason, "packets");
    const bool drop = text_member(reason, "class") == "drop";
    if (drop) dropped += packets;
    if (options.all || (drop && packets > 0)) rows.push_back({packets, &reason});
  }
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.packets > b.packets; });
  std::vector<Column> columns = {
      {"REASON", Align::left}, {"PACKETS", Align::right}, {"OF RECEIVED", Align::right}, {"MEANS", Align::left}};
  if (options.all) columns.insert(columns.begin() + 1, {"CLASS", Align::left});
  TextTable table(columns);
  for (const Row& row : rows) {
    std::vector<std::string> cells = {text_member(*row.reason, "name"), grouped(row.packets),
                                      percent_of(row.packets, received), text_member(*row.reason, "text")};
    if (options.all) cells.insert(cells.begin() + 1, text_member(*row.reason, "class"));
    table.add_row(std::move(cells), row.packets == 0 ? Color::faint : Color::none);
  }
  if (!table.empty()) print(table.text(context.color_out) + '\n');
  print(fmt::format("{} of {} received packets dropped ({})\n", grouped(dropped), grouped(received),
                    percent_of(dropped, received)));
}

std::string interfaces_text(const json::object& status) {
  std::vector<std::string> texts;
  for (const json::value& value : array_member(status, "interfaces")) {
    const json::object& interface = object_of(value);
    const std::string note = text_member(interface, "note");
    texts.push_back(fmt::format("{} ({}{})", text_member(interface, "name"), text_member(interface, "mode"),
                                note.empty() ? "" : ": " + note));
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::vector<std::string> unresolved_backends(const json::object& status) {
  std::vector<std::string> names;
  for (const json::value& value : array_member(status, "unresolved")) {
    if (value.is_string()) names.emplace_back(value.get_string());
  }
  return names;
}

// Of a plane of a cluster; empty: it goes by its file.
std::string cluster_text(const json::object& status) {
  if (text_member(status, "source") != "cluster") return {};
  const json::value* told = status.if_contains("cluster");
  if (told == nullptr || !told->is_object()) return "has told it nothing yet";
  const json::object& cluster = told->get_object();
  return fmt::format("generation {}, {}, for {}{}", number_text(cluster, "generation"), text_member(cluster, "phase"),
                     duration_text(number_member(cluster, "age_seconds")),
                     flag_member(status, "fenced") ? "; fenced: the others do not wait for this balancer" : "");
}

void print_status(const Context& context, const json::object& status) {
  LabelledLines lines;
  lines.add("plane", fmt::format("{} {}, up {}", text_member(status, "plane"), text_member(status, "version"),
                                 duration_text(number_member(status, "uptime_seconds"))));
  lines.add("generation", fmt::format("{}, for {}", number_text(status, "generation"),
                                      duration_text(number_member(status, "updated_seconds"))));
  if (const std::string cluster = cluster_text(status); !cluster.empty()) lines.add("cluster", cluster);
  lines.add("config", text_member(status, "config_file"));
  lines.add("interfaces", interfaces_text(status));
  lines.add("serves", fmt::format("{}, {}, {}", count_text(number_member(status, "services"), "service"),
                                  count_text(number_member(status, "pools"), "pool"),
                                  count_text(number_member(status, "backends"), "backend")));
  lines.add("memory", bytes_text(number_member(status, "memory_bytes")));
  const json::value* reasons = status.if_contains("unresolved_reasons");
  for (const std::string& name : unresolved_backends(status)) {
    const std::string why = reasons == nullptr ? std::string() : text_member(object_of(*reasons), name);
    lines.add("unresolved", colored(context.color_out, Color::red, name) + ": " +
                                (why.empty() ? "no link-layer address yet" : why) +
                                "; its packets drop as no_next_hop");
  }
  print(lines.text(context.color_out));
}

}  // namespace

ExitCode run_stats(const Context& context) {
  return ask_and_print(context, "stats", [&](const json::object& stats) {
    print_totals(context, stats);
    print_service_stats(context, stats);
    print_backend_stats(context, stats);
  });
}

ExitCode run_drops(const Context& context, const DropsOptions& options) {
  return ask_and_print(context, "drops", [&](const json::object& answer) { print_drops(context, answer, options); });
}

// 8 (degraded) if some backend cannot be reached: scripts need not read the text.
ExitCode run_status(const Context& context) {
  bool degraded = false;
  Outcome<json::object> answer = ask_plane(context, {{"op", "status"}});
  if (!answer) return report(context, answer.error());
  answer->erase("ok");
  degraded = !unresolved_backends(answer.value()).empty();
  if (context.json()) {
    print_json(answer.value());
  } else {
    print_status(context, answer.value());
  }
  return degraded ? ExitCode::degraded : ExitCode::ok;
}

// The plane need not run to say which sluice this is.
ExitCode run_version(const Context& context) {
  const Outcome<json::object> answer = ask_plane(context, {{"op", "version"}});
  if (context.json()) {
    json::object made = {{"sluice", SLUICE_VERSION}, {"plane", nullptr}};
    if (answer) {
      json::object plane = answer.value();
      plane.erase("ok");
      made["plane"] = std::move(plane);
    }
    print_json(made);
    return ExitCode::ok;
  }
  LabelledLines lines;
  lines.add("sluice", SLUICE_VERSION);
  if (answer) {
    lines.add("plane", fmt::format("{} {} (image {}, hash {})", text_member(answer.value(), "plane"),
                                   text_member(answer.value(), "version"), number_text(answer.value(), "image_version"),
                                   number_text(answer.value(), "hash_version")));
  } else {
    lines.add("plane", fmt::format("none answers at {}", context.socket));
  }
  print(lines.text(context.color_out));
  return ExitCode::ok;
}

}  // namespace sluice::cli
