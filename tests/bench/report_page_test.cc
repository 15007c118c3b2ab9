// SPDX-License-Identifier: Apache-2.0
#include "report_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <regex>

namespace sluice::bench {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

DpdkCase dpdk_case(std::string name, std::string group, double ticks, std::optional<double> flows = {}) {
  DpdkCase c;
  c.name = std::move(name);
  c.group = std::move(group);
  c.ticks = ticks;
  c.ticks_median = ticks * 1.1;
  c.ratio = ticks / 10;
  c.ns = ticks / 2;
  c.flows = flows;
  return c;
}

DpdkResult dpdk_result() {
  DpdkResult result;
  result.cpu = "AMD EPYC";
  result.tsc_hz = 2e9;
  result.cases = {dpdk_case("io", "floor", 3),
                  dpdk_case("parse_blind_encap", "floor", 10),
                  dpdk_case("tcp4_stateless_1", "kinds", 15, 1),
                  dpdk_case("tcp4_stateless_1k", "flows", 17, 1 << 10),
                  dpdk_case("tcp4_stateless_1m", "flows", 18, 1 << 20),
                  dpdk_case("tcp4_tracked_1m", "flows", 60, 1 << 20),  // alone: no line
                  dpdk_case("rte_hash_1k", "rte_hash", 70, 1 << 10),
                  dpdk_case("rte_hash_1m", "rte_hash", 160, 1 << 20),
                  dpdk_case("tcp4_stateless_1m_noprefetch", "prefetch", 90, 1 << 20),
                  dpdk_case("stateless_64vips", "vips", 21),
                  dpdk_case("something_new", "a group of tomorrow", 22),
                  dpdk_case("loop_ring", "ports", 80)};
  return result;
}

KernelResult kernel_result(KernelBench bench) {
  return {bench, {{"blind_encap", 53, 54, 32, 21, 1, 0, 4.5}, {"tcp4_stateless_1", 70, 71, 32, 38, 1.81, 17, 3.5}}};
}

TableResult table_result() {
  return {1.5, 0.5, 0.9, 65537, 1000, 100, {{"leaves", 655, 655, 1006}, {"joins", 650, 648, 1030}}};
}

ChurnResult churn_result() {
  return {200000,
          65537,
          10,
          3,
          20,
          1,
          {{"drain_1", "maglev", 10.5},
           {"drain_1", "sluice k=3", 0},
           {"add_1", "maglev", 12.5},
           {"add_1", "sluice k=3", 0},
           {"limit_turnover_20", "sluice k=3", 4.25}}};
}

std::vector<std::string> titles_of(const ReportPage& page) {
  std::vector<std::string> titles;
  for (const ReportSection& section : page.sections) titles.push_back(section.title);
  return titles;
}

std::vector<NamedResult> one_of_each() {
  return {{"epyc", dpdk_result()},
          {"test-run", kernel_result(KernelBench::xdp)},
          {"pair", kernel_result(KernelBench::veth)},
          {"slots", table_result()},
          {"simulated", churn_result()}};
}

TEST(ReportPage, HasASectionForEachKind) {
  EXPECT_THAT(
      titles_of(make_report(one_of_each())),
      ElementsAre("Cost per packet", "Cost against the number of flows", "What fetching ahead is worth",
                  "What the cost depends on", "Whole loops over software ports", "The XDP program in the kernel",
                  "Frames over a veth pair", "Slots that a change moves", "Connections that a change breaks"));
}

// The ratio's yardstick is another one in the ports' table; a form stands right behind what it is a form of.
TEST(ReportPage, DpdkTablesSayAgainstWhat) {
  std::map<std::string, ReportTable> tables;
  for (const ReportSection& section : make_report(one_of_each()).sections) tables[section.title] = section.table;
  EXPECT_THAT(tables.at("Cost per packet").head, Contains("\xc3\x97 blind"));
  EXPECT_THAT(tables.at("Whole loops over software ports").head, Contains("\xc3\x97 5tswap"));
  const auto& rows = tables.at("What fetching ahead is worth").rows;
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0][0], "tcp4_stateless_1m");
  EXPECT_EQ(rows[1][0], "tcp4_stateless_1m_noprefetch");
}

TEST(ReportPage, EverySectionSaysWhatItIs) {
  for (const ReportSection& section : make_report(one_of_each()).sections) {
    for (const std::string& text : {section.measures, section.against, section.parameters, section.does_not_show})
      EXPECT_FALSE(text.empty()) << section.title;
    ASSERT_FALSE(section.panels.empty()) << section.title;
    for (const ReportPanel& panel : section.panels) {
      EXPECT_THAT(panel.svg, HasSubstr("class=\"plot wide\"")) << section.title;
      EXPECT_THAT(panel.svg, HasSubstr("class=\"plot narrow\"")) << section.title;
    }
    for (const auto& row : section.table.rows) EXPECT_EQ(row.size(), section.table.head.size()) << section.title;
  }
}

TEST(ReportPage, EveryCaseStandsInATableAndInAPlot) {
  const std::string html = to_html(make_report(one_of_each()));
  std::vector<std::string> names = {"blind_encap", "leaves", "joins", "drain_1", "add_1", "limit_turnover_20"};
  for (const DpdkCase& c : dpdk_result().cases) names.push_back(c.name);
  for (const std::string& name : names) EXPECT_THAT(html, HasSubstr("<td class=\"mono\">" + name + "</td>"));
  for (const std::string name :
       {"tcp4_tracked_1m", "something_new", "loop_ring", "stateless_64vips", "leaves", "drain_1"})
    EXPECT_THAT(html, HasSubstr(">" + name + "</text>"));
  EXPECT_THAT(html, HasSubstr(">rte_hash 160</text>"));
  EXPECT_THAT(html, HasSubstr(">tcp4_stateless 18.0</text>"));
  EXPECT_THAT(html, HasSubstr(">a group of tomorrow</text>"));
}

