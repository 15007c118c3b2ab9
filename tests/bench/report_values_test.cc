// SPDX-License-Identifier: Apache-2.0
#include "report_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::bench {
namespace {

using ::testing::HasSubstr;

template <typename T>
T read(std::string_view text) {
  const Result<BenchResult> result = read_bench_result(text);
  if (!result) {
    ADD_FAILURE() << result.error().context;
    return {};
  }
  const T* value = std::get_if<T>(&*result);
  if (value == nullptr) {
    ADD_FAILURE() << "read as kind " << result->index();
    return {};
  }
  return *value;
}

std::string refusal(std::string_view text) {
  const Result<BenchResult> result = read_bench_result(text);
  return result ? "read" : result.error().context;
}

constexpr std::string_view xdp =
    R"({"cases":[{"name":"blind_encap","raw_ns":5.3E1,"raw_median_ns":54,"floor_ns":32,"net_ns":21,"ratio":1,
    "over_blind_ns":0E0},{"name":"parse_only","raw_ns":30,"raw_median_ns":31,"floor_ns":32,"net_ns":-2,"ratio":-0.1,
    "over_blind_ns":-23}]})";
constexpr std::string_view veth =
    R"({"cases":[{"name":"blind_encap","raw_ns":228,"raw_median_ns":300,"floor_ns":217,"net_ns":11,"ratio":1,
    "over_blind_ns":0,"mpps":4.38}]})";
constexpr std::string_view table =
    R"({"fill_ms":1.5,"step_ms":0.5,"share_error_slots":0.9,"moves":[{"change":"leaves","moved":655,"minimum":655,
    "maglev_refill_moved":1006}],"slots":65537,"timed_backends":1000,"moved_backends":100})";
constexpr std::string_view churn =
    R"({"runs":[{"scenario":"drain_1","scheme":"maglev","k":null,"broken_percent":10.5},{"scenario":"drain_1",
    "scheme":"sluice","k":3,"broken_percent":0}],"flows":200000,"slots":65537,"backends":10,"balancers":3,
    "histories":20,"seed":1})";

TEST(ReportValues, Xdp) {
  const auto result = read<KernelResult>(xdp);
  EXPECT_EQ(result.bench, KernelBench::xdp);
  ASSERT_EQ(result.cases.size(), 2U);
  EXPECT_EQ(result.cases[0].raw_ns, 53);
  EXPECT_EQ(result.cases[1].net_ns, -2);  // noise may do that
  EXPECT_EQ(result.cases[1].over_blind_ns, -23);
}

TEST(ReportValues, VethHasARate) {
  const auto result = read<KernelResult>(veth);
  EXPECT_EQ(result.bench, KernelBench::veth);
  EXPECT_EQ(result.cases.at(0).mpps, 4.38);
}

TEST(ReportValues, Table) {
  const auto result = read<TableResult>(table);
  EXPECT_EQ(result.moves.at(0).change, "leaves");
  EXPECT_EQ(result.moves.at(0).refill_moved, 1006);
  EXPECT_EQ(result.slots, 65537);
}

TEST(ReportValues, Churn) {
  const auto result = read<ChurnResult>(churn);
  EXPECT_EQ(result.runs.at(0).scheme, "maglev");
  EXPECT_EQ(result.runs.at(1).scheme, "sluice k=3");
  EXPECT_EQ(result.runs.at(0).broken_percent, 10.5);
}

TEST(ReportValues, Dpdk) {
  const auto result = read<DpdkResult>(
      R"({"tsc_hz":2600000000,"cpu":"AMD EPYC","level":"x86-64-v3","memory":"huge 2 MiB","burst":32,"cases":[
      {"name":"tcp4_stateless_1m","ticks":17.2,"ticks_median":17.9,"ratio":1.8,"ns":6.6,"mpps":151,"flows":1048576,
      "vips":1,"backends":1000,"frame_bytes":64,"group":"flows","new_field":[1]}]})");
  EXPECT_EQ(result.cpu, "AMD EPYC");
  EXPECT_EQ(result.cases.at(0).group, "flows");
  EXPECT_EQ(result.cases.at(0).ticks, 17.2);
}

TEST(ReportValues, DpdkNumbersMayBeLeftOut) {
  const auto result = read<DpdkResult>(R"({"tsc_hz":1e9,"cases":[{"name":"io","group":"floor","ticks":null}]})");
  EXPECT_FALSE(result.cases.at(0).ticks);
  EXPECT_FALSE(result.cases.at(0).flows);
}

TEST(ReportValues, OneNameInTwoGroupsIsAllowed) {
  const auto result =
      read<DpdkResult>(R"({"tsc_hz":1,"cases":[{"name":"a","group":"main"},{"name":"a","group":"flows"}]})");
  EXPECT_EQ(result.cases.size(), 2U);
}

