// SPDX-License-Identifier: Apache-2.0
// sluice-bench table and churn on the page: what is counted, not timed, and equal on every machine.
#include <algorithm>
#include <map>

#include "report_sections.h"

namespace sluice::bench {
namespace {

constexpr std::string_view limit_prefix = "limit_";
constexpr std::string_view own_scheme = "sluice";

std::string table_parameters(const TableResult& result) {
  return fmt::format("{} slots, {} equal backends; times with {}", count_text(result.slots),
                     count_text(result.moved_backends), count_text(result.timed_backends));
}

std::string churn_parameters(const ChurnResult& result) {
  return fmt::format("{} flows, {} slots, {} backends, {} balancers, seed {:.0f}; limits: mean of {} histories",
                     count_text(result.flows), count_text(result.slots), count_text(result.backends),
                     count_text(result.balancers), result.seed, count_text(result.histories));
}

// One sentence for each file, named where there are several.
template <typename T>
std::string parameters_of(const std::vector<Named<T>>& results, std::string (*text)(const T&)) {
  std::string all;
  for (const auto& [file, result] : results)
    all += (all.empty() ? "" : "; ") + (results.size() > 1 ? file + ": " : "") + text(result);
  return all;
}

BarPlot moves_plot(const TableResult& result) {
  BarPlot plot;
  plot.label = "Slots moved by a change, by the step rule and by filling anew";
  plot.unit = "slots moved";
  plot.series_count = 2;
  for (const TableMove& move : result.moves)
    plot.rows.push_back({"",
                         move.change,
                         {Bar{move.moved, 0, move.minimum, count_text(move.moved)},
                          Bar{move.refill_moved, 0, move.minimum, count_text(move.refill_moved)}}});
  return plot;
}

ReportTable moves_table(const std::vector<Named<TableResult>>& results) {
  ReportTable table;
  table.head = {"Change"};
  if (results.size() > 1) table.head.emplace_back("File");
  table.text_columns = table.head.size();
  for (const char* column : {"moved", "minimum", "Maglev refill"}) table.head.emplace_back(column);
  const auto add = [&](const std::string& file, std::string what, const std::vector<std::string>& values) {
    std::vector<std::string> row = {std::move(what)};
    if (results.size() > 1) row.push_back(file);
    row.insert(row.end(), values.begin(), values.end());
    table.rows.push_back(std::move(row));
  };
  for (const auto& [file, result] : results) {
    for (const TableMove& move : result.moves)
      add(file, move.change, {count_text(move.moved), count_text(move.minimum), count_text(move.refill_moved)});
    add(file, "time of the change, ms", {number_text(result.step_ms), "\xe2\x80\x93", number_text(result.fill_ms)});
    add(file, "largest share error, slots", {number_text(result.share_error_slots), "\xe2\x80\x93", "\xe2\x80\x93"});
  }
  return table;
}

// Each text once, in the order in which they come.
void add_once(std::vector<std::string>& list, const std::string& text) {
  if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
}

bool is_limit(const std::string& scenario) {
  return scenario.starts_with(limit_prefix);
}

HeatPlot heat_of(const ChurnResult& result) {
  HeatPlot plot;
  plot.label = "Flows broken, in per cent, by scenario and scheme";
  std::vector<std::string> scenarios;
  std::map<std::pair<std::string, std::string>, double> broken;
  for (const ChurnRun& run : result.runs) {
    add_once(plot.columns, run.scheme);
    add_once(scenarios, run.scenario);
    broken[{run.scenario, run.scheme}] = run.broken_percent;
  }
  for (const bool limits : {false, true}) {
    std::string heading = limits ? "Beyond the promise: where it ends" : "Within the promise";
    for (const std::string& scenario : scenarios) {
      if (is_limit(scenario) != limits) continue;
      HeatRow row{heading, scenario, {}};
      heading.clear();
      for (const std::string& scheme : plot.columns) {
        const auto found = broken.find({scenario, scheme});
        row.cells.push_back(found == broken.end() ? std::nullopt : std::optional(found->second));
      }
      plot.rows.push_back(std::move(row));
    }
  }
  return plot;
}

ReportTable churn_table(const std::vector<Named<ChurnResult>>& results) {
  ReportTable table;
  table.head = {"Scenario"};
  if (results.size() > 1) table.head.emplace_back("File");
  table.text_columns = table.head.size();
  std::vector<std::string> schemes;
  for (const auto& [file, result] : results)
    for (const ChurnRun& run : result.runs) add_once(schemes, run.scheme);
  table.head.insert(table.head.end(), schemes.begin(), schemes.end());
  for (const auto& [file, result] : results)
    for (const HeatPlot plot = heat_of(result); const HeatRow& heat : plot.rows) {
      std::vector<std::string> row = {heat.name};
      if (results.size() > 1) row.push_back(file);
      for (const std::string& scheme : schemes) {
        const auto found = std::find(plot.columns.begin(), plot.columns.end(), scheme);
        row.push_back(found == plot.columns.end()
                          ? cell_of({})
                          : cell_of(heat.cells[static_cast<std::size_t>(found - plot.columns.begin())]));
      }
      table.rows.push_back(std::move(row));
    }
  return table;
}

// The worst of each scheme where something is promised: ours against the others.
void add_churn_tiles(const std::vector<Named<ChurnResult>>& results, ReportPage& page) {
  for (const auto& [file, result] : results) {
    std::vector<std::string> schemes;
    std::vector<std::string> scenarios;
    std::map<std::string, double> worst;
    for (const ChurnRun& run : result.runs) {
      if (is_limit(run.scenario)) continue;
      add_once(scenarios, run.scenario);
      add_once(schemes, run.scheme);
      worst[run.scheme] = std::max(worst[run.scheme], run.broken_percent);
    }
    for (const std::string& scheme : schemes)
      if (scheme == "maglev" || scheme == "sluice k=3")
        page.tiles.push_back(
            {number_text(worst[scheme]) + " %", fmt::format("of flows broken by {}, the worst of {} scenarios{}",
                                                            scheme, scenarios.size(), of_file(results, file))});
  }
}

}  // namespace

void add_table(const std::vector<Named<TableResult>>& results, ReportPage& page) {
  if (results.empty()) return;
  ReportSection section;
  section.title = "Slots that a change moves";
  section.measures =
      "slots whose owner is another one after one of the backends has changed: each may break the flows in it";
  section.against = "the fewest that any algorithm could move (stroke), and filling the table anew by Maglev";
  section.parameters = parameters_of(results, table_parameters);
  section.does_not_show = "flows that break: a moved slot remembers its owners, and the churn plot counts what is left";
  section.legend = {{"swatch " + series_css(0), "the step rule"},
                    {"swatch " + series_css(1), "Maglev refill"},
                    {"swatch stroke", "fewest possible"}};
  for (const auto& [file, result] : results) {
    section.panels.push_back({results.size() > 1 ? file : "", both_widths(moves_plot(result), draw_bars)});
    const auto least = std::count_if(result.moves.begin(), result.moves.end(),
                                     [](const TableMove& move) { return move.moved == move.minimum; });
    page.tiles.push_back({fmt::format("{} of {}", least, result.moves.size()),
                          "changes of backends moved the fewest slots possible" + of_file(results, file)});
  }
  section.table = moves_table(results);
  page.sections.push_back(std::move(section));
}

void add_churn(const std::vector<Named<ChurnResult>>& results, ReportPage& page) {
  if (results.empty()) return;
  add_churn_tiles(results, page);
  ReportSection section;
  section.title = "Connections that a change breaks";
  section.measures = fmt::format(
      "simulated flows, in per cent, that end at another backend than the one that holds them "
      "while that one lives; {} k=3: lists of up to three owners",
      own_scheme);
  section.against =
      "Maglev alone, Maglev with a flow table in each balancer, two-entry rendezvous rows, one previous owner";
  section.parameters = parameters_of(results, churn_parameters);
  section.does_not_show = "packet loss, time-outs, or delays: a change reaches every balancer at the same moment";
  for (const HeatStep& step : heat_steps()) section.legend.push_back({"swatch " + step.css, step.meaning});
  for (const auto& [file, result] : results)
    section.panels.push_back({results.size() > 1 ? file : "", both_widths(heat_of(result), draw_heat)});
  section.table = churn_table(results);
  page.sections.push_back(std::move(section));
}

}  // namespace sluice::bench
