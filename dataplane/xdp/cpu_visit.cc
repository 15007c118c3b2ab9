// SPDX-License-Identifier: Apache-2.0
#include "cpu_visit.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace sluice {
namespace {

Error no_proof(const char* why) {
  return make_error(ErrorCode::unsupported, why);
}

bool is_preempt_rt() {
  std::ifstream file("/sys/kernel/realtime");
  int is_realtime = 0;
  return file >> is_realtime && is_realtime != 0;
}

// "0-3,8,10-11". Nothing: it cannot be read.
std::vector<int> online_cpus() {
  std::ifstream file("/sys/devices/system/cpu/online");
  std::vector<int> cpus;
  int first = 0;
  while (file >> first) {
    int last = first;
    if (file.peek() == '-') {
      file.get();
      if (!(file >> last)) return {};
    }
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
    if (file.peek() != ',') break;
    file.get();
  }
  return cpus;
}

struct FreeCpuSet {
  void operator()(cpu_set_t* set) const { CPU_FREE(set); }
};

// As it was when this began, whatever happens meanwhile.
class Scheduling {
 public:
  explicit Scheduling(int cpus)
      : bytes_(CPU_ALLOC_SIZE(cpus)), before_(CPU_ALLOC(cpus)), one_(CPU_ALLOC(cpus)), policy_(sched_getscheduler(0)) {
    is_good_ = before_ && one_ && policy_ >= 0 && sched_getparam(0, &parameters_) == 0 &&
               sched_getaffinity(0, bytes_, before_.get()) == 0;
    // Ahead of ordinary tasks, or a busy CPU is a wait of milliseconds. Not allowed: then so be it.
    const sched_param first_in_line{.sched_priority = 1};
    if (is_good_ && policy_ == SCHED_OTHER) (void)sched_setscheduler(0, SCHED_FIFO, &first_in_line);
  }
  Scheduling(const Scheduling&) = delete;
  Scheduling& operator=(const Scheduling&) = delete;
  ~Scheduling() {
    if (!is_good_) return;
    (void)sched_setaffinity(0, bytes_, before_.get());
    (void)sched_setscheduler(0, policy_, &parameters_);
  }

  [[nodiscard]] bool is_good() const { return is_good_; }
  // The kernel has moved this thread when the call returns.
  [[nodiscard]] bool move_to(int cpu) {
    CPU_ZERO_S(bytes_, one_.get());
    CPU_SET_S(static_cast<std::size_t>(cpu), bytes_, one_.get());
    return sched_setaffinity(0, bytes_, one_.get()) == 0 && sched_getcpu() == cpu;
  }

 private:
  std::size_t bytes_;
  std::unique_ptr<cpu_set_t, FreeCpuSet> before_;
  std::unique_ptr<cpu_set_t, FreeCpuSet> one_;
  int policy_;
  sched_param parameters_{};
  bool is_good_ = false;
};

}  // namespace

Status visit_all_cpus() {
  static const bool is_rt = is_preempt_rt();
  if (is_rt) return no_proof("softirqs can be preempted on this kernel (PREEMPT_RT)");
  const std::vector<int> cpus = online_cpus();
  if (cpus.empty()) return no_proof("the list of CPUs cannot be read");
  // The mask must hold the kernel's own width, or sched_getaffinity() refuses it.
  Scheduling scheduling(std::max(static_cast<int>(sysconf(_SC_NPROCESSORS_CONF)), CPU_SETSIZE));
  if (!scheduling.is_good()) return no_proof("this thread's scheduling cannot be read");
  for (const int cpu : cpus) {
    if (!scheduling.move_to(cpu)) return no_proof("not every CPU can be visited");
  }
  return {};
}

}  // namespace sluice
