// SPDX-License-Identifier: Apache-2.0
// sluice service list | show | add | set | remove
#include <fmt/format.h>

#include "cluster_call.h"
#include "endpoint.h"
#include "json_members.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

std::string address_of(const json::object& service) {
  const std::string address = text_member(service, "address");
  const std::uint64_t port = number_member(service, "port");
  const std::string shown = address.find(':') == std::string::npos ? address : '[' + address + ']';
  return fmt::format("{}:{}/{}", shown, port == 0 ? std::string("*") : std::to_string(port),
                     text_member(service, "protocol"));
}

std::vector<ListColumn> columns() {
  return {text_column("NAME", "name"),
          {{"ADDRESS", Align::left}, address_of},
          text_column("POOL", "pool"),
          flag_column("TRACK", "track"),
          flag_column("FRAGMENTS", "fragments", ListColumn::When::wide),
          flag_column("UNREACHABLE", "unreachable", ListColumn::When::wide)};
}

// 203.0.113.10:443/tcp; without a port it takes every port.
Outcome<json::object> place_of(const std::string& text) {
  const Result<Endpoint> endpoint = parse_endpoint(text);
  if (!endpoint) return failure_of(endpoint.error());
  return json::object{{"address", endpoint->address.to_string()},
                      {"port", endpoint->port.value()},
                      {"protocol", json::string(to_text(endpoint->protocol.value_or(Protocol::tcp)))}};
}

void add_settings(json::object& body, const ServiceOptions& options) {
  if (options.pool) body["pool"] = *options.pool;
  if (options.track) body["track"] = *options.track;
  if (options.fragments) body["fragments"] = *options.fragments;
  if (options.unreachable) body["unreachable"] = *options.unreachable;
}

}  // namespace

ExitCode run_service_list(const Context& context, const ReadOptions& options) {
  return show_api(context, options, api_path({"services"}), [&](const json::object& answer) {
    return print_list(context, array_member(answer, "services"), columns(), "no services");
  });
}

ExitCode run_service_show(const Context& context, const ReadOptions& options) {
  return show_api(context, options, api_path({"services", options.name.value_or("")}), [&](const json::object& answer) {
    LabelledLines lines;
    const auto yes_or_no = [&](std::string_view key) { return flag_member(answer, key) ? "yes" : "no"; };
    lines.add("service", text_member(answer, "name"));
    lines.add("address", address_of(answer));
    lines.add("pool", text_member(answer, "pool"));
    lines.add("track", yes_or_no("track"));
    lines.add("fragments", yes_or_no("fragments"));
    lines.add("unreachable", yes_or_no("unreachable"));
    lines.add("revision", grouped(number_member(answer, "revision")));
    print(lines.text(context.color_out));
    return ExitCode::ok;
  });
}

ExitCode run_service_add(const Context& context, const ServiceOptions& options) {
  Outcome<json::object> body = place_of(options.address);
  if (!body) return report(context, body.error());
  body->insert_or_assign("name", options.name);
  add_settings(body.value(), options);
  return write_api(context, options.write,
                   {"POST", api_path({"services"}), std::move(body.value()), "service " + options.name + " added", ""});
}

ExitCode run_service_set(const Context& context, const ServiceOptions& options) {
  json::object body;
  if (!options.address.empty()) {
    Outcome<json::object> place = place_of(options.address);
    if (!place) return report(context, place.error());
    body = std::move(place.value());
  }
  add_settings(body, options);
  if (body.empty()) {
    return report(context,
                  {ExitCode::usage, "nothing to set; allowed: --vip, --pool, --track, --fragments, --unreachable", {}});
  }
  return write_api(
      context, options.write,
      {"PATCH", api_path({"services", options.name}), std::move(body), "service " + options.name + " set", ""});
}

ExitCode run_service_remove(const Context& context, const ServiceOptions& options) {
  return write_api(context, options.write,
                   {"DELETE", api_path({"services", options.name}), {}, "service " + options.name + " removed", ""});
}

}  // namespace sluice::cli
