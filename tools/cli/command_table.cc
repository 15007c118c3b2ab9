// SPDX-License-Identifier: Apache-2.0
// sluice table show | export: who owns how many slots, and which.
#include <fmt/format.h>

#include <algorithm>

#include "api_client.h"
#include "api_failure.h"
#include "commands.h"
#include "config_file.h"
#include "config_subset.h"
#include "plane_client.h"
#include "static_model.h"
#include "suggest.h"
#include "text_table.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

// Same shape as the plane's answer to {"op":"table"}, so that there is one way to print it.
json::object pool_json(const PoolConfig& pool, const ForwardingPool& forwarding, bool owners) {
  std::vector<std::uint64_t> counts(pool.members.size());
  for (const std::uint16_t owner : forwarding.slots) ++counts[owner];
  json::array members;
  for (std::size_t i = 0; i < pool.members.size(); ++i) {
    members.push_back({{"name", pool.members[i].name},
                       {"address", pool.members[i].address.to_string()},
                       {"weight", pool.members[i].weight},
                       {"slots", counts[i]}});
  }
  json::object object = {{"name", pool.name}, {"slots", pool.slots_count}, {"members", std::move(members)}};
  if (owners) {
    json::array& list = object["owners"].emplace_array();
    for (const std::uint16_t owner : forwarding.slots) list.push_back(owner);
  }
  return object;
}

Failure unknown_pool(const Config& config, const std::string& name, const std::string& path) {
  std::vector<std::string_view> names;
  for (const PoolConfig& pool : config.pools) names.push_back(pool.name);
  return {ExitCode::not_found,
          fmt::format("no pool {} in {}{}", in_quotes(name), path,
                      did_you_mean(name, names).empty() ? "; sluice table show lists them" : did_you_mean(name, names)),
          {}};
}

Outcome<json::object> offline_tables(const Context& context, const TableOptions& options, bool owners) {
  Outcome<Config> config = load_config(context, *options.config);
  if (!config) return config.error();
  if (options.pool && find_pool(config.value(), *options.pool) == nullptr) {
    return unknown_pool(config.value(), *options.pool, *options.config);
  }
  if (options.pool) *config = only_pool(config.value(), *options.pool);
  const Result<ForwardingModel> model = forwarding_model_of(config.value());
  if (!model) return failure_of(model.error());
  json::array pools;
  for (std::size_t i = 0; i < config->pools.size(); ++i) {
    pools.push_back(pool_json(config->pools[i], model->pools[i], owners));
  }
  return json::object{{"pools", std::move(pools)}};
}

Outcome<json::object> running_tables(const Context& context, const TableOptions& options, bool owners) {
  if (asks_cluster(context)) {
    ApiCall call;
    call.target = "/v1/tables";
    if (options.pool) call.target += '/' + percent_encoded(*options.pool) + (owners ? "?owners=true" : "");
    Outcome<json::object> answer = call_api(context, call);
    if (answer) answer->erase("revision");
    return answer;
  }
  json::object request = {{"op", "table"}};
  if (options.pool) request["pool"] = *options.pool;
  if (owners) request["owners"] = true;
  Outcome<json::object> answer = ask_plane(context, request);
  if (answer) answer->erase("ok");
  return answer;
}

Outcome<json::object> read_tables(const Context& context, const TableOptions& options, bool owners) {
  return options.config ? offline_tables(context, options, owners) : running_tables(context, options, owners);
}

void print_pool_table(const Context& context, const json::object& pool) {
  const std::uint64_t slots = number_member(pool, "slots");
  const json::array& members = array_member(pool, "members");
  std::uint64_t weights = 0;
  std::uint64_t filled = 0;
  for (const json::value& member : members) {
    weights += number_member(object_of(member), "weight");
    filled += number_member(object_of(member), "slots");
  }
  print(fmt::format("{}  {} slots, {}{}\n",
                    colored(context.color_out, Color::bold, "pool " + text_member(pool, "name")), grouped(slots),
                    count_text(members.size(), "backend"), filled == 0 ? ", empty: no backend with a weight" : ""));
  if (members.empty()) return;
  TextTable table({{"BACKEND", Align::left},
                   {"ADDRESS", Align::left},
                   {"WEIGHT", Align::right},
                   {"WANTED", Align::right},
                   {"SHARE", Align::right},
                   {"SLOTS", Align::right}});
  const auto percent = [](std::uint64_t part, std::uint64_t whole) {
    const double share = whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
    return fmt::format("{:.3f}%", 100 * share);
  };
  for (const json::value& value : members) {
    const json::object& member = object_of(value);
    const std::uint64_t weight = number_member(member, "weight");
    const std::uint64_t owned = number_member(member, "slots");
    table.add_row({text_member(member, "name"), text_member(member, "address"), grouped(weight),
                   percent(weight, weights), percent(owned, filled), grouped(owned)},
                  weight == 0 ? Color::faint : Color::none);
  }
  print(table.text(context.color_out));
}

void print_owners(const json::object& pool) {
  std::vector<std::string> names;
  for (const json::value& member : array_member(pool, "members"))
    names.push_back(text_member(object_of(member), "name"));
  std::string text = "slot,backend\n";
  std::size_t slot = 0;
  for (const json::value& owner : array_member(pool, "owners")) {
    boost::system::error_code error;
    const auto index = owner.to_number<std::uint64_t>(error);
    text += fmt::format("{},{}\n", slot++, !error && index < names.size() ? names[index] : "?");
  }
  print(text);
}

}  // namespace

ExitCode run_table_show(const Context& context, const TableOptions& options) {
  const Outcome<json::object> tables = read_tables(context, options, false);
  if (!tables) return report(context, tables.error());
  if (context.json()) {
    print_json(tables.value());
    return ExitCode::ok;
  }
  bool first = true;
  for (const json::value& pool : array_member(tables.value(), "pools")) {
    if (!first) print("\n");
    first = false;
    print_pool_table(context, object_of(pool));
  }
  if (first) print("no pools\n");
  return ExitCode::ok;
}

ExitCode run_table_export(const Context& context, const TableOptions& options) {
  const Outcome<json::object> tables = read_tables(context, options, true);
  if (!tables) return report(context, tables.error());
  const json::array& pools = array_member(tables.value(), "pools");
  if (pools.empty()) {
    return report(context, {ExitCode::not_found, fmt::format("no pool {}", in_quotes(options.pool.value_or(""))), {}});
  }
  if (context.json()) {
    print_json(pools[0]);
  } else {
    print_owners(object_of(pools[0]));
  }
  return ExitCode::ok;
}

}  // namespace sluice::cli
