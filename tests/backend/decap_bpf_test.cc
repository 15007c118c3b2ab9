// SPDX-License-Identifier: Apache-2.0
// The BPF program against the same table and against user space, byte for byte (BPF_PROG_TEST_RUN; needs root). One
// argument: the object to load.
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <fstream>
#include <iterator>
#include <map>

#include "backend_program.h"
#include "decap_cases.h"

namespace sluice::backend::testing {
namespace {

Bytes object_bytes;

class DecapBpf : public ::testing::Test {
 protected:
  static BackendProgram load(const DecapTables& tables) {
    Result<BackendProgram> program = BackendProgram::load(tables, {"", object_bytes});
    if (!program) throw std::runtime_error(program.error().context);
    return std::move(*program);
  }

  // The verdict must be what the reason says, and exactly one reason must have been counted.
  static DecapOutcome run(const BackendProgram& program, const Bytes& frame) {
    Bytes output(frame.size() + 512);
    LIBBPF_OPTS(bpf_test_run_opts, options);
    options.data_in = frame.data();
    options.data_size_in = static_cast<std::uint32_t>(frame.size());
    options.data_out = output.data();
    options.data_size_out = static_cast<std::uint32_t>(output.size());
    const sluice_decap_counters before = read_counters(program.counts_fd()).value();
    const int failed = bpf_prog_test_run_opts(program.fd(), &options);
    EXPECT_EQ(failed, 0) << hex(frame);
    const sluice_decap_counters after = read_counters(program.counts_fd()).value();
    output.resize(options.data_size_out);
    EXPECT_EQ(after.rx_packets - before.rx_packets, 1U);
    EXPECT_EQ(after.rx_bytes - before.rx_bytes, frame.size());
    sluice_reason reason = SLUICE_REASON_COUNT;
    for (std::size_t i = 0; i < SLUICE_DECAP_REASONS_MAX; ++i) {
      if (after.reasons[i] == before.reasons[i]) continue;
      EXPECT_EQ(reason, SLUICE_REASON_COUNT) << "counted twice";
      EXPECT_EQ(after.reasons[i] - before.reasons[i], 1U);
      reason = static_cast<sluice_reason>(i);
    }
    const bool passes = reason == SLUICE_REASON_delivered || reason == SLUICE_REASON_not_tunnel;
    EXPECT_EQ(options.retval, static_cast<std::uint32_t>(passes ? XDP_PASS : XDP_DROP)) << name_of(reason);
    return {reason, output};
  }

  static void expect_cases(const std::vector<DecapCase>& cases) {
    const DecapTables tables = test_tables();
    const BackendProgram program = load(tables);
    std::size_t runs = 0;
    for (const DecapCase& one : cases) {
      if (one.frame.size() < 14) continue;  // the kernel refuses to run these
      const DecapOutcome outcome = run(program, one.frame);
      ++runs;
      ASSERT_STREQ(name_of(outcome.reason), name_of(one.reason)) << one.name << "\n" << hex(one.frame);
      ASSERT_TRUE(outcome.frame == one.output) << one.name << "\n" << hex(outcome.frame) << "\n" << hex(one.output);
    }
    EXPECT_GE(runs * 2, cases.size());
  }
};

TEST_F(DecapBpf, EveryCase) {
  expect_cases(decap_cases());
}

TEST_F(DecapBpf, EveryTruncation) {
  expect_cases(truncation_cases());
}

TEST_F(DecapBpf, ForgedSourcesDeliverNothing) {
  std::mt19937_64 random(test_seed());
  expect_cases(forged_cases(random, 20000));
}

TEST_F(DecapBpf, SameAsUserSpaceOnRandomFrames) {
  constexpr int frames = 250000;
  std::mt19937_64 random(test_seed());
  const DecapTables tables = test_tables();
  const BackendProgram program = load(tables);
  std::map<sluice_reason, int> seen;
  for (int i = 0; i < frames; ++i) {
    const Bytes frame = random_frame(random);
    const DecapOutcome expected = decapsulate_in_user_space(frame, tables);
    const DecapOutcome outcome = run(program, frame);
    ++seen[outcome.reason];
    ASSERT_STREQ(name_of(outcome.reason), name_of(expected.reason)) << i << "\n" << hex(frame);
    ASSERT_TRUE(outcome.frame == expected.frame) << i << "\n" << hex(frame) << "\n" << hex(outcome.frame);
  }
  for (const auto& [reason, count] : seen) std::printf("%-18s %d\n", name_of(reason), count);
  EXPECT_EQ(seen.size(), 5U);
}

TEST_F(DecapBpf, OtherPort) {
  DecapTables tables = test_tables();
  tables.gue_port = 7000;
  const BackendProgram program = load(tables);
  TunnelSpec spec;
  spec.gue = true;
  EXPECT_EQ(run(program, build(spec).bytes).reason, SLUICE_REASON_not_tunnel);
  spec.gue_port = 7000;
  EXPECT_EQ(run(program, build(spec).bytes).reason, SLUICE_REASON_delivered);
}

TEST_F(DecapBpf, AddressesChangeWhileItRuns) {
  DecapTables tables = test_tables();
  BackendProgram program = load(tables);
  TunnelSpec spec;
  const Bytes to_old = build(spec).bytes;
  spec.outer_destination = "10.3.0.99";
  const Bytes to_new = build(spec).bytes;
  EXPECT_EQ(run(program, to_old).reason, SLUICE_REASON_delivered);
  EXPECT_EQ(run(program, to_new).reason, SLUICE_REASON_not_tunnel);
  const std::vector<IpAddress> own = {IpAddress::parse("10.3.0.99").value()};
  const std::vector<IpAddress> vips = {IpAddress::parse("203.0.113.10").value()};
  ASSERT_TRUE(program.replace_addresses(host_entries(own, vips)));
  EXPECT_EQ(run(program, to_old).reason, SLUICE_REASON_not_tunnel);
  EXPECT_EQ(run(program, to_new).reason, SLUICE_REASON_delivered);
}

}  // namespace
}  // namespace sluice::backend::testing

int main(int count, char** values) {
  ::testing::InitGoogleTest(&count, values);
  if (count != 2) {
    std::fprintf(stderr, "usage: decap_bpf_test OBJECT\n");
    return 2;
  }
  std::ifstream file(values[1], std::ios::binary);
  sluice::backend::testing::object_bytes.assign(std::istreambuf_iterator<char>(file), {});
  return RUN_ALL_TESTS();
}
