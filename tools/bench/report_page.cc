// SPDX-License-Identifier: Apache-2.0
#include "report_page.h"

#include <algorithm>

#include "report_sections.h"

namespace sluice::bench {
namespace {

std::string command_of(const BenchResult& result) {
  if (std::holds_alternative<DpdkResult>(result)) return "sluice-bench dpdk";
  if (std::holds_alternative<TableResult>(result)) return "sluice-bench table";
  if (std::holds_alternative<ChurnResult>(result)) return "sluice-bench churn";
  return std::get<KernelResult>(result).bench == KernelBench::veth ? "sluice-bench veth" : "sluice-bench xdp";
}

template <typename T>
std::vector<Named<T>> of_kind(const std::vector<NamedResult>& results) {
  std::vector<Named<T>> chosen;
  for (const NamedResult& result : results)
    if (const T* value = std::get_if<T>(&result.result)) chosen.push_back({result.name, *value});
  return chosen;
}

std::string element(std::string_view name, std::string_view text) {
  return fmt::format("<{}>{}</{}>", name, escape_html(text), name);
}

std::string sources_html(const std::vector<ReportSource>& sources) {
  std::string html = "<ul class=\"sources\">\n";
  for (const ReportSource& source : sources)
    html += fmt::format("<li>{} by <code>{}</code>{}</li>\n", element("strong", source.name), source.command,
                        source.machine.empty() ? "" : " on " + escape_html(source.machine));
  return html + "</ul>\n";
}

std::string tiles_html(const std::vector<ReportTile>& tiles) {
  if (tiles.empty()) return {};
  std::string html = "<ul class=\"tiles\">\n";
  for (const ReportTile& tile : tiles)
    html += fmt::format("<li>{}{}</li>\n", element("strong", tile.value), element("span", tile.caption));
  return html + "</ul>\n";
}

std::string legend_html(const std::vector<LegendEntry>& legend) {
  if (legend.empty()) return {};
  std::string html = "<ul class=\"legend\">\n";
  for (const LegendEntry& entry : legend) {
    const bool only_narrow = entry.css.ends_with("only-narrow");
    html += fmt::format("<li{}><i class=\"{}\"></i>{}</li>\n", only_narrow ? " class=\"only-narrow\"" : "", entry.css,
                        escape_html(entry.text));
  }
  return html + "</ul>\n";
}

std::string panels_html(const std::vector<ReportPanel>& panels) {
  std::string html;
  for (const ReportPanel& panel : panels)
    html += fmt::format("<figure>{}\n{}</figure>\n", panel.caption.empty() ? "" : element("figcaption", panel.caption),
                        panel.svg);
  return html;
}

std::string table_html(const ReportTable& table) {
  std::string html = "<div class=\"numbers\"><table>\n<thead><tr>";
  const auto css = [&](std::size_t column) {
    return column == 0 ? " class=\"mono\"" : column < table.text_columns ? "" : " class=\"n\"";
  };
  for (std::size_t i = 0; i < table.head.size(); ++i)
    html += fmt::format("<th scope=\"col\"{}>{}</th>", css(i), escape_html(table.head[i]));
  html += "</tr></thead>\n<tbody>\n";
  for (const auto& row : table.rows) {
    html += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i) html += fmt::format("<td{}>{}</td>", css(i), escape_html(row[i]));
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

std::string section_html(const ReportSection& section) {
  std::string html = "<section>\n" + element("h2", section.title) + "\n<dl>\n";
  const std::pair<std::string_view, const std::string&> facts[] = {{"Measures", section.measures},
                                                                   {"Against", section.against},
                                                                   {"With", section.parameters},
                                                                   {"Does not show", section.does_not_show}};
  for (const auto& [term, text] : facts) html += element("dt", term) + element("dd", text) + "\n";
  return html + "</dl>\n<div class=\"body\">\n<div class=\"plots\">\n" + legend_html(section.legend) +
         panels_html(section.panels) + "</div>\n" + table_html(section.table) + "</div>\n</section>\n";
}

}  // namespace

ReportPage make_report(const std::vector<NamedResult>& results) {
  ReportPage page;
  for (const NamedResult& result : results) {
    const auto* dpdk = std::get_if<DpdkResult>(&result.result);
    page.sources.push_back({result.name, command_of(result.result), dpdk != nullptr ? machine_of(*dpdk) : ""});
  }
  add_dpdk(of_kind<DpdkResult>(results), page);
  std::vector<Named<KernelResult>> kernel = of_kind<KernelResult>(results);
  const auto veth = std::stable_partition(kernel.begin(), kernel.end(), [](const Named<KernelResult>& named) {
    return named.result.bench == KernelBench::xdp;
  });
  add_kernel({kernel.begin(), veth}, page);
  add_kernel({veth, kernel.end()}, page);
  add_table(of_kind<TableResult>(results), page);
  add_churn(of_kind<ChurnResult>(results), page);
  return page;
}

std::string to_html(const ReportPage& page) {
  // The policy is a promise to whoever opens a page that was sent: nothing is fetched and nothing runs.
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>Sluice benchmark report</title>\n<style>\n";
  html += report_style();
  html += "</style>\n</head>\n<body>\n<main>\n<header>\n<h1>Sluice benchmark report</h1>\n";
  html += sources_html(page.sources) + tiles_html(page.tiles) + "</header>\n";
  for (const ReportSection& section : page.sections) html += section_html(section);
  html += fmt::format(
      "<footer>Made by <code>sluice-bench report</code> {}. Less is better in every plot. What counts is "
      "the distance from the floor or yardstick of the same run: machines differ, and a shared one "
      "differs from minute to minute.</footer>\n</main>\n</body>\n</html>\n",
      SLUICE_VERSION);
  return html;
}

}  // namespace sluice::bench
