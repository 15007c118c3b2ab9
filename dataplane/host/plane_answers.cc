// SPDX-License-Identifier: Apache-2.0
#include "plane_answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <optional>

#include "image_reader.h"
#include "model_parts.h"
#include "sluice_hash.h"
#include "suggest.h"

namespace sluice {
namespace {

namespace json = boost::json;

json::string text(std::string_view view) {
  return json::string(json::string_view(view.data(), view.size()));
}

std::string_view class_text(sluice_reason_class reason_class) {
  switch (reason_class) {
    case SLUICE_CLASS_TX:
      return "tx";
    case SLUICE_CLASS_KERNEL:
      return "kernel";
    case SLUICE_CLASS_DROP:
      break;
  }
  return "drop";
}

struct ClassSums {
  std::uint64_t tx = 0;
  std::uint64_t kernel = 0;
  std::uint64_t drop = 0;
};

ClassSums sums_of(const ImageTotals& totals) {
  ClassSums sums;
  for (std::size_t reason = 0; reason < totals.reasons.size(); ++reason) {
    const sluice_reason_class in = reason_texts()[reason].reason_class;
    (in == SLUICE_CLASS_TX ? sums.tx : in == SLUICE_CLASS_KERNEL ? sums.kernel : sums.drop) += totals.reasons[reason];
  }
  return sums;
}

json::object service_stats(const RunningPlane& running, const ServiceConfig& service) {
  const auto index = running.writer.find_service(service_key_of(service));
  const TrafficTotals totals = index ? read_service(running.writer.tables(), *index) : TrafficTotals{};
  return {{"name", service.name},
          {"address", service.address.to_string()},
          {"port", service.port.value()},
          {"protocol", text(to_text(service.protocol))},
          {"pool", running.config.pools[service.pool_index].name},
          {"packets", totals.packets},
          {"bytes", totals.bytes},
          {"new_flows", totals.new_flows},
          {"drops", totals.drops}};
}

json::object backend_stats(const RunningPlane& running, const PoolConfig& pool, const MemberConfig& member) {
  const auto index = running.writer.find_backend(backend_key_of(pool, member));
  const TrafficTotals totals = index ? read_backend(running.writer.tables(), *index) : TrafficTotals{};
  return {{"pool", pool.name},
          {"name", member.name},
          {"address", member.address.to_string()},
          {"weight", member.weight},
          {"packets", totals.packets},
          {"bytes", totals.bytes},
          {"new_flows", totals.new_flows}};
}

json::object pool_table(const PoolConfig& pool, const ForwardingPool& forwarding, bool owners) {
  std::vector<std::uint64_t> counts(pool.members.size());
  for (const std::uint16_t owner : forwarding.slots) ++counts.at(owner);
  json::array members;
  for (std::size_t i = 0; i < pool.members.size(); ++i) {
    const MemberConfig& member = pool.members[i];
    members.push_back({{"name", member.name},
                       {"address", member.address.to_string()},
                       {"weight", member.weight},
                       {"slots", counts[i]}});
  }
  json::object object = {{"name", pool.name}, {"slots", pool.slots_count}, {"members", std::move(members)}};
  if (owners) {
    json::array& list = object["owners"].emplace_array();
    list.reserve(forwarding.slots.size());
    for (const std::uint16_t owner : forwarding.slots) list.push_back(owner);
  }
  return object;
}

struct Endpoint {
  IpAddress address;
  PortHost port;
};

// `192.0.2.1:80` or `[2001:db8::1]:80`.
Result<Endpoint> endpoint_of(std::string_view word) {
  const Error wrong =
      make_error(ErrorCode::invalid_argument,
                 fmt::format("{} is not ADDRESS:PORT; write 192.0.2.1:80 or [2001:db8::1]:80", in_quotes(word)));
  const std::size_t colon = word.rfind(':');
  if (colon == std::string_view::npos) return wrong;
  std::string_view host = word.substr(0, colon);
  const std::string_view digits = word.substr(colon + 1);
  const bool in_brackets = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (in_brackets) host = host.substr(1, host.size() - 2);
  const Result<IpAddress> address = IpAddress::parse(host);
  if (!address || address->is_v4() == in_brackets) return wrong;
  std::uint16_t port = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (digits.empty() || parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) return wrong;
  return Endpoint{*address, PortHost(port)};
}

Result<FlowQuery> flow_of(const ControlRequest& request) {
  const Result<Endpoint> source = endpoint_of(request.source);
  if (!source) return source.error();
  const Result<Endpoint> destination = endpoint_of(request.destination);
  if (!destination) return destination.error();
  if (source->address.family() != destination->address.family())
    return make_error(ErrorCode::invalid_argument, "source and destination are of different families");
  if (request.protocol != "tcp" && request.protocol != "udp")
    return make_error(ErrorCode::invalid_argument,
                      "protocol " + in_quotes(request.protocol) + " is unknown; allowed: tcp, udp");
  return FlowQuery{source->address, source->port, destination->address, destination->port,
                   static_cast<std::uint8_t>(request.protocol == "tcp" ? Protocol::tcp : Protocol::udp)};
}

// `203.0.113.10:80/tcp`; port 0, which is every port, as `*`.
std::string vip_text(const ServiceConfig& service) {
  const std::string host =
      service.address.is_v4() ? service.address.to_string() : '[' + service.address.to_string() + ']';
  const std::string port = service.port == PortHost(0) ? "*" : std::to_string(service.port.value());
  return fmt::format("{}:{}/{}", host, port, to_text(service.protocol));
}

const ServiceConfig* service_of(const RunningPlane& running, const FlowAnswer& answer) {
  if (!answer.service) return nullptr;
  const auto& services = running.config.services;
  const auto found = std::find_if(services.begin(), services.end(), [&](const ServiceConfig& service) {
    return running.writer.find_service(service_key_of(service)) == answer.service;
  });
  return found == services.end() ? nullptr : &*found;
}

const MemberConfig* member_of(const RunningPlane& running, const PoolConfig* pool, BackendIndex backend) {
  if (pool == nullptr) return nullptr;
  const auto found = std::find_if(pool->members.begin(), pool->members.end(), [&](const MemberConfig& member) {
    return running.writer.find_backend(backend_key_of(*pool, member)) == backend;
  });
  return found == pool->members.end() ? nullptr : &*found;
}

std::string_view verdict_text(sluice_reason_class reason_class) {
  if (reason_class == SLUICE_CLASS_TX) return "forward";
  return reason_class == SLUICE_CLASS_KERNEL ? "kernel" : "drop";
}

json::object explanation(const RunningPlane& running, const FlowAnswer& answer) {
  const ServiceConfig* service = service_of(running, answer);
  const PoolConfig* pool = service == nullptr ? nullptr : &running.config.pools[service->pool_index];
  const auto name_of = [&](BackendIndex backend) {
    const MemberConfig* member = member_of(running, pool, backend);
    return member == nullptr ? fmt::format("#{}", backend.value()) : member->name;
  };
  const ReasonText& reason = reason_texts()[answer.reason];
  json::object made = {{"vip", nullptr},
                       {"service", nullptr},
                       {"pool", nullptr},
                       {"slot", nullptr},
                       {"slots", nullptr},
                       {"generation", answer.generation},
                       {"backend", nullptr},
                       {"backend_address", nullptr},
                       {"candidates", json::array()},
                       {"remembered", answer.backend_remembered.has_value()},
                       {"verdict", text(verdict_text(reason.reason_class))},
                       {"reason", text(reason.name)},
                       {"reason_text", text(reason.text)}};
  for (const BackendIndex candidate : answer.candidates)
    made["candidates"].get_array().push_back(text(name_of(candidate)));
  if (service != nullptr) {
    made["vip"] = text(vip_text(*service));
    made["service"] = service->name;
    made["pool"] = pool->name;
  }
  if (answer.slot) {
    made["slot"] = *answer.slot;
    made["slots"] = answer.slots_count;
  }
  if (const MemberConfig* member = answer.backend ? member_of(running, pool, *answer.backend) : nullptr) {
    made["backend"] = member->name;
    made["backend_address"] = member->address.to_string();
    made["encapsulation"] = text(to_text(pool->encapsulation));
  }
  return made;
}

std::size_t members_count(const ForwardingModel& model) {
  std::size_t count = 0;
  for (const ForwardingPool& pool : model.pools) count += pool.members.size();
  return count;
}

std::uint64_t age_seconds(std::uint64_t now_ns, std::uint64_t then_ns) {
  return now_ns > then_ns ? (now_ns - then_ns) / 1000000000 : 0;
}

json::value cluster_value(const PlaneStatus& status) {
  if (!status.cluster) return nullptr;
  return {{"generation", status.cluster->generation},
          {"phase", text(to_text(status.cluster->phase))},
          {"table_hash", hash_text(status.cluster->table_hash)},
          {"age_seconds", age_seconds(status.now_realtime_ns, status.cluster->told_realtime_ns)}};
}

}  // namespace

json::object version_answer(const std::string& plane) {
  return {{"version", SLUICE_VERSION},
          {"plane", plane},
          {"image_version", SLUICE_IMAGE_VERSION},
          {"hash_version", SLUICE_HASH_VERSION}};
}

json::object status_answer(const ForwardingModel& model, const ImageWriter& writer, const PlaneStatus& status) {
  const std::uint64_t updated = writer.tables().control->active.updated_ns;
  json::array interfaces;
  for (const InterfaceStatus& one : status.interfaces)
    interfaces.push_back({{"name", one.name}, {"mode", one.mode}, {"note", one.note}});
  json::object counts;
  for (const PlaneCount& one : status.counts) counts[one.name] = one.value;
  json::array unresolved;
  json::object reasons;
  for (const UnresolvedBackend& one : status.unresolved) {
    unresolved.push_back(text(one.name));
    reasons[one.name] = one.reason;
  }
  return {{"version", SLUICE_VERSION},
          {"plane", status.plane},
          {"generation", writer.generation().value()},
          {"updated_seconds", age_seconds(status.now_realtime_ns, updated)},
          {"uptime_seconds", status.uptime.count()},
          {"config_file", status.config_file},
          {"source", text(to_text(status.source))},
          {"cluster", cluster_value(status)},
          {"fenced", status.fencing == Fencing::fenced},
          {"services", model.services.size()},
          {"pools", model.pools.size()},
          {"backends", members_count(model)},
          {"interfaces", std::move(interfaces)},
          {"counts", std::move(counts)},
          {"unresolved", std::move(unresolved)},
          {"unresolved_reasons", std::move(reasons)},
          {"memory_bytes", status.memory_bytes}};
}

json::object stats_answer(const RunningPlane& running) {
  const ImageTotals totals = read_totals(running.writer.tables());
  const ClassSums sums = sums_of(totals);
  json::array services;
  for (const ServiceConfig& service : running.config.services) services.push_back(service_stats(running, service));
  json::array backends;
  for (const PoolConfig& pool : running.config.pools)
    for (const MemberConfig& member : pool.members) backends.push_back(backend_stats(running, pool, member));
  return {{"generation", running.writer.generation().value()},
          {"rx_packets", totals.rx_packets},
          {"rx_bytes", totals.rx_bytes},
          {"tx_packets", sums.tx},
          {"kernel_packets", sums.kernel},
          {"drop_packets", sums.drop},
          {"flow_hits", totals.flow_hits},
          {"flow_inserts", totals.flow_inserts},
          {"flow_inserts_limited", totals.flow_inserts_limited},
          {"flow_evictions", totals.flow_evictions},
          {"services", std::move(services)},
          {"backends", std::move(backends)}};
}

json::object drops_answer(const RunningPlane& running) {
  const ImageTotals totals = read_totals(running.writer.tables());
  json::array reasons;
  for (std::size_t reason = 0; reason < totals.reasons.size(); ++reason) {
    const ReasonText& one = reason_texts()[reason];
    reasons.push_back({{"name", text(one.name)},
                       {"class", text(class_text(one.reason_class))},
                       {"packets", totals.reasons[reason]},
                       {"text", text(one.text)}});
  }
  return {{"rx_packets", totals.rx_packets}, {"reasons", std::move(reasons)}};
}

json::object config_answer(const Config& config) {
  return {{"config", print_config(config)}};
}

Result<json::object> table_answer(const RunningPlane& running, const ControlRequest& request) {
  json::array pools;
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < running.config.pools.size(); ++i) {
    const PoolConfig& pool = running.config.pools[i];
    names.push_back(pool.name);
    if (request.pool.empty() || request.pool == pool.name)
      pools.push_back(pool_table(pool, running.model.pools[i], request.owners));
  }
  if (pools.empty() && !request.pool.empty())
    return make_error(ErrorCode::not_found,
                      "there is no pool " + in_quotes(request.pool) + did_you_mean(request.pool, names));
  return json::object{{"generation", running.writer.generation().value()}, {"pools", std::move(pools)}};
}

Result<json::object> explain_answer(const RunningPlane& running, const ControlRequest& request, std::uint32_t now) {
  const Result<FlowQuery> flow = flow_of(request);
  if (!flow) return flow.error();
  return explanation(running, explain_flow(running.writer.tables(), *flow, now));
}

}  // namespace sluice
