// SPDX-License-Identifier: Apache-2.0
#include "worker_plan.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice {
namespace {

bool has(std::span<const std::uint16_t> cpus, std::uint16_t cpu) {
  return std::find(cpus.begin(), cpus.end(), cpu) != cpus.end();
}

}  // namespace

Result<CpuPlan> plan_cpus(const DpdkConfig& config, std::span<const std::uint16_t> allowed) {
  CpuPlan plan;
  if (config.workers > allowed.size())
    return make_error(
        ErrorCode::invalid_argument,
        fmt::format("[plane.dpdk] workers = {}, but this process may run on {} CPUs ({}); each worker "
                    "polls on a CPU of its own, so lower workers, or allow it more CPUs (taskset, cpuset)",
                    config.workers, allowed.size(), fmt::join(allowed, ", ")));
  plan.workers = config.cpus;
  if (plan.workers.empty()) plan.workers.assign(allowed.end() - config.workers, allowed.end());
  for (const std::uint16_t cpu : plan.workers) {
    if (!has(allowed, cpu))
      return make_error(ErrorCode::invalid_argument,
                        fmt::format("[plane.dpdk] cpus: this process may not run on CPU {}; it may on {}", cpu,
                                    fmt::join(allowed, ", ")));
  }
  std::copy_if(allowed.begin(), allowed.end(), std::back_inserter(plan.control),
               [&](std::uint16_t cpu) { return !has(plan.workers, cpu); });
  if (plan.control.empty()) {
    plan.control.assign(allowed.begin(), allowed.end());
    plan.is_shared = true;
  }
  return plan;
}

std::vector<std::vector<QueuePlace>> spread_queues(std::span<const std::uint16_t> queues, std::uint16_t workers) {
  std::vector<std::vector<QueuePlace>> plan(workers);
  std::size_t next = 0;
  for (std::uint16_t port = 0; port < queues.size(); ++port) {
    for (std::uint16_t queue = 0; queue < queues[port]; ++queue) plan[next++ % workers].push_back({port, queue});
  }
  return plan;
}

}  // namespace sluice
