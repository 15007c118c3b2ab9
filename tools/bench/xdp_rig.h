// SPDX-License-Identifier: Apache-2.0
// The balancer's BPF object over a set of maps of its own, and the front program that times it by the kernel's
// test-run. Needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON (root).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "error.h"
#include "image_writer.h"
#include "map_set.h"
#include "xdp_object.h"

struct bpf_object;

namespace sluice::bench {

// What the front program restores and draws for every repetition; the layout of bpf/bench.bpf.c.
struct FrontCase {
  std::array<std::uint8_t, 64> header{};
  std::uint32_t length = 0;
  std::uint32_t flows_mask = 0;
  std::uint32_t services_mask = 0;
  std::uint32_t l3_offset = 14;
  std::uint32_t is_v6 = 0;
  std::uint32_t state = 0;
  std::uint64_t barrier = 0;
};

struct RunResult {
  double nanoseconds = 0;    // per repetition, front included
  std::uint32_t action = 0;  // enum xdp_action of the last repetition
};

class XdpRig {
 public:
  // `object_file`: another build of bpf/balancer.bpf.c to measure; the one inside this program if empty.
  static Result<XdpRig> open(const ImageSizes& sizes, const std::string& object_file);

  [[nodiscard]] const sluice_tables& tables() const { return maps_.tables(); }
  // `program` is one of bpf/bench.bpf.c's, or "sluice_balancer".
  Status aim(const std::string& program);
  Status set_case(const FrontCase& front);
  // Runs the front `repeat` times over a frame of the case's length.
  Result<RunResult> run(std::span<const std::uint8_t> frame, std::uint32_t repeat);

 private:
  struct ObjectCloser {
    void operator()(bpf_object* object) const;
  };
  using Object = std::unique_ptr<bpf_object, ObjectCloser>;
  XdpRig(MapSet maps, XdpObject balancer, Object front)
      : maps_(std::move(maps)), balancer_(std::move(balancer)), front_(std::move(front)) {}

  MapSet maps_;
  XdpObject balancer_;
  Object front_;
};

}  // namespace sluice::bench
