// SPDX-License-Identifier: Apache-2.0
// Generator, wire and balancer of sluice-bench veth:
//
//   live frames by the kernel's test-run of the front program  ->  out of "generator"
//   -> "balancer", native XDP: the program under test, XDP_TX  ->  back to "generator", native XDP: counted, dropped
//
// The front writes each frame anew and draws its flow, as bpf/bench.bpf.c does for sluice-bench xdp; no sender in user
// space, no socket buffers. Everything runs on the calling thread's CPU, in batches of 64.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bench_veth_pair.h"
#include "bench_veth_sink.h"
#include "error.h"
#include "image_writer.h"
#include "map_set.h"
#include "xdp_object.h"
#include "xdp_rig.h"

namespace sluice::bench {

class VethRig {
 public:
  static Result<VethRig> open(const ImageSizes& sizes);

  [[nodiscard]] const sluice_tables& tables() const { return maps_.tables(); }
  // What "balancer" runs: one of bpf/bench.bpf.c's, or "sluice_balancer".
  Status aim(const std::string& program);
  Status set_case(const FrontCase& front);

  struct Arrival {
    PacketSink::Counts counts;
    std::vector<std::uint64_t> times;  // PacketSink::times of these frames
  };
  // Sends `count` frames and waits for them, for at most two seconds after the last was sent. What arrived may be less.
  [[nodiscard]] Result<Arrival> send(std::span<const std::uint8_t> frame, std::uint32_t count);

 private:
  struct Close {
    void operator()(bpf_object* object) const { bpf_object__close(object); }
  };
  using Object = std::unique_ptr<bpf_object, Close>;
  struct Parts {
    VethPair pair;
    MapSet maps;
    XdpObject balancer;
    Object front;
    PacketSink sink;
    Attachment sink_link;
    Attachment balancer_link;
  };
  explicit VethRig(Parts parts);
  static int program_fd(const Object& object, const std::string& name);

  VethPair pair_;
  MapSet maps_;
  XdpObject balancer_;
  Object front_;
  PacketSink sink_;
  Attachment sink_link_;
  Attachment balancer_link_;
};

}  // namespace sluice::bench
