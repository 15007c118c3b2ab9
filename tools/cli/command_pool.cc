// SPDX-License-Identifier: Apache-2.0
// sluice pool list | show | add | set | remove
#include <fmt/format.h>

#include "cluster_call.h"
#include "json_members.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

json::object settings_of(const PoolOptions& options) {
  json::object body;
  if (options.encapsulation) body["encapsulation"] = *options.encapsulation;
  if (options.gue_port) body["gue_port"] = *options.gue_port;
  if (options.slots) body["slots"] = *options.slots;
  if (options.mtu) body["mtu"] = *options.mtu;
  return body;
}

// Ports and sizes of packets are read as they are written in a file.
ListColumn plain_column(std::string header, std::string key) {
  return {{std::move(header), Align::right},
          [key = std::move(key)](const json::object& row) { return std::to_string(number_member(row, key)); },
          ListColumn::When::wide};
}

}  // namespace

ExitCode run_pool_list(const Context& context, const ReadOptions& options) {
  return show_api(context, options, api_path({"pools"}), [&](const json::object& answer) {
    return print_list(
        context, array_member(answer, "pools"),
        {text_column("NAME", "name"), text_column("ENCAPSULATION", "encapsulation"), number_column("SLOTS", "slots"),
         number_column("BACKENDS", "backends"), number_column("WEIGHT", "weight"), plain_column("MTU", "mtu"),
         plain_column("GUE PORT", "gue_port")},
        "no pools");
  });
}

ExitCode run_pool_show(const Context& context, const ReadOptions& options) {
  return show_api(context, options, api_path({"pools", options.name.value_or("")}), [&](const json::object& answer) {
    LabelledLines lines;
    lines.add("pool", text_member(answer, "name"));
    lines.add("encapsulation", text_member(answer, "encapsulation"));
    if (text_member(answer, "encapsulation") == "gue")
      lines.add("gue port", std::to_string(number_member(answer, "gue_port")));
    lines.add("slots", grouped(number_member(answer, "slots")));
    lines.add("mtu", std::to_string(number_member(answer, "mtu")));
    lines.add("backends", fmt::format("{}, weight {} in all", number_member(answer, "backends"),
                                      grouped(number_member(answer, "weight"))));
    lines.add("revision", grouped(number_member(answer, "revision")));
    print(lines.text(context.color_out));
    return ExitCode::ok;
  });
}

ExitCode run_pool_add(const Context& context, const PoolOptions& options) {
  json::object body = settings_of(options);
  body["name"] = options.name;
  return write_api(context, options.write,
                   {"POST", api_path({"pools"}), std::move(body), "pool " + options.name + " added", ""});
}

ExitCode run_pool_set(const Context& context, const PoolOptions& options) {
  json::object body = settings_of(options);
  if (body.empty()) {
    return report(context,
                  {ExitCode::usage, "nothing to set; allowed: --encapsulation, --gue-port, --slots, --mtu", {}});
  }
  return write_api(context, options.write,
                   {"PATCH", api_path({"pools", options.name}), std::move(body), "pool " + options.name + " set", ""});
}

ExitCode run_pool_remove(const Context& context, const PoolOptions& options) {
  return write_api(context, options.write,
                   {"DELETE", api_path({"pools", options.name}), {}, "pool " + options.name + " removed", ""});
}

}  // namespace sluice::cli
