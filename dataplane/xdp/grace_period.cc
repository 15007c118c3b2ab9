// SPDX-License-Identifier: Apache-2.0
#include "grace_period.h"

#include <bpf/bpf.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "cpu_visit.h"
#include "errno_error.h"

namespace sluice {
namespace {

// XDP programs run with bottom halves disabled for a few microseconds; this is the resort of a kernel that offers
// neither of the two real waits.
constexpr useconds_t last_resort_us = 200000;

}  // namespace

Result<GracePeriod> GracePeriod::create() {
  UniqueFd inner(bpf_map_create(BPF_MAP_TYPE_ARRAY, "sluice_grace_in", 4, 4, 1, nullptr));
  if (!inner.is_open())
    return errno_error("cannot make a BPF map (run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN)",
                       -inner.get());
  LIBBPF_OPTS(bpf_map_create_opts, options);
  options.inner_map_fd = static_cast<std::uint32_t>(inner.get());
  UniqueFd outer(bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "sluice_grace", 4, 4, 1, &options));
  if (!outer.is_open()) return errno_error("cannot make a BPF map of maps", -outer.get());
  return GracePeriod(std::move(inner), std::move(outer));
}

void GracePeriod::wait() const {
  if (visit_all_cpus()) return;
  // An update of a map of maps returns when no running program can still see the value before it (the kernel's
  // maybe_wait_bpf_programs(): an RCU grace period). Preferred to membarrier(MEMBARRIER_CMD_GLOBAL), which waits the
  // same way today but promises less, does not exist with nohz_full, and does nothing on one CPU. Both take 6 to 20 ms
  // at HZ 250.
  const std::uint32_t key = 0;
  const int inner = inner_.get();
  if (bpf_map_update_elem(outer_.get(), &key, &inner, BPF_ANY) == 0) return;
  if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0) return;
  usleep(last_resort_us);
}

}  // namespace sluice
