// SPDX-License-Identifier: Apache-2.0
// sluice-bench dpdk on the page: cost by case, cost against the number of flows, whole loops over ports.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "report_sections.h"

namespace sluice::bench {
namespace {

using Results = std::vector<Named<DpdkResult>>;

constexpr std::string_view blind_case = "parse_blind_encap";
constexpr std::string_view io_case = "io";

struct GroupTitle {
  std::string_view group;
  std::string_view title;
};
// In the order of the page. A group that is not here comes last, by its own name.
constexpr std::array base_groups = {GroupTitle{"floor", "Floors"}, GroupTitle{"flows", "TCP over IPv4"},
                                    GroupTitle{"kinds", "Other packets and encapsulations"}};
constexpr std::array factor_groups = {GroupTitle{"vips", "Number of VIPs"},
                                      GroupTitle{"backends", "Number of backends"}, GroupTitle{"frame", "Frame length"},
                                      GroupTitle{"workers", "Workers"},
                                      GroupTitle{"rte_hash", "rte_hash instead of our flow table"}};
constexpr std::string_view ports_group = "ports";
constexpr std::string_view prefetch_group = "prefetch";

template <typename Groups>
const GroupTitle* find_group(const Groups& groups, std::string_view group) {
  const auto found = std::find_if(groups.begin(), groups.end(), [&](const GroupTitle& g) { return g.group == group; });
  return found == groups.end() ? nullptr : &*found;
}

// What a cost is given in: one machine counts its own ticks; two machines' ticks are not of one length.
struct Unit {
  std::optional<double> DpdkCase::*field;
  std::string name;
};

Unit unit_of(const Results& results) {
  bool all_ns = true;
  bool any_ticks = false;
  for (const auto& [name, result] : results)
    for (const DpdkCase& c : result.cases) {
      all_ns = all_ns && (c.ns || !c.ticks);
      any_ticks = any_ticks || c.ticks;
    }
  if ((results.size() > 1 && all_ns) || !any_ticks) return {&DpdkCase::ns, "nanoseconds per packet"};
  return {&DpdkCase::ticks, "TSC ticks per packet"};
}

const DpdkCase* find_case(const DpdkResult& result, std::string_view name) {
  const auto found =
      std::find_if(result.cases.begin(), result.cases.end(), [&](const DpdkCase& c) { return c.name == name; });
  return found == result.cases.end() ? nullptr : &*found;
}

// The median in the unit of the plot.
std::optional<double> median_of(const DpdkCase& c, const Unit& unit) {
  if (!c.ticks_median || unit.field == &DpdkCase::ticks) return c.ticks_median;
  if (!c.ticks || !c.ns || *c.ticks == 0) return {};
  return *c.ticks_median * *c.ns / *c.ticks;
}

using CaseKey = std::pair<std::string, std::string>;  // group, name

// Which cases are points of a line. The families, in the order of their first cases.
struct Families {
  std::vector<std::string> names;
  std::set<CaseKey> cases;
};

bool may_be_line(const DpdkCase& c) {
  return c.flows && (c.group == "flows" || c.group == "rte_hash");
}

Families families_of(const Results& results) {
  std::map<std::string, std::set<double>> flows;
  std::vector<std::string> order;
  for (const auto& [name, result] : results)
    for (const DpdkCase& c : result.cases) {
      if (!may_be_line(c)) continue;
      if (flows[family_of_name(c.name)].insert(*c.flows).second && flows[family_of_name(c.name)].size() == 1)
        order.push_back(family_of_name(c.name));
    }
  Families families;
  for (const std::string& family : order)
    if (flows[family].size() > 1 && families.names.size() < series_max) families.names.push_back(family);
  const std::set<std::string> known(families.names.begin(), families.names.end());
  for (const auto& [name, result] : results)
    for (const DpdkCase& c : result.cases)
      if (may_be_line(c) && known.contains(family_of_name(c.name))) families.cases.insert({c.group, c.name});
  return families;
}

std::vector<const DpdkCase*> cases_of(const Results& results, const std::vector<CaseKey>& keys) {
  const std::set<CaseKey> wanted(keys.begin(), keys.end());
  std::vector<const DpdkCase*> cases;
  for (const auto& [name, result] : results)
    for (const DpdkCase& c : result.cases)
      if (wanted.contains({c.group, c.name})) cases.push_back(&c);
  return cases;
}

struct Parameter {
  std::optional<double> DpdkCase::*field;
  std::string_view head;
  std::string_view text;
};
constexpr std::array case_parameters = {Parameter{&DpdkCase::flows, "flows", "flows"},
                                        Parameter{&DpdkCase::vips, "VIPs", "VIPs"},
                                        Parameter{&DpdkCase::backends, "backends", "backends"},
                                        Parameter{&DpdkCase::frame_bytes, "frame B", "bytes per frame"}};

// A parameter that all of these cases share is said once, above, and not in every line of the table.
bool is_common(const std::vector<const DpdkCase*>& cases, const Parameter& parameter) {
  return std::all_of(cases.begin(), cases.end(),
                     [&](const DpdkCase* c) { return c->*parameter.field == cases.front()->*parameter.field; });
}

ReportTable table_of(const Results& results, const std::vector<CaseKey>& keys, std::string_view yardstick = "blind") {
  ReportTable table;
  table.head = {"Case"};
  if (results.size() > 1) table.head.emplace_back("File");
  table.text_columns = table.head.size();
  for (const std::string& column : {std::string("ticks"), std::string("median"), fmt::format("\xc3\x97 {}", yardstick),
                                    std::string("ns"), std::string("Mpps")})
    table.head.push_back(column);
  const std::vector<const DpdkCase*> cases = cases_of(results, keys);
  std::vector<Parameter> parameters;
  for (const Parameter& parameter : case_parameters)
    if (!is_common(cases, parameter)) parameters.push_back(parameter);
  for (const Parameter& parameter : parameters) table.head.emplace_back(parameter.head);
  for (const auto& [group, name] : keys)
    for (const auto& [file, result] : results)
      for (const DpdkCase& c : result.cases) {
        if (c.name != name || c.group != group) continue;
        std::vector<std::string> row = {c.name};
        if (results.size() > 1) row.push_back(file);
        for (const auto& value : {c.ticks, c.ticks_median, c.ratio, c.ns, c.mpps}) row.push_back(cell_of(value));
        for (const Parameter& parameter : parameters) row.push_back(count_cell_of(c.*parameter.field));
        table.rows.push_back(std::move(row));
      }
  return table;
}

// ", backends: 1,000": what all of these cases have in common.
std::string common_text(const Results& results, const std::vector<CaseKey>& keys) {
  const std::vector<const DpdkCase*> cases = cases_of(results, keys);
  std::string text;
  for (const Parameter& parameter : case_parameters)
    if (const auto value = cases.front()->*parameter.field; value && is_common(cases, parameter))
      text += fmt::format(", {}: {}", parameter.text, count_text(*value));
  return text;
}

std::string parameters_of(const Results& results, const std::vector<CaseKey>& keys) {
  std::string text;
  for (const auto& [name, result] : results) {
    std::string machine = machine_of(result);
    if (machine.empty()) machine = "machine not stated";
    text += (text.empty() ? "" : "; ") + (results.size() > 1 ? name + ": " : "") + machine;
  }
  return text + common_text(results, keys);
}

std::vector<ReferenceLine> references_of(const Results& results, const Unit& unit) {
  std::vector<ReferenceLine> lines;
  for (const auto& [case_name, title] : {std::pair{io_case, "floor: io"}, {blind_case, "blind encapsulation"}})
    for (std::size_t i = 0; i < results.size(); ++i) {
      const DpdkCase* c = find_case(results[i].result, case_name);
      if (c == nullptr || !(c->*unit.field)) continue;
      const double value = *(c->*unit.field);
      lines.push_back({value, fmt::format("{} {}{}", title, number_text(value), of_file(results, results[i].name)), i,
                       results.size() > 1});
    }
  return lines;
}

std::optional<Bar> bar_of(const DpdkResult& result, const CaseKey& key, const Unit& unit) {
  for (const DpdkCase& c : result.cases) {
    if (c.group != key.first || c.name != key.second || !(c.*unit.field)) continue;
    Bar bar;
    bar.value = *(c.*unit.field);
    bar.mark = median_of(c, unit);
    bar.text = number_text(bar.value);
    if (c.ratio) bar.text += fmt::format("  {}\xc3\x97", number_text(*c.ratio));
    return bar;
  }
  return {};
}

// The cases of the groups that `wanted` names, in its order and then the files'.
template <typename Groups>
std::vector<CaseKey> keys_of(const Results& results, const Groups& wanted, const std::set<CaseKey>& without) {
  std::vector<CaseKey> keys;
  std::set<CaseKey> seen = without;
  for (const GroupTitle& group : wanted)
    for (const auto& [name, result] : results)
      for (const DpdkCase& c : result.cases)
        if (c.group == group.group && seen.insert({c.group, c.name}).second) keys.emplace_back(c.group, c.name);
  return keys;
}

BarPlot bars_of(const Results& results, const std::vector<CaseKey>& keys, const Unit& unit, bool has_headings) {
  BarPlot plot;
  plot.unit = unit.name;
  plot.series_count = results.size();
  std::string group;
  for (const CaseKey& key : keys) {
    BarRow row;
    row.name = key.second;
    bool any = false;
    for (const auto& [name, result] : results) {
      row.bars.push_back(bar_of(result, key, unit));
      any = any || row.bars.back();
    }
    if (!any) continue;  // its line in the table remains
    if (key.first != group) {
      const GroupTitle* title = find_group(base_groups, key.first);
      if (title == nullptr) title = find_group(factor_groups, key.first);
      if (has_headings) row.heading = title != nullptr ? std::string(title->title) : key.first;
      group = key.first;
    }
    plot.rows.push_back(std::move(row));
  }
  return plot;
}

struct BarTexts {
  std::string_view title;
  std::string_view measures;
  std::string_view against;
  std::string_view does_not_show;
  std::string_view yardstick = "blind";  // what the ratios are to
  bool has_headings = true;              // of the groups
};

void add_bars(const Results& results, const std::vector<CaseKey>& keys, const BarTexts& texts, ReportPage& page) {
  if (keys.empty()) return;
  const Unit unit = unit_of(results);
  ReportSection section{std::string(texts.title),
                        std::string(texts.measures),
                        std::string(texts.against),
                        parameters_of(results, keys),
                        std::string(texts.does_not_show),
                        series_legend(results),
                        {},
                        table_of(results, keys, texts.yardstick)};
  BarPlot plot = bars_of(results, keys, unit, texts.has_headings);
  plot.label = section.title + ", " + unit.name + "; the numbers are in the table beside";
  if (texts.yardstick == "blind") plot.references = references_of(results, unit);
  section.legend.push_back({"swatch stroke", "median of the rounds"});
  if (!plot.rows.empty()) section.panels.push_back({"", both_widths(plot, draw_bars)});
  page.sections.push_back(std::move(section));
}

LinePlot lines_of(const DpdkResult& result, const Families& families, const Unit& unit) {
  LinePlot plot;
  plot.unit = unit.name;
  plot.x_name = "flows (log scale)";
  for (const std::string& family : families.names) {
    std::map<double, double> points;
    for (const DpdkCase& c : result.cases)
      if (c.flows && *c.flows > 0 && c.*unit.field && c.group != ports_group && family_of_name(c.name) == family)
        points.emplace(*c.flows, *(c.*unit.field));
    // An empty one stays, so that a family has one colour in every panel.
    LineSeries series{family, {}};
    for (const auto& [flows, cost] : points) series.points.push_back({flows, cost});
    plot.series.push_back(std::move(series));
  }
  plot.label = "Cost against the number of flows, " + unit.name;
  return plot;
}

void add_lines(const Results& results, const Families& families, ReportPage& page) {
  if (families.names.empty()) return;
  const Unit unit = unit_of(results);
  std::vector<CaseKey> ordered;
  std::set<CaseKey> seen;
  for (const auto& [name, result] : results)
    for (const DpdkCase& c : result.cases)
      if (families.cases.contains({c.group, c.name}) && seen.insert({c.group, c.name}).second)
        ordered.emplace_back(c.group, c.name);
  ReportSection section{"Cost against the number of flows",
                        "the cost of a packet of one of so many flows, each as likely as any other (best round)",
                        "the blind encapsulation of the same run, which remembers nothing; a line that stays flat does "
                        "not depend on the flows",
                        parameters_of(results, ordered),
                        "traffic whose flows are unequal: a few heavy ones stay in the cache and cost less than this",
                        {},
                        {},
                        table_of(results, ordered)};
  double high = 0;
  std::vector<LinePlot> plots;
  for (const auto& [name, result] : results) {
    plots.push_back(lines_of(result, families, unit));
    plots.back().references = references_of({{name, result}}, unit);
    for (const LineSeries& series : plots.back().series)
      for (const Point& point : series.points) high = std::max(high, point.y);
  }
  for (std::size_t i = 0; i < plots.size(); ++i) {
    plots[i].y_high = high;
    section.panels.push_back({results.size() > 1 ? results[i].name : "", both_widths(plots[i], draw_lines)});
  }
  for (std::size_t i = 0; i < families.names.size(); ++i)
    section.legend.push_back({fmt::format("swatch shape{} {} only-narrow", i % 4, series_css(i)), families.names[i]});
  page.sections.push_back(std::move(section));
}

// Cases that fetch nothing ahead, each behind the one that it is a form of.
std::vector<CaseKey> prefetch_keys(const Results& results) {
  const std::vector<CaseKey> without = keys_of(results, std::array{GroupTitle{prefetch_group, ""}}, {});
  std::vector<CaseKey> keys;
  std::set<CaseKey> placed;
  for (const CaseKey& whole : keys_of(results, base_groups, {})) {
    std::vector<CaseKey> forms;
    for (const CaseKey& key : without)
      if (key.second.starts_with(whole.second + "_") && placed.insert(key).second) forms.push_back(key);
    if (forms.empty()) continue;
    keys.push_back(whole);
    keys.insert(keys.end(), forms.begin(), forms.end());
  }
  for (const CaseKey& key : without)
    if (placed.insert(key).second) keys.push_back(key);
  return keys;
}

// The case with most flows whose name begins so.
void add_tile(const Results& results, std::string_view prefix, ReportPage& page) {
  for (const auto& [name, result] : results) {
    const DpdkCase* most = nullptr;
    for (const DpdkCase& c : result.cases)
      if (c.ticks && c.flows && family_of_name(c.name) == prefix && (most == nullptr || *c.flows > *most->flows))
        most = &c;
    if (most == nullptr) continue;
    std::string caption = fmt::format("ticks per packet, {}", most->name);
    if (most->ratio) caption += fmt::format(": {}\xc3\x97 the blind encapsulation", number_text(*most->ratio));
    page.tiles.push_back({number_text(*most->ticks), caption + of_file(results, name)});
  }
}

}  // namespace

std::string machine_of(const DpdkResult& result) {
  std::vector<std::string> parts;
  if (!result.cpu.empty()) parts.push_back(result.cpu);
  if (result.tsc_hz) parts.push_back(fmt::format("TSC {} GHz", number_text(*result.tsc_hz / 1e9)));
  if (!result.level.empty()) parts.push_back(result.level);
  if (!result.memory.empty()) parts.push_back("memory: " + result.memory);
  if (result.burst) parts.push_back(fmt::format("bursts of {}", count_text(*result.burst)));
  return fmt::format("{}", fmt::join(parts, ", "));
}

void add_dpdk(const Results& results, ReportPage& page) {
  if (results.empty()) return;
  add_tile(results, "tcp4_stateless", page);
  add_tile(results, "tcp4_tracked", page);
  const Families families = families_of(results);
  std::vector<GroupTitle> factors(factor_groups.begin(), factor_groups.end());
  for (const auto& [name, result] : results)
    for (const DpdkCase& c : result.cases)
      if (find_group(base_groups, c.group) == nullptr && find_group(factors, c.group) == nullptr &&
          c.group != ports_group && c.group != prefetch_group)
        factors.push_back({c.group, c.group});
  constexpr std::string_view measures = "time per packet: of each round the median burst, of the rounds the best one";
  constexpr std::string_view against =
      "a loop that only moves the frames (io), and a parser with a constant outer header that looks nothing up (blind "
      "encapsulation), both in the same run; 1.8\xc3\x97 is 1.8 times the latter";
  constexpr std::string_view blind_to = "what a NIC and its driver add, or frames that DMA left outside the cache";
  add_bars(results, keys_of(results, base_groups, {}), {"Cost per packet", measures, against, blind_to}, page);
  add_lines(results, families, page);
  add_bars(results, prefetch_keys(results),
           {"What fetching ahead is worth",
            "the same packets: by stages, each fetching what the next will read; by stages without that "
            "(_staged_unfetched); each packet through all stages before the next (_noprefetch)",
            against, blind_to, "blind", false},
           page);
  add_bars(results, keys_of(results, factors, families.cases),
           {"What the cost depends on", measures, against, blind_to}, page);
  add_bars(
      results, keys_of(results, std::array{GroupTitle{ports_group, ""}}, {}),
      {"Whole loops over software ports", "receive, forward and send over DPDK's software ports, time per packet",
       "5tswap over the same port, which swaps MAC addresses, IP addresses and ports; 1.4\xc3\x97 is 1.4 times that",
       "a NIC; net_pcap copies every packet, net_null makes it of zeros (no VIP's), net_ring only passes it on",
       "5tswap", false},
      page);
}

}  // namespace sluice::bench
