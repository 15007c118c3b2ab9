// SPDX-License-Identifier: Apache-2.0
// The pieces that the report's plots are drawn with: text that is safe in HTML and fits, scales, and a drawing. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::bench {

// For text and attribute values. What is no UTF-8, and control characters, become U+FFFD.
[[nodiscard]] std::string escape_html(std::string_view text);

// Names of cases are set in a monospaced face, everything else in the reader's sans serif one, headings bold.
enum class Face : std::uint8_t { sans, mono, bold };

// Never less than what a browser needs, with the widest of the usual fonts (DejaVu Sans): in pixels.
[[nodiscard]] double text_width(std::string_view text, double size, Face face);
// The text, or its beginning and end around an ellipsis where it is wider than `width`.
[[nodiscard]] std::string fit_text(std::string_view text, double width, double size, Face face);

// A measured value with three digits that count: "17.2", "20.0", "0.043", "1,048,576", "2.1e+09". Only 0 is written
// "0".
[[nodiscard]] std::string number_text(double value);
// A round value without zeros behind the point: "20", "0.5".
[[nodiscard]] std::string tick_text(double value);
// A whole number of things: "1,048,576". What is not whole is written as tick_text does.
[[nodiscard]] std::string count_text(double value);
// Powers of two as people say them: "1k", "8M".
[[nodiscard]] std::string short_count_text(double value);

// From values to pixels. A logarithmic scale takes what is below `low` as `low`.
class Scale {
 public:
  static Scale linear(double high, double pixel_low, double pixel_high);  // from 0
  static Scale logarithmic(double low, double high, double pixel_low, double pixel_high);
  [[nodiscard]] double at(double value) const;

 private:
  Scale(double low, double high, double pixel_low, double pixel_high, bool is_logarithmic);
  double low_;
  double high_;
  double pixel_low_;
  double pixel_high_;
  bool is_logarithmic_;
};

// Round values from 0 to `high` and not beyond it, about `count` of them.
[[nodiscard]] std::vector<double> round_ticks(double high, int count);

enum class Anchor : std::uint8_t { start, middle, end };

struct TextStyle {
  std::string_view css = "ink";  // class: the colour comes from the page's style, light or dark
  double size = 12;
  Face face = Face::sans;
  Anchor anchor = Anchor::start;
};

struct Point {
  double x = 0;
  double y = 0;
};

struct Box {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
};

// An SVG element that grows by what is put on it; later things lie above.
class Drawing {
 public:
  // `label` is what a screen reader says; `css` is the element's class.
  Drawing(double width, std::string css, std::string label);

  // `tip` is shown when the pointer rests there.
  void rectangle(const Box& box, std::string_view css, std::string_view tip = {});
  void line(Point from, Point to, std::string_view css);
  void path(const std::vector<Point>& points, std::string_view css);
  // A marker of the series: circle, square, triangle, diamond in turn, so that colour is not all that tells them apart.
  void marker(Point center, std::size_t series, std::string_view tip);
  // On the base line at `at`.
  void text(Point at, std::string_view text, const TextStyle& style);

  [[nodiscard]] std::string finish(double height) const;

 private:
  double width_;
  std::string css_;
  std::string label_;
  std::string body_;
};

// The class of a series' colour. There are this many, and after them no two would be told apart.
inline constexpr std::size_t series_max = 8;
[[nodiscard]] std::string series_css(std::size_t series);

// How much room a plot has. Every plot is drawn twice, and the page shows the one that fits the screen, since an SVG
// that shrinks takes its letters along.
struct Canvas {
  double width = 760;
  bool is_narrow = false;
};
inline constexpr Canvas wide_canvas = {760, false};
inline constexpr Canvas narrow_canvas = {340, true};  // a telephone of 360 with its margins

}  // namespace sluice::bench
