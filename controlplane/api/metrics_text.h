// SPDX-License-Identifier: Apache-2.0
// Prometheus' text format 0.0.4. Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cluster_port.h"

namespace sluice::api {

[[nodiscard]] std::string metrics_text(std::span<const node::Metric> metrics);
// sluice_build_info, sluice_raft_*, sluice_node_*
[[nodiscard]] std::vector<node::Metric> cluster_metrics(const node::ClusterStatus& status);

}  // namespace sluice::api
