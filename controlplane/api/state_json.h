// SPDX-License-Identifier: Apache-2.0
// What the cluster is, as JSON (docs/openapi.json). Pure.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string_view>

#include "cluster_port.h"
#include "cluster_state.h"
#include "plan_model.h"

namespace sluice::api {

[[nodiscard]] boost::json::object service_json(const model::ServiceRecord& service);
[[nodiscard]] boost::json::object pool_json(const PoolConfig& pool);
// With its slots in the active generation.
[[nodiscard]] boost::json::object backend_json(const model::ClusterState& state, const PoolConfig& pool,
                                               const MemberConfig& backend);
[[nodiscard]] boost::json::array backends_json(const model::ClusterState& state, const PoolConfig& pool);

enum class TableDetail : std::uint8_t { members, owners };
// As a plane answers {"op":"table"}, of the active generation.
[[nodiscard]] boost::json::object table_json(const model::PoolTable& table, TableDetail detail);

[[nodiscard]] boost::json::object node_json(const node::NodeStatus& status);
[[nodiscard]] boost::json::object cluster_json(const node::ClusterStatus& status);

[[nodiscard]] boost::json::object revision_json(const model::RevisionInfo& revision);
[[nodiscard]] boost::json::object audit_json(const model::AuditEntry& entry);

// What a change would move, in the words of `sluice plan`.
[[nodiscard]] Plan plan_of(const model::ClusterState& state, const model::Plan& planned);

}  // namespace sluice::api
