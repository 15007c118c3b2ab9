// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "report_plots.h"

namespace sluice::bench {
namespace {

constexpr double text_size = 12;
constexpr double small_size = 11;
constexpr double line_height = 18;  // of text of 12 pixels
constexpr double bar_gap = 2;
constexpr double row_gap = 7;
constexpr double label_gap = 8;
constexpr double axis_height = 36;
constexpr double edge = 2;  // a stroke's half width, and what rounding may add

double highest(const BarPlot& plot) {
  double high = 0;
  for (const BarRow& row : plot.rows)
    for (const auto& bar : row.bars)
      if (bar) high = std::max({high, bar->value, bar->mark.value_or(0)});
  for (const ReferenceLine& reference : plot.references) high = std::max(high, reference.value);
  return high;
}

double name_width(const BarPlot& plot, const Canvas& canvas) {
  if (canvas.is_narrow) return 0;  // names stand above their bars
  double width = 0;
  for (const BarRow& row : plot.rows) width = std::max(width, text_width(row.name, text_size, Face::mono));
  return std::min(width, canvas.width * 0.38) + label_gap;
}

class BarDrawing {
 public:
  BarDrawing(const BarPlot& plot, const Canvas& canvas)
      : plot_(plot),
        canvas_(canvas),
        left_(name_width(plot, canvas) + edge),
        value_width_(value_width()),
        right_(canvas.width - edge),
        bar_height_(plot.series_count > 1 ? 12 : 14),
        high_(highest(plot)),
        scale_(Scale::linear(high_, left_, right_ - value_width_ - label_gap)),
        drawing_(canvas.width, canvas.is_narrow ? "plot narrow" : "plot wide", plot.label) {}

  std::string draw() {
    const double top = reference_labels();
    const double bottom = top + rows_height();
    grid(top, bottom);
    double y = top;
    for (const BarRow& row : plot_.rows) y = draw_row(row, y);
    for (std::size_t i = 0; i < plot_.references.size(); ++i) {
      const ReferenceLine& reference = plot_.references[i];
      const double x = scale_.at(reference.value);
      drawing_.line({x, line_height * static_cast<double>(i) + 4}, {x, bottom}, line_css(reference));
    }
    // Above the lines, so that these do not strike them through.
    for (const Label& label : labels_) drawing_.text(label.at, label.text, label.style);
    return drawing_.finish(bottom + axis_height);
  }

 private:
  struct Label {
    Point at;
    std::string text;
    TextStyle style;
  };

  static std::string line_css(const ReferenceLine& reference) {
    return reference.is_colored ? "reference " + series_css(reference.series) : "reference";
  }

  [[nodiscard]] double value_width() const {
    double width = 0;
    for (const BarRow& row : plot_.rows)
      for (const auto& bar : row.bars)
        if (bar) width = std::max(width, text_width(bar->text, small_size, Face::sans));
    return std::min(width, canvas_.width * 0.4);
  }

  // One line each: however near to each other the values are, the labels do not meet.
  double reference_labels() {
    double y = 0;
    for (const ReferenceLine& reference : plot_.references) {
      const double x = scale_.at(reference.value);
      const double right_room = right_ - x - 5;
      const double left_room = x - 5 - edge;
      const bool is_right = text_width(reference.label, small_size, Face::sans) <= right_room || right_room > left_room;
      const std::string label = fit_text(reference.label, is_right ? right_room : left_room, small_size, Face::sans);
      labels_.push_back({{is_right ? x + 5 : x - 5, y + 13},
                         label,
                         {"soft halo", small_size, Face::sans, is_right ? Anchor::start : Anchor::end}});
      y += line_height;
    }
    return y + (plot_.references.empty() ? 0 : 6);
  }

  // A series that has no such case takes no room.
  [[nodiscard]] double bars_height(const BarRow& row) const {
    const auto count = std::count_if(row.bars.begin(), row.bars.end(), [](const auto& bar) { return bar.has_value(); });
    return static_cast<double>(std::max<std::ptrdiff_t>(count, 1)) * (bar_height_ + bar_gap) - bar_gap;
  }
  [[nodiscard]] double row_height(const BarRow& row) const {
    return bars_height(row) + row_gap + (canvas_.is_narrow ? line_height : 0) +
           (row.heading.empty() ? 0 : line_height + row_gap);
  }
  [[nodiscard]] double rows_height() const {
    double height = 0;
    for (const BarRow& row : plot_.rows) height += row_height(row);
    return height;
  }

