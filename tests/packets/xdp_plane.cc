// SPDX-License-Identifier: Apache-2.0
#include "xdp_plane.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "sluice_flows.h"

namespace sluice {
namespace {

// More than bpf_prog_test_run's page of frame can become.
constexpr std::size_t output_bytes_max = 8192;
constexpr std::uint32_t stopped_clock_shift = 63;

[[noreturn]] void fail(const std::string& what, int number) {
  throw std::runtime_error(what + ": " + std::strerror(number < 0 ? -number : number));
}

template <typename T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().context);
  return std::move(*result);
}

void stay_on_cpu(int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  if (sched_setaffinity(0, sizeof cpus, &cpus) != 0) fail("cannot stay on one CPU", errno);
}

// MapSet makes maps by lookup only when they are too large for the other form, but opens pinned ones of any form. The
// pins are in a file system of this process alone, which goes with it.
MapSet make_maps_by_lookup(const ImageSizes& sizes) {
  const std::string directory = "/sys/fs/bpf";
  if (unshare(CLONE_NEWNS) != 0) fail("cannot leave the mount namespace", errno);
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("bpf", directory.c_str(), "bpf", 0, nullptr) != 0)
    fail("cannot mount a BPF file system", errno);
  const std::array<std::uint32_t, map_names.size()> lines = {
      1, sizes.vips, sizes.slots, sizes.past, sizes.members, sizes.backends, sizes.flows, sizes.counters};
  for (std::size_t map = 0; map < map_names.size(); ++map) {
    LIBBPF_OPTS(bpf_map_create_opts, options);
    options.map_flags = BPF_F_MMAPABLE;
    const std::string name(map_names[map]);
    const std::size_t bytes = map == 0 ? sizeof(sluice_control) : SLUICE_LINE_BYTES;
    const UniqueFd fd(bpf_map_create(BPF_MAP_TYPE_ARRAY, ("sluice_" + name).c_str(), sizeof(std::uint32_t),
                                     static_cast<std::uint32_t>(bytes), lines[map], &options));
    if (!fd.is_open()) fail("cannot make the map " + name, -fd.get());
    if (const int failed = bpf_obj_pin(fd.get(), (directory + "/" + name).c_str()); failed != 0)
      fail("cannot pin the map " + name, failed);
  }
  return must(MapSet::open_pinned(directory));
}

std::vector<unsigned char> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<unsigned char> bytes{std::istreambuf_iterator<char>(file), {}};
  if (!file || bytes.empty()) throw std::runtime_error("cannot read " + path);
  return bytes;
}

}  // namespace

std::uint32_t XdpPlane::workers() {
  return static_cast<std::uint32_t>(libbpf_num_possible_cpus());
}

XdpPlane::XdpPlane(const std::string& object_path, TableForm form, const ImageSizes& sizes)
    : output_(output_bytes_max) {
  stay_on_cpu(static_cast<int>(used_worker));
  maps_ = form == TableForm::whole ? must(MapSet::create(sizes)) : make_maps_by_lookup(sizes);
  if (maps_->form() != form) throw std::runtime_error("the maps are not of the form that the object wants");
  object_ = must(XdpObject::load(*maps_, stopped_clock_shift, read_file(object_path)));
  program_ = object_->balancer_fd();
  attach(maps_->tables(), workers(), used_worker);
}

void XdpPlane::reset() {
  PacketPlane::reset();
  seen_.fill(0);
  tick_ = 0;
}

void XdpPlane::set_tick(std::uint32_t tick) {
  const std::uint32_t passed = tick - tick_;
  tick_ = tick;
  if (passed == 0) return;
  for (sluice_flows& line : flow_lines()) {
    for (std::uint64_t& entry : line.entry) {
      if (entry == 0) continue;
      const std::uint64_t time = (entry - passed) & SLUICE_FLOW_TIME_MASK;
      entry = (entry & ~std::uint64_t{SLUICE_FLOW_TIME_MASK}) | time;
    }
  }
  auto* head = reinterpret_cast<sluice_worker_head*>(const_cast<sluice_line*>(counters().data()));
  head->insert_tick -= passed;
  head->icmp_tick -= passed;
}

std::uint64_t XdpPlane::reason_count(std::uint32_t reason) const {
  const sluice_line& line = counters()[SLUICE_COUNTERS_REASONS + reason / SLUICE_REASONS_PER_LINE];
  return line.words[reason % SLUICE_REASONS_PER_LINE];
}

// The reason whose counter went up by one; `internal` if it is not exactly that.
sluice_reason XdpPlane::counted_reason() {
  std::uint64_t changes = 0;
  sluice_reason found = SLUICE_REASON_internal;
  for (std::uint32_t reason = 0; reason < SLUICE_REASON_COUNT; ++reason) {
    const std::uint64_t now = reason_count(reason);
    if (now == seen_[reason]) continue;
    changes += now - seen_[reason];
    seen_[reason] = now;
    found = static_cast<sluice_reason>(reason);
  }
  return changes == 1 ? found : SLUICE_REASON_internal;
}

PacketVerdict XdpPlane::run(std::span<const std::uint8_t> frame) {
  LIBBPF_OPTS(bpf_test_run_opts, options);
  options.data_in = frame.data();
  options.data_size_in = static_cast<std::uint32_t>(frame.size());
  options.data_out = output_.data();
  options.data_size_out = static_cast<std::uint32_t>(output_.size());
  options.repeat = 1;
  if (const int failed = bpf_prog_test_run_opts(program_, &options); failed != 0)
    fail("test run of a frame of " + std::to_string(frame.size()) + " bytes", failed);
  PacketVerdict verdict{counted_reason(), 0, options.retval != XDP_DROP, {}};
  static constexpr std::array<std::uint32_t, 3> actions = {XDP_TX, XDP_PASS, XDP_DROP};
  const bool redirected = options.retval == XDP_REDIRECT;
  const std::uint32_t action = redirected ? std::uint32_t{XDP_TX} : options.retval;
  if (action != actions[sluice_class_of(verdict.reason)]) verdict.reason = SLUICE_REASON_internal;
  if (redirected) verdict.interface = some_interface;
  if (verdict.sent) verdict.output = {output_.data(), options.data_size_out};
  return verdict;
}

}  // namespace sluice
