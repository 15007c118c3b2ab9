// SPDX-License-Identifier: Apache-2.0
// Being scheduled on every CPU once: a wait for BPF programs in softirqs that takes microseconds where an RCU grace
// period takes milliseconds.
//
// Why it is one: XDP programs run with bottom halves disabled, in NAPI whether threaded or not, and then no task is
// scheduled on that CPU (kernels without PREEMPT_RT). So once this thread has run on a CPU, every program that was
// running there when it set out has ended, and those that start later see what was stored before: a context switch is a
// full barrier.
#pragma once

#include "error.h"

namespace sluice {

// Returns with the thread's affinity and scheduling as they were. unsupported: on this kernel it would prove nothing
// (PREEMPT_RT), or some CPU cannot be had (a cpuset); then nothing has been waited for. Blocks; not for real-time
// threads.
[[nodiscard]] Status visit_all_cpus();

}  // namespace sluice
