// SPDX-License-Identifier: Apache-2.0
// What the API says of the nodes, and what it does with them.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "api_service.h"
#include "hex_number.h"
#include "metrics_text.h"
#include "object_reader.h"
#include "state_json.h"
#include "suggest.h"

namespace sluice::api {
namespace {

namespace json = boost::json;
using node::ApiCode;
using node::ApiResult;

ApiResult<json::object> one_node(const node::ClusterStatus& status, std::string_view name) {
  std::vector<std::string_view> names;
  for (const node::NodeStatus& each : status.nodes) {
    if (each.name == name) return node_json(each);
    names.push_back(each.name);
  }
  return node::api_error(ApiCode::not_found, fmt::format("no node {}{}", in_quotes(name), did_you_mean(name, names)),
                         "sluice node list shows them");
}

}  // namespace

void ApiService::get_status(const CallPtr& call) {
  // Of this node's knowledge, always: asked for in vain it would not help against a lost quorum.
  if (const auto known = only_known(call->target, {"consistency"}); !known) return fail(call, known.error());
  const node::ClusterStatus status = port_.status();
  switch (call->match.route->operation) {
    case Operation::get_cluster:
      return answer(call, cluster_json(status));
    case Operation::list_nodes: {
      json::array nodes;
      for (const node::NodeStatus& each : status.nodes) nodes.push_back(node_json(each));
      return answer(call, {{"nodes", std::move(nodes)}});
    }
    default: {
      ApiResult<json::object> node = one_node(status, call->name(0));
      if (!node) return fail(call, node.error());
      return answer(call, std::move(*node));
    }
  }
}

void ApiService::get_health(const CallPtr& call) {
  ApiResponse response;
  response.content_type = "text/plain";
  response.body = "ok\n";
  if (call->match.route->operation == Operation::readyz) {
    const node::ClusterStatus status = port_.status();
    if (status.leader.value() == 0) {
      response.status = 503;
      response.body = "no leader" + (status.reason.empty() ? std::string() : ": " + status.reason) + '\n';
    } else if (!status.is_plane_published) {
      response.status = 503;
      response.body = "the plane of this node has no generation yet\n";
    }
  }
  call->done(std::move(response));
}

void ApiService::get_metrics(const CallPtr& call) {
  std::vector<node::Metric> metrics = cluster_metrics(port_.status());
  for (node::Metric& metric : port_.metrics()) metrics.push_back(std::move(metric));
  ApiResponse response;
  response.content_type = "text/plain; version=0.0.4";
  response.body = metrics_text(metrics);
  call->done(std::move(response));
}

void ApiService::explain(const CallPtr& call) {
  if (const auto known = only_known(call->target, {"source", "destination", "protocol"}); !known)
    return fail(call, known.error());
  node::ExplainQuery query;
  const std::string* source = call->target.find("source");
  const std::string* destination = call->target.find("destination");
  const std::string* protocol = call->target.find("protocol");
  if (source == nullptr || destination == nullptr)
    return fail(call, node::api_error(ApiCode::invalid, "explain needs source and destination"));
  query.source = *source;
  query.destination = *destination;
  query.protocol = protocol == nullptr ? "tcp" : *protocol;
  port_.explain(std::move(query), [this, call](const ApiResult<std::string>& text) {
    if (!text) return fail(call, text.error());
    ApiResponse response;
    response.body = *text;
    call->done(std::move(response));
  });
}

void ApiService::get_snapshot(const CallPtr& call) {
  port_.snapshot([this, call](const ApiResult<std::shared_ptr<const std::string>>& bytes) {
    if (!bytes) return fail(call, bytes.error());
    ApiResponse response;
    response.content_type = "application/octet-stream";
    response.shared_body = *bytes;
    call->done(std::move(response));
  });
}

void ApiService::add_member(const CallPtr& call) {
  const auto body = parse_body(call->request.body);
  if (!body) return fail(call, body.error());
  ObjectReader reader(*body);
  raft::Member member;
  member.role = raft::MemberRole::learner;
  member.name = reader.required_text("name");
  member.address = reader.required_text("address");
  const std::string id = reader.required_text("id");
  const std::optional<std::uint64_t> number = parse_hex(id);
  if (!number || *number == 0)
    reader.fail("id", fmt::format("{} is no node id: up to 16 hex digits, not 0", in_quotes(id)));
  if (const node::ApiStatus status = reader.finish(); !status) return fail(call, status.error());
  member.id = raft::NodeId(number.value_or(0));
  port_.add_member(std::move(member), [this, call](const ApiResult<raft::LogIndex>& index) {
    if (!index) return fail(call, index.error());
    answer(call, {{"index", index->value()}});
  });
}

void ApiService::change_members(const CallPtr& call) {
  const auto done = [this, call](const ApiResult<raft::LogIndex>& index) {
    if (!index) return fail(call, index.error());
    answer(call, {{"index", index->value()}});
  };
  const auto body = parse_body(call->request.body);
  if (!body) return fail(call, body.error());
  ObjectReader reader(*body);
  const bool is_transfer = call->match.route->operation == Operation::transfer_leadership;
  const std::string to = is_transfer ? reader.required_text("to") : call->name(0);
  if (const node::ApiStatus status = reader.finish(); !status) return fail(call, status.error());
  if (is_transfer) return port_.transfer_leadership(to, done);
  if (call->match.route->operation == Operation::promote_member) return port_.promote_member(to, done);
  port_.remove_member(to, done);
}

void ApiService::follow_events(const CallPtr& call) {
  if (const auto known = only_known(call->target, {"after", "kind"}); !known) return fail(call, known.error());
  const auto after = number_of(call->target, "after");
  if (!after) return fail(call, after.error());
  ApiResponse response;
  response.events = EventsFrom{};
  response.events->after = *after;
  if (call->request.last_event_id) {
    const auto last = parse_number(*call->request.last_event_id);
    if (!last) return fail(call, node::api_error(ApiCode::invalid, "Last-Event-ID is not a number"));
    response.events->after = *last;
  }
  if (const std::string* kind = call->target.find("kind")) response.events->kind = *kind;
  call->done(std::move(response));
}

}  // namespace sluice::api
