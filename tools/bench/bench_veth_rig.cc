// SPDX-License-Identifier: Apache-2.0
#include "bench_veth_rig.h"

#include <bpf/bpf.h>
#include <sched.h>

#include <cerrno>
#include <chrono>

#include "errno_error.h"
#include "kernel_tick.h"

extern "C" const unsigned char sluice_bench_object[];
extern "C" const unsigned long sluice_bench_object_bytes;

namespace sluice::bench {
namespace {

// A veth's ring has 256 places and one batch must find room behind the one before (a NAPI poll takes 64).
constexpr std::uint32_t batch = 64;
constexpr std::chrono::seconds arrival_limit(2);

Result<Attachment> attach(const Interface& interface, int program) {
  return attach_xdp({interface, program, PlaneMode::native, ""});
}

Error test_run_error(int number) {
  const std::string text = "the kernel refuses to send live frames";
  if (number == EINVAL || number == EOPNOTSUPP)
    return errno_error(text + " (BPF_F_TEST_XDP_LIVE_FRAMES needs Linux 5.18)", number);
  return errno_error(text, number);
}

}  // namespace

VethRig::VethRig(Parts parts)
    : pair_(std::move(parts.pair)),
      maps_(std::move(parts.maps)),
      balancer_(std::move(parts.balancer)),
      front_(std::move(parts.front)),
      sink_(std::move(parts.sink)),
      sink_link_(std::move(parts.sink_link)),
      balancer_link_(std::move(parts.balancer_link)) {}

int VethRig::program_fd(const Object& object, const std::string& name) {
  const bpf_program* program = bpf_object__find_program_by_name(object.get(), name.c_str());
  return program == nullptr ? -1 : bpf_program__fd(program);
}

Result<VethRig> VethRig::open(const ImageSizes& sizes) {
  libbpf_set_print(nullptr);
  auto pair = make_veth_pair();
  if (!pair) return pair.error();
  const auto hz = kernel_hz();
  if (!hz) return hz.error();
  auto maps = MapSet::create(sizes);
  if (!maps) return maps.error();
  auto balancer = XdpObject::load(*maps, tick_shift_for(*hz));
  if (!balancer) return balancer.error();
  Object front(bpf_object__open_mem(sluice_bench_object, sluice_bench_object_bytes, nullptr));
  if (!front || bpf_object__load(front.get()) != 0) return errno_error("cannot load the bench's BPF object", errno);
  auto sink = PacketSink::create();
  if (!sink) return sink.error();
  auto sink_link = attach(pair->generator, sink->program_fd());
  if (!sink_link) return sink_link.error();
  auto balancer_link = attach(pair->balancer, program_fd(front, "sluice_bench_floor"));
  if (!balancer_link) return balancer_link.error();
  // The front sends whatever it has made: to it "the program under test" is "return XDP_TX".
  const int target = bpf_object__find_map_fd_by_name(front.get(), "sluice_bench_target");
  const int floor = program_fd(front, "sluice_bench_floor");
  const std::uint32_t key = 0;
  if (const int failed = bpf_map_update_elem(target, &key, &floor, BPF_ANY); failed != 0)
    return errno_error("cannot aim the generator", -failed);
  return VethRig({std::move(*pair), std::move(*maps), std::move(*balancer), std::move(front), std::move(*sink),
                  std::move(*sink_link), std::move(*balancer_link)});
}

Status VethRig::aim(const std::string& name) {
  const int program = name == "sluice_balancer" ? balancer_.balancer_fd() : program_fd(front_, name);
  if (program < 0) return make_error(ErrorCode::not_found, "no BPF program " + name);
  if (const int failed = bpf_link_update(balancer_link_.link.get(), program, nullptr); failed != 0)
    return errno_error("cannot put " + name + " on the veth", -failed);
  return {};
}

Status VethRig::set_case(const FrontCase& front) {
  const std::uint32_t key = 0;
  const int cases = bpf_object__find_map_fd_by_name(front_.get(), "sluice_bench_cases");
  if (const int failed = bpf_map_update_elem(cases, &key, &front, BPF_ANY); failed != 0)
    return errno_error("cannot set the case", -failed);
  return {};
}

Result<VethRig::Arrival> VethRig::send(std::span<const std::uint8_t> frame, std::uint32_t count) {
  xdp_md context{};
  context.data_end = static_cast<std::uint32_t>(frame.size());
  context.ingress_ifindex = pair_.generator.index;
  LIBBPF_OPTS(bpf_test_run_opts, options);
  options.data_in = frame.data();
  options.data_size_in = static_cast<std::uint32_t>(frame.size());
  options.ctx_in = &context;
  options.ctx_size_in = sizeof context;
  options.repeat = static_cast<int>(count);
  options.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
  options.batch_size = batch;
  const PacketSink::Counts before = sink_.counts();
  if (const int failed = bpf_prog_test_run_opts(program_fd(front_, "sluice_bench_front"), &options); failed != 0)
    return test_run_error(-failed);
  // Nearly always the last one is there already: the polls run at the end of each batch. If the kernel has put them off
  // to its softirq thread, they run when this thread lets go of the CPU.
  const auto limit = std::chrono::steady_clock::now() + arrival_limit;
  while (sink_.counts().packets - before.packets < count && std::chrono::steady_clock::now() < limit) sched_yield();
  const PacketSink::Counts after = sink_.counts();
  return Arrival{{after.packets - before.packets, after.bytes - before.bytes},
                 sink_.times(before.packets, after.packets)};
}

}  // namespace sluice::bench
