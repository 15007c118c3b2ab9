// SPDX-License-Identifier: Apache-2.0
// sluice explain: where a flow goes, and why. Offline it builds the image a plane would build of the file and asks the
// packet path's own functions.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api_client.h"
#include "api_failure.h"
#include "commands.h"
#include "config_file.h"
#include "config_subset.h"
#include "endpoint.h"
#include "image_memory.h"
#include "image_reader.h"
#include "model_parts.h"
#include "plane_client.h"
#include "static_model.h"
#include "text_table.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

struct Flow {
  Endpoint source;
  Endpoint destination;
  Protocol protocol = Protocol::tcp;
};

Outcome<Flow> parse_flow(const ExplainOptions& options) {
  const Result<Endpoint> source = parse_endpoint(options.source);
  if (!source) return failure_of(source.error());
  const Result<Endpoint> destination = parse_endpoint(options.destination);
  if (!destination) return failure_of(destination.error());
  if (source->address.family() != destination->address.family()) {
    return Failure{ExitCode::usage,
                   fmt::format("{} and {} are of different families; allowed: both IPv4 or both IPv6", options.source,
                               options.destination),
                   {}};
  }
  if (source->protocol && destination->protocol && source->protocol != destination->protocol) {
    return Failure{ExitCode::usage, "source and destination name different protocols; allowed: /tcp or /udp once", {}};
  }
  const Protocol protocol = destination->protocol.value_or(source->protocol.value_or(Protocol::tcp));
  return Flow{source.value(), destination.value(), protocol};
}

// The image of a file, and the way back from its numbers to names.
class OfflineImage {
 public:
  static Outcome<json::object> explain(const Config& config, const Flow& flow) {
    const Result<ForwardingModel> model = forwarding_model_of(config);
    if (!model) return failure_of(model.error());
    // Nothing flows through this image: the smallest flow table will do.
    ForwardingModel smallest = model.value();
    if (smallest.flows_per_worker != 0) smallest.flows_per_worker = config_limits::flows_per_cpu_min;
    const ImageOptions options{1};
    const ImageMemory memory(image_sizes_for(smallest, options));
    ImageWriter writer(memory.tables(), options, [] {});
    // Next hops are the running host's business; here every backend counts as resolved.
    const auto next_hop = [](const ForwardingBackend&) { return NextHop{{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}, 0}; };
    const auto published = writer.publish(smallest, next_hop, 0);
    if (!published) return failure_of(published.error());
    const FlowQuery query{flow.source.address, flow.source.port, flow.destination.address, flow.destination.port,
                          static_cast<std::uint8_t>(flow.protocol)};
    return OfflineImage(config, writer).describe(explain_flow(memory.tables(), query, 0));
  }

 private:
  OfflineImage(const Config& config, const ImageWriter& writer) : config_(config), writer_(writer) {}

  json::object describe(const FlowAnswer& answer) const {
    const ServiceConfig* service = service_of(answer);
    const PoolConfig* pool = service == nullptr ? nullptr : &config_.pools[service->pool_index];
    json::array candidates;
    for (const BackendIndex candidate : answer.candidates) candidates.push_back(json::string(name_of(pool, candidate)));
    const ReasonText& reason = reason_texts()[answer.reason];
    json::object made = {{"vip", nullptr},
                         {"service", nullptr},
                         {"pool", nullptr},
                         {"slot", nullptr},
                         {"slots", nullptr},
                         {"generation", answer.generation},
                         {"backend", nullptr},
                         {"backend_address", nullptr},
                         {"candidates", std::move(candidates)},
                         {"remembered", false},
                         {"verdict", verdict_of(reason)},
                         {"reason", json::string(reason.name)},
                         {"reason_text", json::string(reason.text)}};
    if (service != nullptr) {
      made["vip"] = service_address_text(service->address, service->port, service->protocol);
      made["service"] = service->name;
      made["pool"] = pool->name;
    }
    if (answer.slot) {
      made["slot"] = *answer.slot;
      made["slots"] = answer.slots_count;
    }
    if (const MemberConfig* member = answer.backend ? member_of(pool, *answer.backend) : nullptr) {
      made["backend"] = member->name;
      made["backend_address"] = member->address.to_string();
      made["encapsulation"] = json::string(to_text(pool->encapsulation));
    }
    return made;
  }

  static json::string verdict_of(const ReasonText& reason) {
    if (reason.reason_class == SLUICE_CLASS_TX) return "forward";
    return reason.reason_class == SLUICE_CLASS_KERNEL ? "kernel" : "drop";
  }

