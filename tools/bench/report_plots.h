// SPDX-License-Identifier: Apache-2.0
// The report's three kinds of plot: what goes in are plain values, what comes out is one SVG element. Pure.
//
// Every label of a plot lies inside its view box, and none lies over another one, however long the names are.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report_svg.h"

namespace sluice::bench {

struct Bar {
  double value = 0;
  double base = 0;             // of the value, the part that is only the floor's: drawn pale
  std::optional<double> mark;  // a thin stroke: the median, or the fewest possible
  std::string text;            // behind the bar: "17.2  1.8x"
};

struct BarRow {
  std::string heading;  // begins a group, where it is not empty
  std::string name;
  std::vector<std::optional<Bar>> bars;  // by series; empty: this series has no such case
};

// A line across, with its label on a line of its own above the plot.
struct ReferenceLine {
  double value = 0;
  std::string label;
  std::size_t series = 0;
  bool is_colored = false;  // in the series' colour, where there are several
};

struct BarPlot {
  std::string label;  // for screen readers
  std::string unit;
  std::size_t series_count = 1;
  std::vector<BarRow> rows;
  std::vector<ReferenceLine> references;
};
[[nodiscard]] std::string draw_bars(const BarPlot& plot, const Canvas& canvas);

struct LineSeries {
  std::string name;
  std::vector<Point> points;  // by x
};

// x on a logarithmic scale, y from 0.
struct LinePlot {
  std::string label;
  std::string x_name;
  std::string unit;
  double y_high = 0;  // at least; so that plots beside each other have one scale
  std::vector<LineSeries> series;
  std::vector<ReferenceLine> references;
};
[[nodiscard]] std::string draw_lines(const LinePlot& plot, const Canvas& canvas);

struct HeatRow {
  std::string heading;
  std::string name;
  std::vector<std::optional<double>> cells;  // per cent
};

struct HeatPlot {
  std::string label;
  std::vector<std::string> columns;
  std::vector<HeatRow> rows;
};
[[nodiscard]] std::string draw_heat(const HeatPlot& plot, const Canvas& canvas);

// The steps of a heat plot's colours, for its legend: css class and meaning.
struct HeatStep {
  std::string css;
  std::string meaning;
  double above = 0;
};
[[nodiscard]] const std::vector<HeatStep>& heat_steps();

}  // namespace sluice::bench
