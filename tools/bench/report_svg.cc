// SPDX-License-Identifier: Apache-2.0
#include "report_svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace sluice::bench {
namespace {

constexpr char32_t replacement = 0xfffd;

// Widths in parts of the font size. DejaVu Sans Mono, Menlo and Consolas have 0.602, 0.602 and 0.550.
constexpr double mono_width = 0.61;
constexpr double wide_character = 1.05;  // East Asian scripts, emoji

struct Decoded {
  char32_t code = replacement;
  std::size_t size = 1;
};

bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0) == 0x80;
}

// RFC 3629: no overlong form, no surrogate, nothing beyond U+10FFFF.
Decoded decode(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1};
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc0 || lead > 0xf4 || text.size() < size) return {};
  char32_t code = lead & (0xffu >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if (!is_continuation(text[i])) return {};
    code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3fu);
  }
  constexpr std::array<char32_t, 5> smallest = {0, 0, 0x80, 0x800, 0x10000};
  if (code < smallest[size] || (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff) return {};
  return {code, size};
}

bool is_control(char32_t code) {
  // The bidirectional ones too: they would turn round what stands after them.
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x202a && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069);
}

double sans_width(char c) {
  const std::string_view narrow = " .,:;!|'ijlftrI-()[]/";
  const std::string_view broad = "mwMW@%";
  if (broad.find(c) != std::string_view::npos) return 1.0;
  if (narrow.find(c) != std::string_view::npos) return 0.42;
  return c >= 'A' && c <= 'Z' ? 0.78 : 0.64;
}

double character_width(char32_t code, Face face) {
  constexpr double bold_factor = 1.15;
  if (code >= 0x1100 && code != replacement) return code >= 0x2000 && code < 0x2e80 ? 0.9 : wide_character;
  if (face == Face::mono) return mono_width;
  const double width = code >= 0x80 ? 0.85 : sans_width(static_cast<char>(code));
  return face == Face::bold ? width * bold_factor : width;
}