TEST(ReportPage, FloorAndBlindEncapsulationAreMarked) {
  const std::string html = to_html(make_report({{"epyc", dpdk_result()}}));
  EXPECT_THAT(html, HasSubstr(">floor: io 3.00</text>"));
  EXPECT_THAT(html, HasSubstr(">blind encapsulation 10.0</text>"));
  const std::string kernel = to_html(make_report({{"a", kernel_result(KernelBench::xdp)}}));
  EXPECT_THAT(kernel, HasSubstr(">floor 32.0</text>"));
  EXPECT_THAT(kernel, HasSubstr(">blind encapsulation 53.0</text>"));
}

TEST(ReportPage, TilesSayTheFigures) {
  std::vector<std::string> tiles;
  for (const ReportTile& tile : make_report(one_of_each()).tiles) tiles.push_back(tile.value);
  EXPECT_THAT(tiles, ElementsAre("18.0", "60.0", "+17.0 ns", "+17.0 ns", "1 of 2", "12.5 %", "0 %"));
}

TEST(ReportPage, SeveralFilesOfAKindAreSeriesByName) {
  DpdkResult other = dpdk_result();
  other.tsc_hz = 3e9;
  const ReportPage page = make_report({{"epyc", dpdk_result()}, {"xeon", other}});
  EXPECT_EQ(page.sections[0].legend.at(0).text, "epyc");
  EXPECT_EQ(page.sections[0].legend.at(1).text, "xeon");
  EXPECT_EQ(page.sections[1].panels.size(), 2U);  // lines: one plot per file
  const std::string html = to_html(page);
  // Ticks of two machines are not of one length.
  EXPECT_THAT(html, HasSubstr(">nanoseconds per packet</text>"));
  EXPECT_THAT(html, Not(HasSubstr(">TSC ticks per packet</text>")));
  EXPECT_THAT(html, HasSubstr(">blind encapsulation 5.00, xeon</text>"));
  EXPECT_THAT(to_html(make_report({{"epyc", dpdk_result()}})), HasSubstr(">TSC ticks per packet</text>"));
}

TEST(ReportPage, CasesWithoutNumbersAreInTheTable) {
  DpdkResult result;
  result.cases.resize(1);
  result.cases[0].name = "bare";
  result.cases[0].group = "kinds";
  const ReportPage page = make_report({{"a", result}});
  ASSERT_EQ(page.sections.size(), 1U);
  EXPECT_TRUE(page.sections[0].panels.empty());
  EXPECT_THAT(to_html(page), HasSubstr("<td class=\"mono\">bare</td><td class=\"n\">\xe2\x80\x93</td>"));
}

TEST(ReportPage, NothingOfAFileIsMarkup) {
  const std::string evil = "<script>alert('&\")</script>";
  DpdkResult dpdk = dpdk_result();
  dpdk.cpu = dpdk.level = dpdk.memory = evil;
  for (DpdkCase& c : dpdk.cases) c.name = evil + c.name;
  dpdk.cases.push_back(dpdk_case(evil, evil, 5));
  KernelResult kernel = kernel_result(KernelBench::veth);
  kernel.cases[1].name = evil;
  TableResult table = table_result();
  table.moves[0].change = evil;
  ChurnResult churn = churn_result();
  churn.runs[0].scenario = churn.runs[1].scheme = evil;
  const std::string html = to_html(make_report({{evil, dpdk},
                                                {evil + "2", dpdk},
                                                {evil, kernel},
                                                {evil, kernel},
                                                {evil, table},
                                                {evil, table},
                                                {evil, churn},
                                                {evil, churn}}));
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("alert('")));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(&#39;&amp;&quot;)&lt;/script&gt;"));
}

// Every element that opens closes again, in order: what the page is made of fits together.
TEST(ReportPage, IsWellFormed) {
  const std::string html = to_html(make_report(one_of_each()));
  static const std::regex tag(R"(<(/?)([a-z0-9]+)[^<>]*?(/?)>)");
  std::vector<std::string> open;
  for (std::sregex_iterator i(html.begin(), html.end(), tag), end; i != end; ++i) {
    const std::string name = (*i)[2];
    if (name == "meta" || (*i)[3] == "/") continue;
    if ((*i)[1] != "/") {
      open.push_back(name);
      continue;
    }
    ASSERT_FALSE(open.empty()) << name;
    ASSERT_EQ(open.back(), name);
    open.pop_back();
  }
  EXPECT_TRUE(open.empty());
}

TEST(ReportPage, FetchesAndRunsNothing) {
  const std::string html = to_html(make_report(one_of_each()));
  for (const char* outside : {"http:", "https:", "//", "url(", "@import", "<script", "<link", "<img", "src=", "href="})
    EXPECT_THAT(html, Not(HasSubstr(outside)));
  EXPECT_THAT(html, HasSubstr("default-src 'none'"));
  EXPECT_THAT(html, HasSubstr("prefers-color-scheme: dark"));
  EXPECT_THAT(html, HasSubstr("@media print"));
}

}  // namespace
}  // namespace sluice::bench
