// SPDX-License-Identifier: Apache-2.0
#include "xdp_rig.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include "errno_error.h"

extern "C" const unsigned char sluice_bench_object[];
extern "C" const unsigned long sluice_bench_object_bytes;

namespace sluice::bench {
namespace {

// HZ 250, where the benchmark's flows never age.
constexpr std::uint32_t tick_shift = 8;

Error failed(const std::string& what) {
  return errno_error(what, errno);
}

}  // namespace

void XdpRig::ObjectCloser::operator()(bpf_object* object) const {
  bpf_object__close(object);
}

Result<XdpRig> XdpRig::open(const ImageSizes& sizes, const std::string& object_file) {
  libbpf_set_print(nullptr);
  auto maps = MapSet::create(sizes);
  if (!maps) return maps.error();
  std::vector<unsigned char> object;
  if (!object_file.empty()) {
    std::ifstream file(object_file, std::ios::binary);
    object.assign(std::istreambuf_iterator<char>(file), {});
    if (object.empty()) return make_error(ErrorCode::not_found, "cannot read " + object_file);
  }
  auto balancer = XdpObject::load(*maps, tick_shift, object);
  if (!balancer) return balancer.error();
  Object front(bpf_object__open_mem(sluice_bench_object, sluice_bench_object_bytes, nullptr));
  if (!front || bpf_object__load(front.get()) != 0) return failed("cannot load the bench's BPF object");
  return XdpRig(std::move(*maps), std::move(*balancer), std::move(front));
}

Status XdpRig::aim(const std::string& name) {
  int descriptor = balancer_.balancer_fd();
  if (name != "sluice_balancer") {
    const bpf_program* program = bpf_object__find_program_by_name(front_.get(), name.c_str());
    if (program == nullptr) return make_error(ErrorCode::not_found, "no BPF program " + name);
    descriptor = bpf_program__fd(program);
  }
  const int target = bpf_object__find_map_fd_by_name(front_.get(), "sluice_bench_target");
  const std::uint32_t key = 0;
  if (bpf_map_update_elem(target, &key, &descriptor, BPF_ANY) != 0) return failed("cannot aim at " + name);
  return {};
}

Status XdpRig::set_case(const FrontCase& front) {
  const std::uint32_t key = 0;
  const int cases = bpf_object__find_map_fd_by_name(front_.get(), "sluice_bench_cases");
  if (bpf_map_update_elem(cases, &key, &front, BPF_ANY) != 0) return failed("cannot set the case");
  return {};
}

Result<RunResult> XdpRig::run(std::span<const std::uint8_t> frame, std::uint32_t repeat) {
  std::vector<std::uint8_t> out(2048);
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_out = out.data(),
              .data_size_in = static_cast<std::uint32_t>(frame.size()),
              .data_size_out = static_cast<std::uint32_t>(out.size()), .repeat = static_cast<int>(repeat));
  const int front = bpf_program__fd(bpf_object__find_program_by_name(front_.get(), "sluice_bench_front"));
  if (bpf_prog_test_run_opts(front, &options) != 0) return failed("BPF test-run failed");
  // The kernel's own clock around the repetitions, in whole nanoseconds: the system call as a whole waits 10 ms for an
  // RCU grace period before and after.
  return RunResult{static_cast<double>(options.duration), options.retval};
}

}  // namespace sluice::bench
