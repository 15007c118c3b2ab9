// SPDX-License-Identifier: Apache-2.0
// The XDP program that counts and times what arrives, and drops it (bench_veth.bpf.c).
#pragma once

#include <bpf/libbpf.h>
#include <sys/mman.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "error.h"

namespace sluice::bench {

class PacketSink {
 public:
  static constexpr std::uint32_t interval = 1024;  // frames between two noted times
  static constexpr std::uint32_t times_count = 4096;

  struct Counts {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;  // whole frames
  };

  static Result<PacketSink> create();

  [[nodiscard]] int program_fd() const { return program_fd_; }
  // So far, also while packets arrive.
  [[nodiscard]] Counts counts() const;
  // Nanoseconds of every interval-th frame, of those after `first` up to `last` in all. At most times_count intervals
  // back.
  [[nodiscard]] std::vector<std::uint64_t> times(std::uint64_t first, std::uint64_t last) const;

 private:
  struct State {
    Counts counts;
    std::uint64_t times[times_count];
  };
  struct Close {
    void operator()(bpf_object* object) const { bpf_object__close(object); }
  };
  using Object = std::unique_ptr<bpf_object, Close>;
  struct Unmap {
    void operator()(const State* state) const { munmap(const_cast<State*>(state), sizeof(State)); }
  };
  using Mapping = std::unique_ptr<const State, Unmap>;
  PacketSink(Object object, int program_fd, Mapping state)
      : object_(std::move(object)), program_fd_(program_fd), state_(std::move(state)) {}

  Object object_;
  int program_fd_;
  Mapping state_;  // the program's variables
};

}  // namespace sluice::bench
