// SPDX-License-Identifier: Apache-2.0
#include "reader_epochs.h"

#include <cstdlib>

#include "error.h"

namespace sluice {

ReaderEpochs::ReaderEpochs(std::uint32_t count) {
  const std::size_t bytes = rte_rcu_qsbr_get_memsize(count);
  variable_.reset(static_cast<rte_rcu_qsbr*>(std::aligned_alloc(RTE_CACHE_LINE_SIZE, bytes)));
  SLUICE_INVARIANT(variable_ != nullptr && rte_rcu_qsbr_init(variable_.get(), count) == 0);
  for (std::uint32_t worker = 0; worker < count; ++worker)
    SLUICE_INVARIANT(rte_rcu_qsbr_thread_register(variable_.get(), worker) == 0);
}

void ReaderEpochs::Free::operator()(rte_rcu_qsbr* variable) const {
  std::free(variable);
}

}  // namespace sluice
