// SPDX-License-Identifier: Apache-2.0
#include "tick_clock.h"

#include <bpf/bpf.h>

#include <array>

#include "errno_error.h"

namespace sluice {
namespace {

bpf_insn instruction(int code, int destination, int immediate) {
  bpf_insn result{};
  result.code = static_cast<std::uint8_t>(code);
  result.dst_reg = static_cast<std::uint8_t>(destination & 0xf);
  result.imm = immediate;
  return result;
}

}  // namespace

Result<TickClock> TickClock::create(std::uint32_t tick_shift) {
  const std::array<bpf_insn, 3> code = {
      instruction(BPF_JMP | BPF_CALL, 0, BPF_FUNC_jiffies64),
      instruction(BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_0, static_cast<int>(tick_shift)),
      instruction(BPF_JMP | BPF_EXIT, 0, 0),
  };
  UniqueFd program(bpf_prog_load(BPF_PROG_TYPE_XDP, "sluice_tick", "Dual BSD/GPL", code.data(), code.size(), nullptr));
  if (!program.is_open()) return errno_error("cannot load a BPF program", -program.get());
  return TickClock(std::move(program));
}

Result<std::uint32_t> TickClock::now() const {
  std::array<std::uint8_t, 64> frame{};
  LIBBPF_OPTS(bpf_test_run_opts, options);
  options.data_in = frame.data();
  options.data_size_in = frame.size();
  if (const int failed = bpf_prog_test_run_opts(program_.get(), &options); failed != 0)
    return errno_error("cannot run a BPF program", -failed);
  return options.retval;
}

}  // namespace sluice
