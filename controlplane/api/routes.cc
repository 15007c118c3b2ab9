// SPDX-License-Identifier: Apache-2.0
#include "routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "suggest.h"

namespace sluice::api {
namespace {

using node::ApiCode;

constexpr std::array table = {
    Route{Method::get, "/healthz", Role::viewer, Operation::healthz, "healthz"},
    Route{Method::get, "/readyz", Role::viewer, Operation::readyz, "readyz"},
    Route{Method::get, "/metrics", Role::viewer, Operation::metrics, "metrics"},
    Route{Method::get, "/v1/cluster", Role::viewer, Operation::get_cluster, "getCluster"},
    Route{Method::post, "/v1/cluster/members", Role::admin, Operation::add_member, "addMember"},
    Route{Method::post, "/v1/cluster/members/{node}/promote", Role::admin, Operation::promote_member, "promoteMember"},
    Route{Method::erase, "/v1/cluster/members/{node}", Role::admin, Operation::remove_member, "removeMember"},
    Route{Method::post, "/v1/cluster/transfer", Role::admin, Operation::transfer_leadership, "transferLeadership"},
    Route{Method::get, "/v1/snapshot", Role::admin, Operation::get_snapshot, "getSnapshot"},
    Route{Method::get, "/v1/nodes", Role::viewer, Operation::list_nodes, "listNodes"},
    Route{Method::get, "/v1/nodes/{node}", Role::viewer, Operation::get_node, "getNode"},
    Route{Method::get, "/v1/services", Role::viewer, Operation::list_services, "listServices"},
    Route{Method::post, "/v1/services", Role::operates, Operation::add_service, "addService"},
    Route{Method::get, "/v1/services/{service}", Role::viewer, Operation::get_service, "getService"},
    Route{Method::patch, "/v1/services/{service}", Role::operates, Operation::set_service, "setService"},
    Route{Method::erase, "/v1/services/{service}", Role::operates, Operation::remove_service, "removeService"},
    Route{Method::get, "/v1/pools", Role::viewer, Operation::list_pools, "listPools"},
    Route{Method::post, "/v1/pools", Role::operates, Operation::add_pool, "addPool"},
    Route{Method::get, "/v1/pools/{pool}", Role::viewer, Operation::get_pool, "getPool"},
    Route{Method::patch, "/v1/pools/{pool}", Role::operates, Operation::set_pool, "setPool"},
    Route{Method::erase, "/v1/pools/{pool}", Role::operates, Operation::remove_pool, "removePool"},
    Route{Method::get, "/v1/backends", Role::viewer, Operation::list_all_backends, "listAllBackends"},
    Route{Method::get, "/v1/pools/{pool}/backends", Role::viewer, Operation::list_backends, "listBackends"},
    Route{Method::post, "/v1/pools/{pool}/backends", Role::operates, Operation::add_backend, "addBackend"},
    Route{Method::get, "/v1/pools/{pool}/backends/{backend}", Role::viewer, Operation::get_backend, "getBackend"},
    Route{Method::patch, "/v1/pools/{pool}/backends/{backend}", Role::operates, Operation::set_backend, "setBackend"},
    Route{Method::erase, "/v1/pools/{pool}/backends/{backend}", Role::operates, Operation::remove_backend,
          "removeBackend"},
    Route{Method::put, "/v1/pools/{pool}/backends/{backend}/weight", Role::operates, Operation::set_weight,
          "setWeight"},
    Route{Method::get, "/v1/config", Role::viewer, Operation::get_config, "getConfig"},
    Route{Method::post, "/v1/config/apply", Role::operates, Operation::apply_config, "applyConfig"},
    Route{Method::post, "/v1/config/diff", Role::viewer, Operation::diff_config, "diffConfig"},
    Route{Method::post, "/v1/config/confirm", Role::operates, Operation::confirm_config, "confirmConfig"},
    Route{Method::post, "/v1/config/rollback", Role::operates, Operation::rollback_config, "rollbackConfig"},
    Route{Method::get, "/v1/config/history", Role::viewer, Operation::list_history, "listHistory"},
    Route{Method::get, "/v1/events", Role::viewer, Operation::follow_events, "followEvents"},
    Route{Method::get, "/v1/audit", Role::viewer, Operation::get_audit, "getAudit"},
    Route{Method::get, "/v1/explain", Role::viewer, Operation::explain, "explain"},
    Route{Method::post, "/v1/plan", Role::viewer, Operation::plan, "plan"},
    Route{Method::get, "/v1/tables", Role::viewer, Operation::list_tables, "listTables"},
    Route{Method::get, "/v1/tables/{pool}", Role::viewer, Operation::get_table, "getTable"},
};

// Nothing: another path. Otherwise what stands for the names.
std::optional<std::vector<std::string>> names_in(std::string_view pattern, std::span<const std::string> segments) {
  std::vector<std::string> names;
  pattern.remove_prefix(1);
  for (const std::string& segment : segments) {
    if (pattern.empty()) return std::nullopt;
    const std::string_view part = pattern.substr(0, pattern.find('/'));
    pattern.remove_prefix(std::min(pattern.size(), part.size() + 1));
    if (part.front() == '{') {
      if (segment.empty()) return std::nullopt;
      names.push_back(segment);
    } else if (part != segment) {
      return std::nullopt;
    }
  }
  if (!pattern.empty()) return std::nullopt;
  return names;
}

node::ApiError no_such_path(std::span<const std::string> segments) {
  std::string path;
  for (const std::string& segment : segments) path += '/' + segment;
  std::vector<std::string_view> known;
  for (const Route& route : table) known.push_back(route.pattern);
  return node::api_error(ApiCode::not_found, fmt::format("no path {}{}", in_quotes(path), did_you_mean(path, known)));
}

}  // namespace

std::span<const Route> routes() {
  return table;
}

node::ApiResult<RouteMatch> match_route(Method method, std::span<const std::string> segments) {
  std::string allowed;
  for (const Route& route : table) {
    auto names = names_in(route.pattern, segments);
    if (!names) continue;
    if (route.method == method) return RouteMatch{&route, std::move(*names)};
    allowed += (allowed.empty() ? "" : ", ") + std::string(to_text(route.method));
  }
  if (allowed.empty()) return no_such_path(segments);
  return node::api_error(ApiCode::invalid, fmt::format("{} is not for this path", to_text(method)),
                         "allowed: " + allowed);
}

node::ApiStatus check_role(const Route& route, const Identity& who) {
  if (who.role >= route.role) return {};
  return node::api_error(ApiCode::forbidden, fmt::format("{} is {}, and this needs {}",
                                                         who.name.empty() ? std::string("this client") : who.name,
                                                         to_text(who.role), to_text(route.role)));
}

}  // namespace sluice::api
