// SPDX-License-Identifier: Apache-2.0
#include "worker_set.h"

#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>

namespace sluice {

int WorkerSet::run(void* thread) {
  const auto* self = static_cast<const Thread*>(thread);
  self->worker->run(*self->stop);
  return 0;
}

Status WorkerSet::start(const std::vector<WorkerOptions>& options) {
  for (const WorkerOptions& one : options) threads_.push_back({std::make_unique<Worker>(one), &stop_});
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    const auto lcore = static_cast<unsigned>(i + 1);
    if (const int failed = rte_eal_remote_launch(run, &threads_[i], lcore); failed != 0) {
      stop();
      return make_error(ErrorCode::internal,
                        "worker " + std::to_string(i) + " does not start: " + rte_strerror(-failed));
    }
  }
  return {};
}

void WorkerSet::stop() {
  stop_.store(true);
  for (std::size_t i = 0; i < threads_.size(); ++i) rte_eal_wait_lcore(static_cast<unsigned>(i + 1));
}

WorkerCounts WorkerSet::counts() const {
  WorkerCounts sum;
  for (const Thread& thread : threads_) sum += thread.worker->counts();
  return sum;
}

}  // namespace sluice
