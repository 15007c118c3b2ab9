// SPDX-License-Identifier: Apache-2.0
#include "api_service.h"

#include <boost/json.hpp>

#include "event_text.h"

namespace sluice::api {

namespace json = boost::json;
using node::ApiCode;

void ApiService::fail(const CallPtr& call, const node::ApiError& error) {
  call->done(error_response(error));
}

void ApiService::answer(const CallPtr& call, json::object body) {
  ApiResponse response;
  response.body = json::serialize(body);
  call->done(std::move(response));
}

void ApiService::handle(ApiRequest request, std::function<void(ApiResponse)> done) {
  const auto call = std::make_shared<Call>();
  call->request = std::move(request);
  call->done = std::move(done);
  auto target = parse_target(call->request.target);
  if (!target) return fail(call, target.error());
  call->target = std::move(*target);
  auto match = match_route(call->request.method, call->target.segments);
  if (!match) {
    ApiResponse response = error_response(match.error());
    if (match.error().code == ApiCode::invalid) response.status = 405;
    call->done(std::move(response));
    return;
  }
  call->match = std::move(*match);
  if (const node::ApiStatus allowed = check_role(*call->match.route, call->request.who); !allowed)
    return fail(call, allowed.error());
  dispatch(call);
}

void ApiService::dispatch(const CallPtr& call) {
  switch (call->match.route->operation) {
    case Operation::healthz:
    case Operation::readyz:
      return get_health(call);
    case Operation::metrics:
      return get_metrics(call);
    case Operation::get_cluster:
    case Operation::list_nodes:
    case Operation::get_node:
      return get_status(call);
    case Operation::add_member:
      return add_member(call);
    case Operation::promote_member:
    case Operation::remove_member:
    case Operation::transfer_leadership:
      return change_members(call);
    case Operation::get_snapshot:
      return get_snapshot(call);
    case Operation::list_services:
    case Operation::get_service:
      return get_services(call);
    case Operation::list_pools:
    case Operation::get_pool:
      return get_pools(call);
    case Operation::list_all_backends:
    case Operation::list_backends:
    case Operation::get_backend:
      return get_backends(call);
    case Operation::get_config:
      return get_config(call);
    case Operation::list_history:
      return get_history(call);
    case Operation::get_audit:
      return get_audit(call);
    case Operation::list_tables:
    case Operation::get_table:
      return get_tables(call);
    case Operation::plan:
    case Operation::diff_config:
      return plan(call);
    case Operation::follow_events:
      return follow_events(call);
    case Operation::explain:
      return explain(call);
    default:
      return dispatch_write(call);
  }
}

std::unique_ptr<node::Subscription> ApiService::follow(const EventsFrom& from, node::EventFeed feed) {
  if (from.kind.empty()) return port_.subscribe_events(from.after, std::move(feed));
  node::EventFeed filtered;
  filtered.gap = feed.gap;
  filtered.event = [kind = from.kind, event = std::move(feed.event)](const node::Event& each) {
    if (each.kind == kind) event(each);
  };
  return port_.subscribe_events(from.after, std::move(filtered));
}

std::chrono::milliseconds ApiService::patience(const ApiRequest& request) const {
  const auto target = parse_target(request.target);
  const std::string* timeout = target ? target->find("timeout") : nullptr;
  if (timeout == nullptr) return {};
  const auto duration = parse_duration(*timeout);
  return duration ? *duration : std::chrono::milliseconds();
}

}  // namespace sluice::api
