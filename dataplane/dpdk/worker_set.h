// SPDX-License-Identifier: Apache-2.0
// The workers and their threads: lcores 1, 2, ... of EAL.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "error.h"
#include "worker.h"

namespace sluice {

class WorkerSet {
 public:
  WorkerSet() = default;
  WorkerSet(const WorkerSet&) = delete;
  WorkerSet& operator=(const WorkerSet&) = delete;
  ~WorkerSet() { stop(); }

  // They poll when this returns. Once.
  Status start(const std::vector<WorkerOptions>& options);
  // Returns when all have ended. Their counts remain.
  void stop();

  [[nodiscard]] WorkerCounts counts() const;

 private:
  static int run(void* worker);

  struct Thread {
    std::unique_ptr<Worker> worker;
    const std::atomic<bool>* stop = nullptr;
  };
  std::atomic<bool> stop_ = false;
  std::vector<Thread> threads_;
};

}  // namespace sluice
