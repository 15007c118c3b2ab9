// SPDX-License-Identifier: Apache-2.0
// Which workers may still be looking at what was published before: each says between two bursts that it holds nothing
// any more, and the one writer waits until all have.
#pragma once

#include <rte_rcu_qsbr.h>

#include <cstdint>
#include <memory>

namespace sluice {

class ReaderEpochs {
 public:
  // Worker numbers below `count`. EAL is not needed.
  explicit ReaderEpochs(std::uint32_t count);

  // By the worker: from here on it is waited for, until leave().
  void enter(std::uint32_t worker) { rte_rcu_qsbr_thread_online(variable_.get(), worker); }
  void leave(std::uint32_t worker) { rte_rcu_qsbr_thread_offline(variable_.get(), worker); }
  void quiescent(std::uint32_t worker) { rte_rcu_qsbr_quiescent(variable_.get(), worker); }

  // By the writer, which is no worker.
  void wait() { rte_rcu_qsbr_synchronize(variable_.get(), RTE_QSBR_THRID_INVALID); }

 private:
  struct Free {
    void operator()(rte_rcu_qsbr* variable) const;
  };
  std::unique_ptr<rte_rcu_qsbr, Free> variable_;
};

}  // namespace sluice
