// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "report_plots.h"

namespace sluice::bench {
namespace {

constexpr double small_size = 11;
constexpr double label_pitch = 15;  // from one label at the lines' ends to the next
constexpr double plot_height_min = 280;
constexpr double edge = 2;
constexpr double leader = 16;  // from the end of a line to its label

double highest(const LinePlot& plot) {
  double high = plot.y_high;
  for (const LineSeries& series : plot.series)
    for (const Point& point : series.points) high = std::max(high, point.y);
  for (const ReferenceLine& reference : plot.references) high = std::max(high, reference.value);
  return high;
}

std::set<double> x_values(const LinePlot& plot) {
  std::set<double> values;
  for (const LineSeries& series : plot.series)
    for (const Point& point : series.points) values.insert(point.x);
  return values.empty() ? std::set<double>{1} : values;
}

// Moves places apart that are nearer than `pitch` to each other, from top to bottom, and back up from `bottom`.
std::vector<double> spread(const std::vector<double>& wanted, double bottom) {
  std::vector<std::size_t> order(wanted.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return wanted[a] < wanted[b]; });
  std::vector<double> places = wanted;
  for (std::size_t i = 1; i < order.size(); ++i)
    places[order[i]] = std::max(places[order[i]], places[order[i - 1]] + label_pitch);
  double limit = bottom;
  for (std::size_t i = order.size(); i-- > 0;) {
    places[order[i]] = std::min(places[order[i]], limit);
    limit = places[order[i]] - label_pitch;
  }
  return places;
}

struct EndLabel {
  std::string text;
  double y = 0;
  std::string css;  // of the stroke that leads there
  double x = 0;     // where it comes from
};

class LineDrawing {
 public:
  LineDrawing(const LinePlot& plot, const Canvas& canvas)
      : plot_(plot),
        canvas_(canvas),
        high_(highest(plot)),
        xs_(x_values(plot)),
        left_(edge + tick_width() + 8),
        right_(canvas.width - (canvas.is_narrow ? 14 : end_width() + leader + edge)),
        top_(canvas.is_narrow ? 26 + 18 * static_cast<double>(plot.references.size()) : 26),
        bottom_(top_ + std::max(plot_height_min, label_pitch * static_cast<double>(labels_count()))),
        x_(Scale::logarithmic(*xs_.begin(), *xs_.rbegin(), left_ + 8, right_ - 8)),
        y_(Scale::linear(high_, bottom_, top_)),
        drawing_(canvas.width, canvas.is_narrow ? "plot narrow" : "plot wide", plot.label) {}

  std::string draw() {
    grid();
    references();
    for (std::size_t i = 0; i < plot_.series.size(); ++i) line_of(i);
    if (!canvas_.is_narrow) end_labels();
    return drawing_.finish(bottom_ + 40);
  }

 private:
  [[nodiscard]] std::size_t labels_count() const { return plot_.series.size() + plot_.references.size(); }

  static std::string end_text(const LineSeries& series) {
    return series.points.empty() ? series.name : series.name + " " + number_text(series.points.back().y);
  }

  [[nodiscard]] double tick_width() const {
    double width = 0;
    for (const double tick : round_ticks(high_, 5))
      width = std::max(width, text_width(tick_text(tick), small_size, Face::sans));
    return width;
  }

  [[nodiscard]] double end_width() const {
    double width = 0;
    for (const LineSeries& series : plot_.series)
      width = std::max(width, text_width(end_text(series), small_size, Face::mono));
    for (const ReferenceLine& reference : plot_.references)
      width = std::max(width, text_width(reference.label, small_size, Face::mono));
    return std::min(width, canvas_.width * 0.36);
  }

  void grid() {
    drawing_.text({edge, 12}, fit_text(plot_.unit, canvas_.width - 2 * edge, small_size, Face::sans),
                  {"soft", small_size, Face::sans, Anchor::start});
    for (const double tick : round_ticks(high_, 5)) {
      const double y = y_.at(tick);
      drawing_.line({left_, y}, {right_, y}, tick == 0 ? "axis" : "grid");
      drawing_.text({left_ - 6, y + 4}, tick_text(tick), {"soft", small_size, Face::sans, Anchor::end});
    }
    // From the right: the largest number of flows is what people look for.
    double free_to = canvas_.width - edge;
    for (auto value = xs_.rbegin(); value != xs_.rend(); ++value) {
      const double x = x_.at(*value);
      drawing_.line({x, bottom_}, {x, bottom_ + 4}, "axis");
      const double half = text_width(short_count_text(*value), small_size, Face::sans) / 2;
      if (x + half > free_to || x - half < edge) continue;
      drawing_.text({x, bottom_ + 17}, short_count_text(*value), {"soft", small_size, Face::sans, Anchor::middle});
      free_to = x - half - 8;
    }
    drawing_.text({left_, bottom_ + 35}, fit_text(plot_.x_name, canvas_.width - left_ - edge, small_size, Face::sans),
                  {"soft", small_size, Face::sans, Anchor::start});
  }

  void references() {
    double row = 30;
    for (const ReferenceLine& reference : plot_.references) {
      const double y = y_.at(reference.value);
      drawing_.line({left_, y}, {right_, y}, "reference");
      if (!canvas_.is_narrow) continue;
      drawing_.line({edge, row - 4}, {edge + 18, row - 4}, "reference");
      drawing_.text({edge + 24, row}, fit_text(reference.label, canvas_.width - 28 - edge, small_size, Face::sans),
                    {"soft", small_size, Face::sans, Anchor::start});
      row += 18;
    }
  }

  void line_of(std::size_t index) {
    std::vector<Point> points;
    for (const Point& point : plot_.series[index].points) points.push_back({x_.at(point.x), y_.at(point.y)});
    drawing_.path(points, "series " + series_css(index));
    for (std::size_t i = 0; i < points.size(); ++i) {
      const Point& value = plot_.series[index].points[i];
      drawing_.marker(points[i], index,
                      fmt::format("{}, {}: {} {}", plot_.series[index].name, count_text(value.x), number_text(value.y),
                                  plot_.unit));
    }
  }

  void end_labels() {
    std::vector<EndLabel> labels;
    for (std::size_t i = 0; i < plot_.series.size(); ++i) {
      const auto& points = plot_.series[i].points;
      if (points.empty()) continue;
      labels.push_back(
          {end_text(plot_.series[i]), y_.at(points.back().y), "leader " + series_css(i), x_.at(points.back().x) + 5});
    }
    for (const ReferenceLine& reference : plot_.references)
      labels.push_back({reference.label, y_.at(reference.value), "leader", right_});
    std::vector<double> wanted;
    for (const EndLabel& label : labels) wanted.push_back(label.y);
    const std::vector<double> places = spread(wanted, bottom_);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      drawing_.path({{labels[i].x, labels[i].y}, {right_, labels[i].y}, {right_ + leader - 3, places[i]}},
                    labels[i].css);
      drawing_.text({right_ + leader, places[i] + 4},
                    fit_text(labels[i].text, end_width() + 0.5, small_size, Face::mono),
                    {"ink", small_size, Face::mono, Anchor::start});
    }
  }

  const LinePlot& plot_;
  const Canvas& canvas_;
  double high_;
  std::set<double> xs_;
  double left_;
  double right_;
  double top_;
  double bottom_;
  Scale x_;
  Scale y_;
  Drawing drawing_;
};

}  // namespace

std::string draw_lines(const LinePlot& plot, const Canvas& canvas) {
  return LineDrawing(plot, canvas).draw();
}

}  // namespace sluice::bench
