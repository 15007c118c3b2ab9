// SPDX-License-Identifier: Apache-2.0
// sluice backend list | show | add | set | weight | remove
#include <fmt/format.h>

#include "cluster_call.h"
#include "json_members.h"
#include "suggest.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

struct BackendName {
  std::string pool;
  std::string backend;
};

Outcome<BackendName> name_of(const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash != std::string::npos && slash > 0 && slash + 1 < text.size())
    return BackendName{text.substr(0, slash), text.substr(slash + 1)};
  return Failure{ExitCode::usage, fmt::format("{} names no backend; allowed: POOL/BACKEND", in_quotes(text)), {}};
}

std::string share_text(const json::object& row) {
  return fmt::format("{:.1f}%", decimal_member(row, "share_percent"));
}

std::vector<ListColumn> columns() {
  return {text_column("POOL", "pool"),
          text_column("NAME", "name"),
          text_column("ADDRESS", "address"),
          number_column("WEIGHT", "weight"),
          {{"SHARE", Align::right}, share_text},
          number_column("SLOTS", "slots"),
          number_column("PREVIOUS SLOTS", "previous_slots", ListColumn::When::wide)};
}

std::string backend_path(const BackendName& name) {
  return api_path({"pools", name.pool, "backends", name.backend});
}

ExitCode write_backend(const Context& context, const BackendOptions& options, const std::string& method,
                       const std::string& below, json::object body, const std::string& done) {
  const Outcome<BackendName> name = name_of(options.name);
  if (!name) return report(context, name.error());
  return write_api(context, options.write,
                   {method, backend_path(name.value()) + below, std::move(body), "backend " + options.name + done, ""});
}

}  // namespace

ExitCode run_backend_list(const Context& context, const ReadOptions& options) {
  const std::string path = options.name ? api_path({"pools", *options.name, "backends"}) : api_path({"backends"});
  return show_api(context, options, path, [&](const json::object& answer) {
    return print_list(context, array_member(answer, "backends"), columns(), "no backends");
  });
}

ExitCode run_backend_show(const Context& context, const ReadOptions& options) {
  const Outcome<BackendName> name = name_of(options.name.value_or(""));
  if (!name) return report(context, name.error());
  return show_api(context, options, backend_path(name.value()), [&](const json::object& answer) {
    LabelledLines lines;
    lines.add("backend", text_member(answer, "pool") + '/' + text_member(answer, "name"));
    lines.add("address", text_member(answer, "address"));
    lines.add("weight", grouped(number_member(answer, "weight")));
    lines.add("slots", fmt::format("{} ({}), previous owner of {}", grouped(number_member(answer, "slots")),
                                   share_text(answer), grouped(number_member(answer, "previous_slots"))));
    lines.add("revision", grouped(number_member(answer, "revision")));
    print(lines.text(context.color_out));
    return ExitCode::ok;
  });
}

ExitCode run_backend_add(const Context& context, const BackendOptions& options) {
  const Outcome<BackendName> name = name_of(options.name);
  if (!name) return report(context, name.error());
  json::object body = {{"name", name->backend}, {"address", options.address.value_or("")}};
  if (options.weight) body["weight"] = *options.weight;
  return write_api(
      context, options.write,
      {"POST", api_path({"pools", name->pool, "backends"}), std::move(body), "backend " + options.name + " added", ""});
}

ExitCode run_backend_set(const Context& context, const BackendOptions& options) {
  json::object body;
  if (options.address) body["address"] = *options.address;
  if (options.weight) body["weight"] = *options.weight;
  if (body.empty()) return report(context, {ExitCode::usage, "nothing to set; allowed: --ip, --weight", {}});
  return write_backend(context, options, "PATCH", "", std::move(body), " set");
}

ExitCode run_backend_weight(const Context& context, const BackendOptions& options) {
  const std::string weight = options.weight.value_or("");
  return write_backend(context, options, "PUT", "/weight", {{"weight", weight}}, ": weight " + weight);
}

ExitCode run_backend_remove(const Context& context, const BackendOptions& options) {
  return write_backend(context, options, "DELETE", "", {}, " removed");
}

}  // namespace sluice::cli
