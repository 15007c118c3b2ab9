// SPDX-License-Identifier: Apache-2.0
#include "bench_veth_sink.h"

#include <cerrno>

#include "errno_error.h"

extern "C" const unsigned char sluice_bench_veth_object[];
extern "C" const unsigned long sluice_bench_veth_object_bytes;

namespace sluice::bench {

Result<PacketSink> PacketSink::create() {
  Object object(bpf_object__open_mem(sluice_bench_veth_object, sluice_bench_veth_object_bytes, nullptr));
  if (!object || bpf_object__load(object.get()) != 0) return errno_error("cannot load the sink's BPF object", errno);
  const bpf_program* program = bpf_object__find_program_by_name(object.get(), "sluice_sink");
  const bpf_map* variables = bpf_object__find_map_by_name(object.get(), ".bss");
  if (program == nullptr || variables == nullptr || bpf_map__value_size(variables) != sizeof(State))
    return make_error(ErrorCode::internal, "the sink's BPF object has another layout");
  void* state = mmap(nullptr, sizeof(State), PROT_READ, MAP_SHARED, bpf_map__fd(variables), 0);
  if (state == MAP_FAILED) return errno_error("cannot map the sink's counters", errno);
  Mapping mapping(static_cast<const State*>(state));
  const int descriptor = bpf_program__fd(program);
  return PacketSink(std::move(object), descriptor, std::move(mapping));
}

PacketSink::Counts PacketSink::counts() const {
  return {__atomic_load_n(&state_->counts.packets, __ATOMIC_RELAXED),
          __atomic_load_n(&state_->counts.bytes, __ATOMIC_RELAXED)};
}

std::vector<std::uint64_t> PacketSink::times(std::uint64_t first, std::uint64_t last) const {
  std::vector<std::uint64_t> times;
  for (std::uint64_t n = first / interval + 1; n <= last / interval; ++n)
    times.push_back(__atomic_load_n(&state_->times[n % times_count], __ATOMIC_RELAXED));
  return times;
}

}  // namespace sluice::bench