std::vector<std::string_view> characters_of(std::string_view text) {
  std::vector<std::string_view> characters;
  while (!text.empty()) {
    const std::size_t size = decode(text).size;
    characters.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return characters;
}

// Half a pixel is enough for a plot, and short numbers keep the page small.
std::string pixels(double value) {
  std::string text = fmt::format("{:.1f}", value);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text == "-0" ? "0" : text;
}

std::string tip_element(std::string_view tip) {
  return tip.empty() ? "" : fmt::format("<title>{}</title>", escape_html(tip));
}

std::string points_text(const std::vector<Point>& points) {
  std::string text;
  for (const Point& point : points)
    text += fmt::format("{}{},{}", text.empty() ? "" : " ", pixels(point.x), pixels(point.y));
  return text;
}

std::string grouped(std::string digits) {
  for (std::size_t place = digits.size(); place > 3; place -= 3) digits.insert(place - 3, 1, ',');
  return digits;
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string safe;
  for (const std::string_view character : characters_of(text)) {
    const char32_t code = decode(character).code;
    if (code == '&')
      safe += "&amp;";
    else if (code == '<')
      safe += "&lt;";
    else if (code == '>')
      safe += "&gt;";
    else if (code == '"')
      safe += "&quot;";
    else if (code == '\'')
      safe += "&#39;";
    else if (code == replacement || is_control(code))
      safe += "\xef\xbf\xbd";
    else
      safe += character;
  }
  return safe;
}

double text_width(std::string_view text, double size, Face face) {
  double width = 0;
  for (const std::string_view character : characters_of(text)) width += character_width(decode(character).code, face);
  return width * size;
}

std::string fit_text(std::string_view text, double width, double size, Face face) {
  if (text_width(text, size, face) <= width) return std::string(text);
  // Names differ at both ends: the kind in front, the number behind.
  std::vector<std::string_view> characters = characters_of(text);
  const std::string_view ellipsis = "\xe2\x80\xa6";
  if (text_width(ellipsis, size, face) > width) return {};
  std::string front;
  std::string back;
  double left = width - text_width(ellipsis, size, face);
  for (std::size_t begin = 0, end = characters.size(); begin < end;) {
    const bool takes_front = front.size() <= back.size();
    const std::string_view next = takes_front ? characters[begin++] : characters[--end];
    left -= text_width(next, size, face);
    if (left < 0) break;
    if (takes_front)
      front += next;
    else
      back.insert(0, next);
  }
  return front + std::string(ellipsis) + back;
}

std::string number_text(double value) {
  const double size = std::abs(value);
  if (size == 0) return "0";
  if (size >= 1e9 || size < 0.001) return fmt::format("{:.2g}", value);
  if (size >= 99.95) return (value < 0 ? "-" : "") + grouped(fmt::format("{:.0f}", size));
  return fmt::format("{:.{}f}", value, size >= 9.995 ? 1 : size >= 0.0995 ? 2 : 3);
}

std::string tick_text(double value) {
  std::string text = number_text(value);
  if (text.find('e') != std::string::npos || text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string count_text(double value) {
  if (value < 0 || value >= 1e15 || value != std::floor(value)) return tick_text(value);
  return grouped(fmt::format("{:.0f}", value));
}

std::string short_count_text(double value) {
  constexpr double kibi = 1024;
  if (value >= kibi * kibi) return tick_text(value / (kibi * kibi)) + "M";
  if (value >= kibi) return tick_text(value / kibi) + "k";
  return tick_text(value);
}

Scale::Scale(double low, double high, double pixel_low, double pixel_high, bool is_logarithmic)
    : low_(low),
      high_(high > low ? high : low + 1),
      pixel_low_(pixel_low),
      pixel_high_(pixel_high),
      is_logarithmic_(is_logarithmic) {}

Scale Scale::linear(double high, double pixel_low, double pixel_high) {
  return Scale(0, high, pixel_low, pixel_high, false);
}

Scale Scale::logarithmic(double low, double high, double pixel_low, double pixel_high) {
  return Scale(std::log2(low), std::log2(high), pixel_low, pixel_high, true);
}

double Scale::at(double value) const {
  const double place = is_logarithmic_ ? (value > 0 ? std::log2(value) : low_) : value;
  return pixel_low_ + (pixel_high_ - pixel_low_) * std::max(0.0, (place - low_) / (high_ - low_));
}

std::vector<double> round_ticks(double high, int count) {
  if (!(high > 0) || count < 1) return {0};
  const double rough = high / count;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= rough) {
      step = factor * power;
      break;
    }
  std::vector<double> ticks;
  // A hair beyond counts as reached: 3 * 0.1 is more than 0.3.
  for (int i = 0; i * step <= high * (1 + 1e-9); ++i) ticks.push_back(i * step);
  return ticks;
}

Drawing::Drawing(double width, std::string css, std::string label)
    : width_(width), css_(std::move(css)), label_(std::move(label)) {}

void Drawing::rectangle(const Box& box, std::string_view css, std::string_view tip) {
  const std::string shape = fmt::format("<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"", css,
                                        pixels(box.x), pixels(box.y), pixels(box.width), pixels(box.height));
  body_ += tip.empty() ? shape + "/>" : shape + ">" + tip_element(tip) + "</rect>";
}

void Drawing::line(Point from, Point to, std::string_view css) {
  body_ += fmt::format("<line class=\"{}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>", css, pixels(from.x),
                       pixels(from.y), pixels(to.x), pixels(to.y));
}

void Drawing::path(const std::vector<Point>& points, std::string_view css) {
  body_ += fmt::format("<polyline class=\"{}\" points=\"{}\"/>", css, points_text(points));
}

void Drawing::marker(Point center, std::size_t series, std::string_view tip) {
  constexpr double r = 4;  // about as much ink in each of the four
  const auto [x, y] = center;
  const std::string css = "marker " + series_css(series);
  const std::array<std::vector<Point>, 4> shapes = {{
      {},
      {{x - r, y - r}, {x + r, y - r}, {x + r, y + r}, {x - r, y + r}},
      {{x, y - 1.3 * r}, {x + 1.2 * r, y + r}, {x - 1.2 * r, y + r}},
      {{x, y - 1.4 * r}, {x + 1.4 * r, y}, {x, y + 1.4 * r}, {x - 1.4 * r, y}},
  }};
  const auto& shape = shapes[series % shapes.size()];
  if (shape.empty())
    body_ += fmt::format("<circle class=\"{}\" cx=\"{}\" cy=\"{}\" r=\"{}\">{}</circle>", css, pixels(x), pixels(y),
                         pixels(r), tip_element(tip));
  else
    body_ += fmt::format("<polygon class=\"{}\" points=\"{}\">{}</polygon>", css, points_text(shape), tip_element(tip));
}

void Drawing::text(Point at, std::string_view text, const TextStyle& style) {
  constexpr std::array<std::string_view, 3> anchors = {"start", "middle", "end"};
  body_ += fmt::format("<text class=\"{}{}\" x=\"{}\" y=\"{}\" font-size=\"{}\" text-anchor=\"{}\">{}</text>",
                       style.css, style.face == Face::mono ? " mono" : "", pixels(at.x), pixels(at.y),
                       pixels(style.size), anchors[static_cast<std::size_t>(style.anchor)], escape_html(text));
}

std::string Drawing::finish(double height) const {
  return fmt::format("<svg class=\"{}\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">{}</svg>\n", css_,
                     pixels(width_), pixels(height), escape_html(label_), body_);
}

std::string series_css(std::size_t series) {
  return fmt::format("s{}", series % series_max);
}

}  // namespace sluice::bench
