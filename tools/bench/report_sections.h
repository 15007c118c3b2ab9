// SPDX-License-Identifier: Apache-2.0
// What each kind of result adds to the page; for report_page.cc only. Pure.
#pragma once

#include <fmt/format.h>

#include "report_page.h"
#include "report_plots.h"

namespace sluice::bench {

template <typename T>
struct Named {
  std::string name;
  T result;
};

void add_dpdk(const std::vector<Named<DpdkResult>>& results, ReportPage& page);
// All of one bench: their floors are of different kinds, and never drawn together.
void add_kernel(const std::vector<Named<KernelResult>>& results, ReportPage& page);
void add_table(const std::vector<Named<TableResult>>& results, ReportPage& page);
void add_churn(const std::vector<Named<ChurnResult>>& results, ReportPage& page);

// "12-core AMD, x86-64-v3": what a result says of its machine.
[[nodiscard]] std::string machine_of(const DpdkResult& result);

template <typename Plot>
std::string both_widths(const Plot& plot, std::string (*draw)(const Plot&, const Canvas&)) {
  return draw(plot, wide_canvas) + draw(plot, narrow_canvas);
}

// Names the series by their files, where there are several.
template <typename T>
std::vector<LegendEntry> series_legend(const std::vector<Named<T>>& results) {
  std::vector<LegendEntry> legend;
  for (std::size_t i = 0; results.size() > 1 && i < results.size(); ++i)
    legend.push_back({"swatch " + series_css(i), results[i].name});
  return legend;
}

// ", NAME" where the name tells something.
template <typename T>
std::string of_file(const std::vector<Named<T>>& results, const std::string& name) {
  return results.size() > 1 ? ", " + name : "";
}

inline std::string cell_of(const std::optional<double>& value) {
  return value ? number_text(*value) : "\xe2\x80\x93";
}
inline std::string count_cell_of(const std::optional<double>& value) {
  return value ? count_text(*value) : "\xe2\x80\x93";
}

}  // namespace sluice::bench
