// SPDX-License-Identifier: Apache-2.0
// sluice-bench xdp and veth on the page: RAW by case, the floor pale, the blind encapsulation marked.
#include <algorithm>
#include <array>

#include "report_sections.h"

namespace sluice::bench {
namespace {

using Results = std::vector<Named<KernelResult>>;

constexpr std::string_view blind_case = "blind_encap";

const KernelCase* find_case(const KernelResult& result, std::string_view name) {
  const auto found =
      std::find_if(result.cases.begin(), result.cases.end(), [&](const KernelCase& c) { return c.name == name; });
  return found == result.cases.end() ? nullptr : &*found;
}

std::string signed_text(double value) {
  return (value > 0 ? "+" : "") + number_text(value);
}

std::vector<std::string> names_of(const Results& results) {
  std::vector<std::string> names;
  for (const auto& [file, result] : results)
    for (const KernelCase& c : result.cases)
      if (std::find(names.begin(), names.end(), c.name) == names.end()) names.push_back(c.name);
  return names;
}

BarPlot plot_of(const Results& results) {
  BarPlot plot;
  plot.unit = "nanoseconds per packet";
  plot.series_count = results.size();
  for (const std::string& name : names_of(results)) {
    BarRow row;
    row.name = name;
    for (const auto& [file, result] : results) {
      const KernelCase* c = find_case(result, name);
      row.bars.emplace_back();
      if (c == nullptr) continue;
      row.bars.back() = Bar{c->raw_ns, c->floor_ns, c->raw_median_ns, number_text(c->raw_ns)};
      if (name != blind_case) row.bars.back()->text += fmt::format("  ({})", signed_text(c->over_blind_ns));
    }
    plot.rows.push_back(std::move(row));
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    const KernelCase& first = results[i].result.cases.front();
    const auto add = [&](double value, std::string_view title) {
      plot.references.push_back({value,
                                 fmt::format("{} {}{}", title, number_text(value), of_file(results, results[i].name)),
                                 i, results.size() > 1});
    };
    add(first.floor_ns, "floor");
    if (const KernelCase* blind = find_case(results[i].result, blind_case)) add(blind->raw_ns, "blind encapsulation");
  }
  return plot;
}

ReportTable table_of(const Results& results) {
  ReportTable table;
  table.head = {"Case"};
  if (results.size() > 1) table.head.emplace_back("File");
  table.text_columns = table.head.size();
  for (const char* column : {"raw ns", "median", "floor", "net ns", "\xc3\x97 blind", "over blind ns"})
    table.head.emplace_back(column);
  const bool has_rate = results.front().result.bench == KernelBench::veth;
  if (has_rate) table.head.emplace_back("Mpps");
  for (const std::string& name : names_of(results))
    for (const auto& [file, result] : results) {
      const KernelCase* c = find_case(result, name);
      if (c == nullptr) continue;
      std::vector<std::string> row = {c->name};
      if (results.size() > 1) row.push_back(file);
      for (const double value : {c->raw_ns, c->raw_median_ns, c->floor_ns, c->net_ns, c->ratio, c->over_blind_ns})
        row.push_back(number_text(value));
      if (has_rate) row.push_back(cell_of(c->mpps));
      table.rows.push_back(std::move(row));
    }
  return table;
}

void describe(KernelBench bench, ReportSection& section) {
  constexpr std::string_view yardstick =
      " (floor, the pale part), and a program that writes a constant outer header and looks at nothing (blind "
      "encapsulation); in brackets the distance from that";
  if (bench == KernelBench::xdp) {
    section.title = "The XDP program in the kernel";
    section.measures =
        "the program as the kernel runs it, by its test-run: nanoseconds per packet, the fastest stretch of 65,536";
    section.against = fmt::format("the same loop over \"return XDP_TX\"{}", yardstick);
    section.does_not_show = "drivers, interrupts, DMA, cold packet data, or several cores at once";
    return;
  }
  section.title = "Frames over a veth pair";
  section.measures =
      "frames that travel, generator, veth, the program attached natively, veth, counted: nanoseconds per frame, the "
      "fastest stretch of 16,384";
  section.against = fmt::format("the same way with \"return XDP_TX\" as the balancer{}", yardstick);
  section.does_not_show = "what a NIC does: most of the pale part is the veth pair, and the generator on the same core";
}

// The hardest stateless case there is.
void add_tile(const Results& results, ReportPage& page) {
  for (const auto& [file, result] : results)
    for (const std::string_view name : {"tcp4_stateless_1m", "tcp4_stateless_many", "tcp4_stateless_1"}) {
      const KernelCase* c = find_case(result, name);
      if (c == nullptr) continue;
      page.tiles.push_back(
          {signed_text(c->over_blind_ns) + " ns",
           fmt::format("over the blind encapsulation, {}, {}{}", name,
                       result.bench == KernelBench::xdp ? "XDP test-run" : "veth", of_file(results, file))});
      break;
    }
}

}  // namespace

void add_kernel(const Results& results, ReportPage& page) {
  if (results.empty()) return;
  add_tile(results, page);
  ReportSection section;
  describe(results.front().result.bench, section);
  section.parameters =
      "one core; the file does not hold frame length, flows and backends: they are those of the command line that made "
      "it";
  section.legend = series_legend(results);
  section.legend.push_back({"swatch stroke", "median"});
  BarPlot plot = plot_of(results);
  plot.label = section.title + ", " + plot.unit + "; the numbers are in the table beside";
  section.panels.push_back({"", both_widths(plot, draw_bars)});
  section.table = table_of(results);
  page.sections.push_back(std::move(section));
}

}  // namespace sluice::bench