TEST(ReportValues, FamiliesOfNames) {
  EXPECT_EQ(family_of_name("tcp4_tracked_8m_noprefetch"), "tcp4_tracked_noprefetch");
  EXPECT_EQ(family_of_name("tcp4_stateless_1k"), "tcp4_stateless");
  EXPECT_EQ(family_of_name("tcp4_stateless_1"), "tcp4_stateless");
  EXPECT_EQ(family_of_name("tcp4_1k_2k"), "tcp4_1k");
  for (const char* whole : {"io", "", "1k", "tcp4_stateless_64vips", "a_0k", "a_k", "a_"})
    EXPECT_EQ(family_of_name(whole), whole);
}

TEST(ReportValues, RefusesWhatIsNoResult) {
  EXPECT_THAT(refusal(""), HasSubstr("is not JSON"));
  EXPECT_THAT(refusal("CASE RAW ns"), HasSubstr("-o json"));
  EXPECT_THAT(refusal("[1]"), HasSubstr("is not a JSON object"));
  EXPECT_THAT(refusal("{}"), HasSubstr("unknown shape"));
  EXPECT_THAT(refusal(R"({"cases":[{"name":"x","other":1}]})"), HasSubstr("unknown shape"));
  EXPECT_THAT(refusal(R"({"benchmarks":[{"name":"x"}]})"), HasSubstr("allowed is one of sluice-bench xdp"));
  EXPECT_THAT(refusal(std::string(100, '[')), HasSubstr("is not JSON"));  // no depth without end
}

TEST(ReportValues, RefusesNothingToDraw) {
  EXPECT_THAT(refusal(R"({"cases":[]})"), HasSubstr("cases is no list, or an empty one"));
  EXPECT_THAT(refusal(R"({"tsc_hz":1,"cases":{}})"), HasSubstr("cases is no list"));
  EXPECT_THAT(refusal(R"({"tsc_hz":1})"), HasSubstr("cases is no list"));
  EXPECT_THAT(refusal(R"({"runs":[],"flows":1,"slots":1,"backends":1,"balancers":1,"histories":1,"seed":1})"),
              HasSubstr("runs is no list, or an empty one"));
  EXPECT_THAT(refusal(R"({"tsc_hz":1,"cases":[1]})"), HasSubstr("cases[0] is not an object"));
}

// `text` with `from` replaced.
std::string with(std::string_view text, std::string_view from, std::string_view to) {
  std::string changed(text);
  const std::size_t at = changed.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return changed.replace(at, from.size(), to);
}

TEST(ReportValues, RefusesBadNumbers) {
  EXPECT_THAT(refusal(with(xdp, "5.3E1", "-1")), HasSubstr("cases[0].raw_ns is -1, and this cannot be negative"));
  EXPECT_THAT(refusal(with(xdp, "5.3E1", "1e999")), HasSubstr("cases[0].raw_ns is not finite"));
  EXPECT_THAT(refusal(with(xdp, "5.3E1", "NaN")), HasSubstr("is not JSON"));
  EXPECT_THAT(refusal(with(xdp, "5.3E1", "\"53\"")), HasSubstr("is not a number"));
  EXPECT_THAT(refusal(with(xdp, "\"floor_ns\":32,", "")), HasSubstr("cases[0].floor_ns is missing"));
  EXPECT_THAT(refusal(with(table, "655", "-655")), HasSubstr("moves[0].moved is -655"));
  EXPECT_THAT(refusal(with(churn, "10.5", "100.5")), HasSubstr("0 to 100 is allowed"));
  EXPECT_THAT(refusal(R"({"tsc_hz":1,"cases":[{"name":"x","group":"floor","ticks":-3}]})"),
              HasSubstr("cases[0].ticks is -3"));
  EXPECT_THAT(refusal(R"({"tsc_hz":1,"cases":[{"name":"x","group":"floor","ticks":1e400}]})"), HasSubstr("not finite"));
}

TEST(ReportValues, RefusesNamesThatAreNone) {
  EXPECT_THAT(refusal(R"({"tsc_hz":1,"cases":[{"ticks":1}]})"), HasSubstr("cases[0].name is missing"));
  EXPECT_THAT(refusal(R"({"tsc_hz":1,"cases":[{"name":7}]})"), HasSubstr("cases[0].name is not a text"));
  EXPECT_THAT(refusal(R"({"tsc_hz":1,"cases":[{"name":"x"}]})"), HasSubstr("cases[0].group is missing"));
  EXPECT_THAT(refusal(with(xdp, "parse_only", "blind_encap")), HasSubstr("\"blind_encap\" occurs twice"));
}

}  // namespace
}  // namespace sluice::bench
