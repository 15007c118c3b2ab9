// SPDX-License-Identifier: Apache-2.0
// What the API tells of the replicated state.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "api_service.h"
#include "change_json.h"
#include "config_source.h"
#include "object_reader.h"
#include "plan_json.h"
#include "state_json.h"
#include "suggest.h"
#include "write_outcome.h"

namespace sluice::api {
namespace {

namespace json = boost::json;
using node::ApiCode;
using node::ApiResult;

node::ApiResult<node::Consistency> consistency_of(const RequestTarget& target) {
  const std::string* wanted = target.find("consistency");
  if (wanted == nullptr || *wanted == "consistent") return node::Consistency::consistent;
  if (*wanted == "local") return node::Consistency::local;
  return node::api_error(ApiCode::invalid, fmt::format("consistency {} is unknown", in_quotes(*wanted)),
                         "allowed: consistent, local");
}

std::string etag_of(std::uint64_t revision) {
  return fmt::format("\"{}\"", revision);
}

// Without a quorum a consistent answer is refused; the same question of this node alone is not.
node::ApiError with_local_hint(node::ApiError error) {
  if (error.code == ApiCode::no_leader && error.hint.empty())
    error.hint = "consistency=local (sluice ... --local) answers from what this node has";
  return error;
}

json::object tables_of(const model::ClusterState& state, TableDetail detail) {
  json::array pools;
  for (const auto& [name, table] : state.active()->pools) pools.push_back(table_json(*table, detail));
  return {{"generation", state.active()->number}, {"pools", std::move(pools)}};
}

}  // namespace

void ApiService::read(const CallPtr& call, Caching caching, std::initializer_list<std::string_view> parameters,
                      Describe describe) {
  std::vector<std::string_view> known(parameters);
  known.emplace_back("consistency");
  for (const auto& [key, value] : call->target.query) {
    if (std::find(known.begin(), known.end(), std::string_view(key)) != known.end()) continue;
    return fail(call, node::api_error(ApiCode::invalid, fmt::format("unknown query parameter {}{}", in_quotes(key),
                                                                    did_you_mean(key, known))));
  }
  const auto consistency = consistency_of(call->target);
  if (!consistency) return fail(call, consistency.error());
  port_.read(*consistency,
             [this, call, caching, describe = std::move(describe)](const ApiResult<node::StateView>& view) {
               if (!view) return fail(call, with_local_hint(view.error()));
               const std::string etag = etag_of(view->state.revision());
               ApiResponse response;
               response.headers.emplace_back("ETag", etag);
               response.headers.emplace_back("Sluice-Applied", std::to_string(view->applied.value()));
               response.headers.emplace_back("Sluice-Age-Ms", std::to_string(view->age.count()));
               if (caching == Caching::by_revision && call->request.if_none_match == etag) {
                 response.status = 304;
                 return call->done(std::move(response));
               }
               ApiResult<json::object> body = describe(*view);
               if (!body) return fail(call, body.error());
               body->insert_or_assign("revision", view->state.revision());
               response.body = json::serialize(*body);
               call->done(std::move(response));
             });
}

void ApiService::get_services(const CallPtr& call) {
  if (call->match.route->operation == Operation::list_services) {
    return read(call, Caching::by_revision, {}, [](const node::StateView& view) -> ApiResult<json::object> {
      json::array services;
      for (const auto& [name, service] : view.state.services()) services.push_back(service_json(*service));
      return json::object{{"services", std::move(services)}};
    });
  }
  read(call, Caching::by_revision, {}, [call](const node::StateView& view) -> ApiResult<json::object> {
    const auto service = view.state.find_service(call->name(0));
    if (!service) return node::api_error_of(service.error());
    return service_json(**service);
  });
}

void ApiService::get_pools(const CallPtr& call) {
  if (call->match.route->operation == Operation::list_pools) {
    return read(call, Caching::by_revision, {}, [](const node::StateView& view) -> ApiResult<json::object> {
      json::array pools;
      for (const auto& [name, pool] : view.state.pools()) pools.push_back(pool_json(*pool));
      return json::object{{"pools", std::move(pools)}};
    });
  }
  read(call, Caching::by_revision, {}, [call](const node::StateView& view) -> ApiResult<json::object> {
    const auto pool = view.state.find_pool(call->name(0));
    if (!pool) return node::api_error_of(pool.error());
    json::object object = pool_json(**pool);
    json::array services;
    for (const std::string& service : view.state.services_of_pool(call->name(0)))
      services.push_back(json::string(service));
    object["services"] = std::move(services);
    return object;
  });
}

void ApiService::get_backends(const CallPtr& call) {
  const Operation operation = call->match.route->operation;
  if (operation == Operation::list_all_backends) {
    return read(call, Caching::none, {}, [](const node::StateView& view) -> ApiResult<json::object> {
      json::array backends;
      for (const auto& [name, pool] : view.state.pools()) {
        for (json::value& row : backends_json(view.state, *pool)) backends.push_back(std::move(row));
      }
      return json::object{{"backends", std::move(backends)}};
    });
  }
  read(call, Caching::none, {}, [call, operation](const node::StateView& view) -> ApiResult<json::object> {
    const auto pool = view.state.find_pool(call->name(0));
    if (!pool) return node::api_error_of(pool.error());
    if (operation == Operation::list_backends)
      return json::object{{"pool", (*pool)->name}, {"backends", backends_json(view.state, **pool)}};
    const auto backend = view.state.find_backend(call->name(0), call->name(1));
    if (!backend) return node::api_error_of(backend.error());
    return backend_json(view.state, **pool, **backend);
  });
}

void ApiService::get_config(const CallPtr& call) {
  const auto wanted = number_of(call->target, "revision");
  if (!wanted) return fail(call, wanted.error());
  read(call, Caching::none, {"revision"}, [wanted = *wanted](const node::StateView& view) -> ApiResult<json::object> {
    const std::uint64_t of = wanted.value_or(view.state.revision());
    const Result<Config> config = view.state.config_at(of);
    if (!config) return node::api_error_of(config.error());
    return json::object{{"of_revision", of}, {"config", cluster_config_text(*config)}};
  });
}

void ApiService::get_history(const CallPtr& call) {
  read(call, Caching::by_revision, {}, [](const node::StateView& view) -> ApiResult<json::object> {
    json::array revisions;
    for (const model::RevisionInfo& revision : view.state.history()) revisions.push_back(revision_json(revision));
    return json::object{{"revisions", std::move(revisions)}};
  });
}

void ApiService::get_audit(const CallPtr& call) {
  const auto limit = number_of(call->target, "limit");
  if (!limit) return fail(call, limit.error());
  read(call, Caching::none, {"limit"}, [limit = *limit](const node::StateView& view) -> ApiResult<json::object> {
    const auto& audit = view.state.audit();
    const std::size_t count = std::min<std::size_t>(audit.size(), limit.value_or(audit.size()));
    json::array entries;
    for (std::size_t i = audit.size() - count; i < audit.size(); ++i) entries.push_back(audit_json(audit[i]));
    return json::object{{"count", view.state.audit_count()},
                        {"head", to_hex(view.state.audit_head())},
                        {"entries", std::move(entries)}};
  });
}

void ApiService::get_tables(const CallPtr& call) {
  const auto owners = flag_of(call->target, "owners");
  if (!owners) return fail(call, owners.error());
  const TableDetail detail = *owners ? TableDetail::owners : TableDetail::members;
  if (call->match.route->operation == Operation::list_tables) {
    return read(call, Caching::none, {}, [](const node::StateView& view) -> ApiResult<json::object> {
      return tables_of(view.state, TableDetail::members);
    });
  }
  read(call, Caching::none, {"owners"}, [call, detail](const node::StateView& view) -> ApiResult<json::object> {
    const auto& pools = view.state.active()->pools;
    const auto found = pools.find(call->name(0));
    if (found == pools.end()) {
      const auto pool = view.state.find_pool(call->name(0));
      if (!pool) return node::api_error_of(pool.error());
      return node::api_error(ApiCode::not_found, fmt::format("pool {} has no table yet", in_quotes(call->name(0))),
                             "it comes with the next generation");
    }
    json::array pools_json;
    pools_json.push_back(table_json(*found->second, detail));
    return json::object{{"generation", view.state.active()->number}, {"pools", std::move(pools_json)}};
  });
}

void ApiService::plan(const CallPtr& call) {
  const auto force = flag_of(call->target, "force");
  if (!force) return fail(call, force.error());
  const auto body = parse_body(call->request.body);
  if (!body) return fail(call, body.error());
  auto wish = apply_of_json(*body);
  if (!wish) return fail(call, wish.error());
  model::Change change;
  change.force = *force;
  change.operations.emplace_back(std::move(wish->all));
  const bool is_diff = call->match.route->operation == Operation::diff_config;
  read(call, Caching::none, {"force"},
       [change = std::move(change), is_diff](const node::StateView& view) -> ApiResult<json::object> {
         const model::Plan planned = view.state.plan(change);
         // A guard says what it would refuse, and the plan stands beside it.
         if (!planned.outcome.ok() && planned.outcome.code != model::OutcomeCode::guard)
           return node::refusal_of(planned.outcome);
         json::object object = {{"equal", planned.changes.empty()}, {"changes", changes_json(planned.changes)}};
         if (is_diff) return object;
         json::array guards;
         for (const std::string& guard : planned.guards) guards.push_back(json::string(guard));
         object["guards"] = std::move(guards);
         object["plan"] = plan_json(plan_of(view.state, planned));
         return object;
       });
}

}  // namespace sluice::api