  const ServiceConfig* service_of(const FlowAnswer& answer) const {
    if (!answer.service) return nullptr;
    for (const ServiceConfig& service : config_.services) {
      if (writer_.find_service(service_key_of(service)) == answer.service) return &service;
    }
    return nullptr;
  }

  const MemberConfig* member_of(const PoolConfig* pool, BackendIndex backend) const {
    if (pool == nullptr) return nullptr;
    for (const MemberConfig& member : pool->members) {
      if (writer_.find_backend(backend_key_of(*pool, member)) == backend) return &member;
    }
    return nullptr;
  }

  std::string name_of(const PoolConfig* pool, BackendIndex backend) const {
    const MemberConfig* member = member_of(pool, backend);
    return member == nullptr ? fmt::format("#{}", backend.value()) : member->name;
  }

  const Config& config_;
  const ImageWriter& writer_;
};

Outcome<json::object> ask_running(const Context& context, const Flow& flow) {
  if (asks_cluster(context)) {
    ApiCall call;
    call.target =
        fmt::format("/v1/explain?source={}&destination={}&protocol={}",
                    percent_encoded(to_text(flow.source.address, flow.source.port)),
                    percent_encoded(to_text(flow.destination.address, flow.destination.port)), to_text(flow.protocol));
    return call_api(context, call);
  }
  return ask_plane(context, {{"op", "explain"},
                             {"source", to_text(flow.source.address, flow.source.port)},
                             {"destination", to_text(flow.destination.address, flow.destination.port)},
                             {"protocol", json::string(to_text(flow.protocol))}});
}

std::string slot_text(const json::object& answer) {
  if (!answer.contains("slot") || answer.at("slot").is_null()) return {};
  const std::uint64_t slots = number_member(answer, "slots");
  return grouped(number_member(answer, "slot")) + (slots == 0 ? "" : " of " + grouped(slots));
}

std::string backend_text(const json::object& answer) {
  std::string text = text_member(answer, "backend");
  if (text.empty()) return text;
  if (const std::string address = text_member(answer, "backend_address"); !address.empty()) text += ' ' + address;
  if (const std::string way = text_member(answer, "encapsulation"); !way.empty()) text += " by " + way;
  const json::value* remembered = answer.if_contains("remembered");
  if (remembered != nullptr && remembered->is_bool() && remembered->get_bool())
    text += ", remembered by the flow table";
  return text;
}

std::string candidates_text(const json::object& answer) {
  std::vector<std::string> names;
  for (const json::value& candidate : array_member(answer, "candidates")) {
    if (candidate.is_string()) names.emplace_back(candidate.get_string());
  }
  return names.size() < 2 ? std::string() : fmt::format("{}", fmt::join(names, ", then "));
}

void print_explanation(const Context& context, const Flow& flow, const json::object& answer) {
  const std::string verdict = text_member(answer, "verdict");
  const std::string text = text_member(answer, "reason_text");
  const std::string reason = text_member(answer, "reason") + (text.empty() ? "" : ": " + text);
  const Color tint = verdict == "forward" ? Color::green : verdict == "drop" ? Color::red : Color::yellow;
  const std::string vip = text_member(answer, "vip");
  const std::string service = text_member(answer, "service");
  LabelledLines lines;
  lines.add("flow", fmt::format("{} -> {}/{}", to_text(flow.source.address, flow.source.port),
                                to_text(flow.destination.address, flow.destination.port), to_text(flow.protocol)));
  lines.add("service", vip.empty() ? std::string("none") : service.empty() ? vip : service + ' ' + vip);
  lines.add("pool", text_member(answer, "pool"));
  lines.add("slot", slot_text(answer));
  lines.add("backend", backend_text(answer));
  lines.add("candidates", candidates_text(answer));
  lines.add("generation", grouped(number_member(answer, "generation")));
  lines.add("verdict", colored(context.color_out, tint, verdict) + " (" + reason + ")");
  print(lines.text(context.color_out));
}

}  // namespace

ExitCode run_explain(const Context& context, const ExplainOptions& options) {
  const Outcome<Flow> flow = parse_flow(options);
  if (!flow) return report(context, flow.error());
  Outcome<json::object> answer = json::object();
  if (options.config) {
    const Outcome<Config> config = load_config(context, *options.config);
    if (!config) return report(context, config.error());
    answer = OfflineImage::explain(only_address(config.value(), flow->destination.address), flow.value());
  } else {
    answer = ask_running(context, flow.value());
  }
  if (!answer) return report(context, answer.error());
  answer->erase("ok");
  if (context.json()) {
    print_json(answer.value());
  } else {
    print_explanation(context, flow.value(), answer.value());
  }
  return ExitCode::ok;
}

}  // namespace sluice::cli
