// SPDX-License-Identifier: Apache-2.0
// Which requests there are, and who may send them. docs/openapi.json describes every one of them (tests/api). Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api_types.h"

namespace sluice::api {

enum class Operation : std::uint8_t {
  healthz,
  readyz,
  metrics,
  get_cluster,
  add_member,
  promote_member,
  remove_member,
  transfer_leadership,
  get_snapshot,
  list_nodes,
  get_node,
  list_services,
  add_service,
  get_service,
  set_service,
  remove_service,
  list_pools,
  add_pool,
  get_pool,
  set_pool,
  remove_pool,
  list_all_backends,
  list_backends,
  add_backend,
  get_backend,
  set_backend,
  remove_backend,
  set_weight,
  get_config,
  apply_config,
  diff_config,
  confirm_config,
  rollback_config,
  list_history,
  follow_events,
  get_audit,
  explain,
  plan,
  list_tables,
  get_table,
};

struct Route {
  Method method;
  std::string_view pattern;  // "/v1/pools/{pool}"
  Role role;                 // at least
  Operation operation;
  std::string_view id;  // operationId
};

[[nodiscard]] std::span<const Route> routes();

struct RouteMatch {
  const Route* route = nullptr;
  std::vector<std::string> names;  // what stood for {…}, in order
};

// not_found: no such path, with a suggestion. invalid: the path is there, and not for this method; `hint` has those it
// is for.
[[nodiscard]] node::ApiResult<RouteMatch> match_route(Method method, std::span<const std::string> segments);

// forbidden, with what would be needed.
[[nodiscard]] node::ApiStatus check_role(const Route& route, const Identity& who);

}  // namespace sluice::api
