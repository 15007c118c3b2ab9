// SPDX-License-Identifier: Apache-2.0
// The report as values, and as one HTML page that needs nothing else: no script, no font, no picture from elsewhere.
#pragma once

#include <string>
#include <vector>

#include "report_values.h"

namespace sluice::bench {

struct ReportTable {
  std::vector<std::string> head;
  std::size_t text_columns = 1;  // the first ones; the others are numbers and stand to the right
  std::vector<std::vector<std::string>> rows;
};

struct LegendEntry {
  std::string css;
  std::string text;
};

struct ReportPanel {
  std::string caption;  // empty where there is but one
  std::string svg;      // for wide and for narrow screens
};

// A plot says what it measures, against what, with which parameters, and what it does not show.
struct ReportSection {
  std::string title;
  std::string measures;
  std::string against;
  std::string parameters;
  std::string does_not_show;
  std::vector<LegendEntry> legend;
  std::vector<ReportPanel> panels;
  ReportTable table;
};

// One figure of the page's head.
struct ReportTile {
  std::string value;
  std::string caption;
};

struct ReportSource {
  std::string name;
  std::string command;  // "sluice-bench xdp"
  std::string machine;  // as far as the file says it
};

struct ReportPage {
  std::vector<ReportSource> sources;
  std::vector<ReportTile> tiles;
  std::vector<ReportSection> sections;
};

// Everything that the files hold, each case at least once. The order of the files is that of the series' colours.
[[nodiscard]] ReportPage make_report(const std::vector<NamedResult>& results);
[[nodiscard]] std::string to_html(const ReportPage& page);

// The page's style sheet: light, dark, telephone, paper (report_style.cc).
[[nodiscard]] std::string_view report_style();

}  // namespace sluice::bench
