// SPDX-License-Identifier: Apache-2.0
// dataplane/abi/sluice_decap.h in user space: every case, every truncation, forged sources, and the way back from abi's
// own encoder.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <set>

#include "decap_cases.h"
#include "sluice_pipeline.h"

namespace sluice::backend::testing {
namespace {

void expect_case(const DecapCase& one, const DecapTables& tables) {
  const DecapOutcome outcome = decapsulate_in_user_space(one.frame, tables);
  EXPECT_EQ(std::string(name_of(outcome.reason)), name_of(one.reason)) << one.name << "\n" << hex(one.frame);
  EXPECT_EQ(hex(outcome.frame), hex(one.output)) << one.name;
}

TEST(Decap, EveryCase) {
  const DecapTables tables = test_tables();
  std::map<std::string, int> seen;
  for (const DecapCase& one : decap_cases()) {
    expect_case(one, tables);
    ++seen[name_of(one.reason)];
  }
  for (const char* reason : {"delivered", "not_tunnel", "tunnel_source", "tunnel_inner", "tunnel_malformed"})
    EXPECT_GE(seen[reason], 10) << reason;
}

TEST(Decap, NamesOfCasesAreUnique) {
  std::set<std::string> names;
  for (const DecapCase& one : decap_cases()) EXPECT_TRUE(names.insert(one.name).second) << one.name;
}

TEST(Decap, EveryTruncation) {
  const DecapTables tables = test_tables();
  for (const DecapCase& one : truncation_cases()) expect_case(one, tables);
}

TEST(Decap, ForgedSourcesDeliverNothing) {
  std::mt19937_64 random(test_seed());
  const DecapTables tables = test_tables();
  for (const DecapCase& one : forged_cases(random, 50000)) expect_case(one, tables);
}

TEST(Decap, OtherPort) {
  DecapTables tables = test_tables();
  tables.gue_port = 7000;
  TunnelSpec spec;
  spec.gue = true;
  EXPECT_EQ(decapsulate_in_user_space(build(spec).bytes, tables).reason, SLUICE_REASON_not_tunnel);
  spec.gue_port = 7000;
  EXPECT_EQ(decapsulate_in_user_space(build(spec).bytes, tables).reason, SLUICE_REASON_delivered);
}

// Whatever comes in: nothing but the ECN field of the inner packet changes, and what is not delivered stays as it was.
TEST(Decap, RandomFramesKeepTheirBytes) {
  std::mt19937_64 random(test_seed());
  const DecapTables tables = test_tables();
  std::map<sluice_reason, int> seen;
  for (int i = 0; i < 200000; ++i) {
    const Bytes frame = random_frame(random);
    const DecapOutcome outcome = decapsulate_in_user_space(frame, tables);
    ++seen[outcome.reason];
    if (outcome.reason != SLUICE_REASON_delivered) {
      ASSERT_EQ(outcome.frame, frame);
      continue;
    }
    ASSERT_LT(outcome.frame.size(), frame.size());
    ASSERT_TRUE(std::equal(outcome.frame.begin(), outcome.frame.begin() + 12, frame.begin()));
    std::size_t l3 = 12;
    while (outcome.frame[l3] == 0x81 || outcome.frame[l3] == 0x88) l3 += 4;
    l3 += 2;
    const std::size_t moved = frame.size() - outcome.frame.size();
    for (std::size_t at = l3; at < outcome.frame.size(); ++at) {
      const bool ecn_or_sum = at == l3 + 1 || at == l3 + 10 || at == l3 + 11;
      if (ecn_or_sum) continue;
      ASSERT_EQ(outcome.frame[at], frame[at + moved]) << i << " at " << at;
    }
    const Bytes original(frame.begin() + static_cast<std::ptrdiff_t>(moved), frame.end());
    if (outcome.frame[l3] >> 4U == 6) continue;
    ASSERT_EQ(checksum_right(outcome.frame, l3), checksum_right(original, l3)) << i;
  }
  for (const auto reason : {SLUICE_REASON_delivered, SLUICE_REASON_not_tunnel, SLUICE_REASON_tunnel_source,
                            SLUICE_REASON_tunnel_inner, SLUICE_REASON_tunnel_malformed})
    EXPECT_GE(seen[reason], 1000) << name_of(reason);
  EXPECT_EQ(seen.size(), 5U) << "a reason no backend has";
}

// abi's encoder and this decoder are inverse, but for the TTL.
class RoundTrip : public ::testing::TestWithParam<int> {};

struct Encoded {
  Bytes frame;
  sluice_reason reason;
};

Encoded encapsulate(const Bytes& inner_frame, std::size_t l3, bool inner_v6, sluice_u8 encapsulation,
                    const sluice_chain& chain) {
  const auto words = [](const char* text) { return IpAddress::parse(text).value().words(); };
  sluice_backend backend{};
  const bool outer_v6 = sluice_encap_is_outer_v6(encapsulation);
  const auto source = words(outer_v6 ? "fd00:2:1::2" : "10.2.1.2");
  const auto destination = words(outer_v6 ? "fd00:3::2" : "10.3.0.2");
  std::memcpy(backend.source, source.data(), sizeof backend.source);
  std::memcpy(backend.destination, destination.data(), sizeof backend.destination);
  backend.checksum = sluice_outer_checksum(source[0], destination[0]);
  backend.encapsulation = encapsulation;
  backend.port_be = sluice_swap16(6080);
  backend.mac_low = 0x0202020202020202U;
  sluice_road road{};
  road.backend = &backend;
  road.flow_hash = 0x123456789abcdef0U;
  road.chain = chain;
  road.packet.l3_offset = static_cast<sluice_u16>(l3);
  road.packet.l3_bytes = static_cast<sluice_u16>(inner_frame.size() - l3);
  const std::size_t at = inner_v6 ? l3 : l3 + 1;
  road.packet.traffic_class =
      inner_v6 ? static_cast<sluice_u8>(inner_frame[at] << 4U | inner_frame[at + 1] >> 4U) : inner_frame[at];
  constexpr std::size_t room = 256;
  Bytes buffer(room + inner_frame.size());
  std::copy(inner_frame.begin(), inner_frame.end(), buffer.begin() + room);
  sluice_frame frame{buffer.data() + room, buffer.data() + buffer.size(), buffer.data()};
  const sluice_reason reason = sluice_encapsulate(&frame, &road, inner_v6);
  return {Bytes(frame.data, frame.end), reason};
}

TEST_P(RoundTrip, IsTheInnerPacketButForTheTtl) {
  const auto encapsulation = static_cast<sluice_u8>(GetParam());
  const DecapTables tables = test_tables();
  for (const bool inner_v6 : {false, true})
    for (const unsigned tags : {0U, 1U, 2U})
      for (const sluice_u32 chain_count : {0U, 1U, 2U, 3U})
        for (const unsigned traffic_class : {0U, 1U, 2U, 3U, 0xb9U}) {
          TunnelSpec spec;
          spec.inner_v6 = inner_v6;
          spec.tags = tags;
          spec.payload_bytes = 100;
          spec.inner_traffic_class = traffic_class;
          const Bytes inner_frame = build(spec).delivered;
          const std::size_t l3 = 14 + 4 * tags;
          const Encoded encoded = encapsulate(inner_frame, l3, inner_v6, encapsulation, {chain_count, 42, 7, 8, 9});
          ASSERT_EQ(encoded.reason, SLUICE_REASON_forwarded);
          const DecapOutcome outcome = decapsulate_in_user_space(encoded.frame, tables);
          ASSERT_STREQ(name_of(outcome.reason), "delivered");
          Bytes expected = inner_frame;
          std::copy(encoded.frame.begin(), encoded.frame.begin() + 12, expected.begin());
          expected[l3 + (inner_v6 ? 7 : 8)] -= 1;
          if (!inner_v6) fix_checksum(expected, l3);
          EXPECT_EQ(hex(outcome.frame), hex(expected)) << "tags " << tags << " chain " << chain_count;
        }
}

INSTANTIATE_TEST_SUITE_P(All, RoundTrip,
                         ::testing::Values(SLUICE_ENCAP_IPIP_V4, SLUICE_ENCAP_IPIP_V6, SLUICE_ENCAP_GUE_V4,
                                           SLUICE_ENCAP_GUE_V6));

}  // namespace
}  // namespace sluice::backend::testing
