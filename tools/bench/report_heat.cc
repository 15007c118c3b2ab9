// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "report_plots.h"

namespace sluice::bench {
namespace {

constexpr double name_size = 12;
constexpr double small_size = 11;
constexpr double head_line = 13;
constexpr double cell_height = 24;
constexpr double cell_gap = 2;
constexpr double line_height = 18;
constexpr double heading_height = 28;
constexpr double edge = 2;

// The parts of a name between which a line may end: after an underscore, at a space, else in the middle of what is too
// wide. An accented letter may be cut there; what is left of it shows as U+FFFD.
std::vector<std::string> parts_of(const std::string& name, double width) {
  std::vector<std::string> parts = {""};
  for (const char c : name) {
    if (c != ' ') parts.back() += c;
    if (c == ' ' || c == '_') parts.emplace_back();
  }
  std::vector<std::string> fitting;
  for (const std::string& part : parts) {
    if (part.empty()) continue;
    const bool fits = text_width(part, small_size, Face::mono) <= width;
    fitting.push_back(fits ? part : part.substr(0, part.size() / 2));
    if (!fits) fitting.push_back(part.substr(part.size() / 2));
  }
  return fitting;
}

std::vector<std::string> wrapped(const std::string& name, double width) {
  std::vector<std::string> lines;
  for (const std::string& part : parts_of(name, width)) {
    const std::string joined = lines.empty() ? part : lines.back() + (lines.back().ends_with('_') ? "" : " ") + part;
    if (!lines.empty() && text_width(joined, small_size, Face::mono) <= width)
      lines.back() = joined;
    else
      lines.push_back(part);
  }
  constexpr std::size_t lines_max = 3;
  for (std::size_t i = lines_max; i < lines.size(); ++i) lines[lines_max - 1] += lines[i];
  if (lines.size() > lines_max) lines.resize(lines_max);
  for (std::string& line : lines) line = fit_text(line, width, small_size, Face::mono);
  return lines;
}

std::size_t step_of(double percent) {
  std::size_t step = 0;
  for (std::size_t i = 0; i < heat_steps().size(); ++i)
    if (i == 0 ? percent >= 0 : percent > heat_steps()[i].above) step = i;
  return step;
}

std::string cell_text(double percent) {
  return percent > 0 && percent < 0.001 ? "<0.001" : number_text(percent);
}

class HeatDrawing {
 public:
  HeatDrawing(const HeatPlot& plot, const Canvas& canvas)
      : plot_(plot),
        canvas_(canvas),
        left_(cells_left()),
        pitch_((canvas.width - left_ - edge) / static_cast<double>(std::max<std::size_t>(plot.columns.size(), 1))),
        drawing_(canvas.width, canvas.is_narrow ? "plot narrow" : "plot wide", plot.label) {}

  std::string draw() {
    double y = head();
    for (const HeatRow& row : plot_.rows) y = draw_row(row, y);
    return drawing_.finish(y + edge);
  }

 private:
  [[nodiscard]] double cells_left() const {
    if (canvas_.is_narrow) return edge;
    double width = 0;
    for (const HeatRow& row : plot_.rows) width = std::max(width, text_width(row.name, name_size, Face::mono));
    return edge + std::min(width, canvas_.width * 0.38) + 8;
  }
  [[nodiscard]] double column(std::size_t index) const { return left_ + pitch_ * static_cast<double>(index); }

  // The names' last lines stand on one level.
  double head() {
    std::size_t lines_most = 1;
    std::vector<std::vector<std::string>> names;
    for (const std::string& name : plot_.columns) {
      names.push_back(wrapped(name, pitch_ - 4));
      lines_most = std::max(lines_most, names.back().size());
    }
    for (std::size_t i = 0; i < names.size(); ++i)
      for (std::size_t line = 0; line < names[i].size(); ++line) {
        const auto level = static_cast<double>(lines_most - names[i].size() + line + 1);
        drawing_.text({column(i) + pitch_ / 2, level * head_line}, names[i][line],
                      {"soft", small_size, Face::mono, Anchor::middle});
      }
    return static_cast<double>(lines_most) * head_line + 8;
  }

  double draw_row(const HeatRow& row, double y) {
    if (!row.heading.empty()) {
      const std::string heading = fit_text(row.heading, canvas_.width - 2 * edge, name_size, Face::bold);
      drawing_.text({edge, y + heading_height - 9}, heading, {"heading", name_size, Face::bold, Anchor::start});
      y += heading_height;
    }
    const double room = canvas_.is_narrow ? canvas_.width - 2 * edge : left_ - 8 - edge;
    const double level = canvas_.is_narrow ? y + 13 : y + cell_height / 2 + 3;
    drawing_.text({edge, level}, fit_text(row.name, room, name_size, Face::mono),
                  {"ink", name_size, Face::mono, Anchor::start});
    if (canvas_.is_narrow) y += line_height;
    for (std::size_t i = 0; i < plot_.columns.size() && i < row.cells.size(); ++i) cell(row, i, y);
    return y + cell_height + (canvas_.is_narrow ? 4 : 0);
  }

  void cell(const HeatRow& row, std::size_t index, double y) {
    const double middle = column(index) + pitch_ / 2;
    const double base = y + cell_height / 2 + 3;
    const double room = pitch_ - 4;
    if (!row.cells[index]) {
      drawing_.text({middle, base}, fit_text("\xe2\x80\x93", room, small_size, Face::sans),
                    {"soft", small_size, Face::sans, Anchor::middle});
      return;
    }
    const double percent = *row.cells[index];
    const HeatStep& step = heat_steps()[step_of(percent)];
    drawing_.rectangle({column(index) + cell_gap / 2, y, pitch_ - cell_gap, cell_height - cell_gap}, step.css,
                       fmt::format("{}, {}: {} %", row.name, plot_.columns[index], cell_text(percent)));
    drawing_.text({middle, base}, fit_text(cell_text(percent), room, small_size, Face::sans),
                  {"on " + step.css, small_size, Face::sans, Anchor::middle});
  }

  const HeatPlot& plot_;
  const Canvas& canvas_;
  double left_;
  double pitch_;
  Drawing drawing_;
};

}  // namespace

const std::vector<HeatStep>& heat_steps() {
  // Decades: one flow of 200,000 is 0.0005 %, a refilled table breaks tens of per cent.
  static const std::vector<HeatStep> steps = {{"h0", "0: none", 0},        {"h1", "up to 0.01 %", 0},
                                              {"h2", "up to 0.1 %", 0.01}, {"h3", "up to 1 %", 0.1},
                                              {"h4", "up to 10 %", 1},     {"h5", "more", 10}};
  return steps;
}

std::string draw_heat(const HeatPlot& plot, const Canvas& canvas) {
  return HeatDrawing(plot, canvas).draw();
}

}  // namespace sluice::bench