  void grid(double top, double bottom) {
    const double plot_right = scale_.at(high_);
    const double widest = text_width(number_text(high_), small_size, Face::sans) + 2 * label_gap;
    const int count = std::clamp(static_cast<int>((plot_right - left_) / widest), 1, 6);
    const double unit_left = right_ - text_width(plot_.unit, small_size, Face::sans);
    double free_from = edge;
    for (const double tick : round_ticks(high_, count)) {
      const double x = scale_.at(tick);
      drawing_.line({x, top}, {x, bottom}, tick == 0 ? "axis" : "grid");
      const double half = text_width(tick_text(tick), small_size, Face::sans) / 2;
      const double middle = std::max(x, edge + half);
      if (middle - half < free_from - 0.01 || middle + half > right_) continue;
      drawing_.text({middle, bottom + 15}, tick_text(tick), {"soft", small_size, Face::sans, Anchor::middle});
      free_from = middle + half + label_gap;
    }
    drawing_.text({std::max(unit_left, edge), bottom + 31}, fit_text(plot_.unit, right_ - edge, small_size, Face::sans),
                  {"soft", small_size, Face::sans, Anchor::start});
  }

  double draw_row(const BarRow& row, double y) {
    const double next = y + row_height(row);
    if (!row.heading.empty()) {
      const std::string heading = fit_text(row.heading, right_ - edge, text_size, Face::bold);
      labels_.push_back({{edge, y + row_gap + 13}, heading, {"heading halo", text_size, Face::bold, Anchor::start}});
      y += line_height + row_gap;
    }
    const double name_room = canvas_.is_narrow ? right_ - edge : left_ - label_gap - edge;
    const double name_y = canvas_.is_narrow ? y + 12 : y + bars_height(row) / 2 + 4;
    labels_.push_back({{edge, name_y},
                       fit_text(row.name, name_room, text_size, Face::mono),
                       {"ink halo", text_size, Face::mono, Anchor::start}});
    if (canvas_.is_narrow) y += line_height;
    for (std::size_t series = 0; series < row.bars.size(); ++series) {
      if (!row.bars[series]) continue;
      draw_bar(row, series, *row.bars[series], y);
      y += bar_height_ + bar_gap;
    }
    return next;
  }

  void draw_bar(const BarRow& row, std::size_t series, const Bar& bar, double y) {
    const std::string css = series_css(series);
    const std::string tip = fmt::format("{}: {} {}", row.name, bar.text, plot_.unit);
    const double base = scale_.at(std::min(bar.base, bar.value));
    const double end = scale_.at(bar.value);
    if (bar.base > 0) drawing_.rectangle({left_, y, base - left_, bar_height_}, "bar pale " + css, tip);
    // One pixel for what is next to nothing: it was measured.
    drawing_.rectangle({base, y, std::max(end - base, 1.0), bar_height_}, "bar " + css, tip);
    double label_x = std::max(end, base + 1);
    if (bar.mark) {
      const double x = scale_.at(*bar.mark);
      if (x > end) drawing_.line({end, y + bar_height_ / 2}, {x, y + bar_height_ / 2}, "mark");
      drawing_.line({x, y + 1}, {x, y + bar_height_ - 1}, "mark");
      label_x = std::max(label_x, x);
    }
    const double room = right_ - label_x - 6;
    labels_.push_back({{label_x + 6, y + bar_height_ / 2 + 4},
                       fit_text(bar.text, room, small_size, Face::sans),
                       {"ink halo", small_size, Face::sans, Anchor::start}});
  }

  const BarPlot& plot_;
  const Canvas& canvas_;
  double left_;
  double value_width_;
  double right_;
  double bar_height_;
  double high_;
  Scale scale_;
  Drawing drawing_;
  std::vector<Label> labels_;
};

}  // namespace

std::string draw_bars(const BarPlot& plot, const Canvas& canvas) {
  return BarDrawing(plot, canvas).draw();
}

}  // namespace sluice::bench
