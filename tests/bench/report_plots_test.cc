// SPDX-License-Identifier: Apache-2.0
#include "report_plots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <regex>

#include "test_seed.h"

namespace sluice::bench {
namespace {

using ::testing::HasSubstr;

struct Label {
  std::string text;
  double left = 0;
  double right = 0;
  double top = 0;
  double bottom = 0;
};

std::string unescaped(std::string text) {
  for (const auto& [from, to] :
       {std::pair{"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#39;", "'"}, {"&amp;", "&"}})
    text = std::regex_replace(text, std::regex(from), to);
  return text;
}

std::vector<Label> labels_of(const std::string& svg) {
  static const std::regex pattern(
      R"re(<text class="([^"]*)" x="([-0-9.]+)" y="([-0-9.]+)" font-size="([0-9.]+)" text-anchor="(\w+)">([^<]*)</text>)re");
  std::vector<Label> labels;
  for (std::sregex_iterator i(svg.begin(), svg.end(), pattern), end; i != end; ++i) {
    const std::string text = unescaped((*i)[6]);
    const double x = std::stod((*i)[2]);
    const double y = std::stod((*i)[3]);
    const double size = std::stod((*i)[4]);
    const std::string css = (*i)[1];
    const Face face = css.ends_with("mono") ? Face::mono : css.starts_with("heading") ? Face::bold : Face::sans;
    const double width = text_width(text, size, face);
    const double left = (*i)[5] == "start" ? x : (*i)[5] == "end" ? x - width : x - width / 2;
    if (!text.empty()) labels.push_back({text, left, left + width, y - 0.8 * size, y + 0.22 * size});
  }
  return labels;
}

// What readers see: every label inside, and none over another one.
void expect_readable(const std::string& svg, std::size_t labels_min) {
  std::smatch box;
  ASSERT_TRUE(std::regex_search(svg, box, std::regex(R"re(viewBox="0 0 ([0-9.]+) ([0-9.]+)")re")));
  const double width = std::stod(box[1]);
  const double height = std::stod(box[2]);
  const std::vector<Label> labels = labels_of(svg);
  EXPECT_GE(labels.size(), labels_min);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("\"inf"), std::string::npos);
  constexpr double rounding = 0.15;  // places are written with one digit
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const Label& a = labels[i];
    EXPECT_TRUE(a.left >= -rounding && a.right <= width + rounding && a.top >= -rounding &&
                a.bottom <= height + rounding)
        << a.text << " at " << a.left << ".." << a.right << ", " << a.top << ".." << a.bottom << " of " << width
        << " x " << height;
    for (std::size_t k = 0; k < i; ++k) {
      const Label& b = labels[k];
      EXPECT_FALSE(a.left + rounding < b.right && b.left + rounding < a.right && a.top + rounding < b.bottom &&
                   b.top + rounding < a.bottom)
          << a.text << " lies over " << b.text;
    }
  }
}

TEST(ReportPlots, OneBar) {
  const BarPlot plot{"label", "ns", 1, {{"", "a<b", {Bar{8, 2, 10, "8.00"}}}}, {{2, "floor 2.00", 0, false}}};
  EXPECT_EQ(
      draw_bars(plot, {200, true}),
      "<svg class=\"plot narrow\" viewBox=\"0 0 200 99\" role=\"img\" aria-label=\"label\">"
      "<line class=\"axis\" x1=\"2\" y1=\"24\" x2=\"2\" y2=\"63\"/>"
      "<text class=\"soft\" x=\"5.5\" y=\"78\" font-size=\"11\" text-anchor=\"middle\">0</text>"
      "<line class=\"grid\" x1=\"83.1\" y1=\"24\" x2=\"83.1\" y2=\"63\"/>"
      "<text class=\"soft\" x=\"83.1\" y=\"78\" font-size=\"11\" text-anchor=\"middle\">5</text>"
      "<line class=\"grid\" x1=\"164.3\" y1=\"24\" x2=\"164.3\" y2=\"63\"/>"
      "<text class=\"soft\" x=\"164.3\" y=\"78\" font-size=\"11\" text-anchor=\"middle\">10</text>"
      "<text class=\"soft\" x=\"183.9\" y=\"94\" font-size=\"11\" text-anchor=\"start\">ns</text>"
      "<rect class=\"bar pale s0\" x=\"2\" y=\"42\" width=\"32.5\" height=\"14\"><title>a&lt;b: 8.00 ns</title></rect>"
      "<rect class=\"bar s0\" x=\"34.5\" y=\"42\" width=\"97.4\" height=\"14\"><title>a&lt;b: 8.00 ns</title></rect>"
      "<line class=\"mark\" x1=\"131.8\" y1=\"49\" x2=\"164.3\" y2=\"49\"/>"
      "<line class=\"mark\" x1=\"164.3\" y1=\"43\" x2=\"164.3\" y2=\"55\"/>"
      "<line class=\"reference\" x1=\"34.5\" y1=\"4\" x2=\"34.5\" y2=\"63\"/>"
      "<text class=\"soft halo\" x=\"39.5\" y=\"13\" font-size=\"11\" text-anchor=\"start\">floor 2.00</text>"
      "<text class=\"ink halo mono\" x=\"2\" y=\"36\" font-size=\"12\" text-anchor=\"start\">a&lt;b</text>"
      "<text class=\"ink halo\" x=\"170.3\" y=\"53\" font-size=\"11\" text-anchor=\"start\">8.00</text></svg>\n");
}

TEST(ReportPlots, HeatSetsZeroApart) {
  const HeatPlot plot{"label", {"maglev", "sluice k=3", "one_previous"}, {{"", "add_1", {9.5, 0, std::nullopt}}}};
  const std::string svg = draw_heat(plot, wide_canvas);
  EXPECT_THAT(svg, HasSubstr("<rect class=\"h4\""));
  EXPECT_THAT(svg, HasSubstr("<rect class=\"h0\""));
  EXPECT_THAT(svg, HasSubstr("text-anchor=\"middle\">9.50</text>"));
  EXPECT_THAT(svg, HasSubstr("text-anchor=\"middle\">0</text>"));
  EXPECT_THAT(svg, HasSubstr("\xe2\x80\x93</text>"));
  // However little, it is not the colour of nothing.
  const HeatPlot little{"label", {"maglev"}, {{"", "add_1", {1e-9}}}};
  EXPECT_THAT(draw_heat(little, wide_canvas), HasSubstr("<rect class=\"h1\""));
  EXPECT_THAT(draw_heat(little, wide_canvas), HasSubstr("&lt;0.001</text>"));
}

TEST(ReportPlots, LinesKeepTheirSeries) {
  const LinePlot plot{"label", "flows", "ticks", 0, {{"flat", {}}, {"steep", {{1024, 5}, {1048576, 50}}}}, {}};
  const std::string svg = draw_lines(plot, wide_canvas);
  EXPECT_THAT(svg, HasSubstr("<polyline class=\"series s1\""));
  EXPECT_THAT(svg, HasSubstr(">steep 50.0</text>"));
  EXPECT_THAT(svg, HasSubstr("<title>steep, 1,048,576: 50.0 ticks</title>"));
  EXPECT_EQ(svg.find(">flat"), std::string::npos);
}

TEST(ReportPlots, LabelsOfEqualLinesStandBelowEachOther) {
  for (const double value : {0.0, 50.0}) {
    LinePlot plot{"label", "flows", "ticks", 50, {}, {{value, "floor", 0, false}, {value, "blind", 0, false}}};
    for (std::size_t i = 0; i < series_max; ++i)
      plot.series.push_back({"family_" + std::to_string(i), {{1024, value}, {2048, value}}});
    for (const Canvas& canvas : {wide_canvas, narrow_canvas}) expect_readable(draw_lines(plot, canvas), 2);
  }
}

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(engine_); }
  bool one_in(std::size_t n) { return below(n) == 0; }
  double value() {
    if (one_in(8)) return 0;
    if (one_in(3)) return static_cast<double>(1 + below(30));  // often equal, or nearly
    return std::pow(10, std::uniform_real_distribution<double>(-6, one_in(4) ? 14 : 4)(engine_));
  }
  std::string name() {
    static const std::vector<std::string> parts = {"tcp4",
                                                   "_",
                                                   "stateless",
                                                   "W",
                                                   "m",
                                                   "<",
                                                   "&",
                                                   "\"",
                                                   "1m",
                                                   " ",
                                                   "\xc3\xa9",
                                                   "\xe6\xbc\xa2",
                                                   "\xf0\x9f\x98\x80",
                                                   "i",
                                                   "\xff",
                                                   "k=3"};
    std::string name;
    for (std::size_t i = 1 + below(one_in(4) ? 60 : 6); i > 0; --i) name += parts[below(parts.size())];
    return name;
  }

 private:
  std::mt19937_64 engine_;
};

std::vector<ReferenceLine> random_references(Random& random) {
  std::vector<ReferenceLine> lines(random.below(6));
  for (ReferenceLine& line : lines) line = {random.value(), random.name(), random.below(8), random.one_in(2)};
  return lines;
}

constexpr int rounds = 150;

TEST(ReportPlots, NoLabelOfBarsLeavesOrMeetsAnother) {
  Random random(testing::seed());
  for (int round = 0; round < rounds && !HasFailure(); ++round) {
    BarPlot plot{random.name(), random.name(), 1 + random.below(series_max), {}, random_references(random)};
    for (std::size_t i = 1 + random.below(8); i > 0; --i) {
      BarRow row{random.one_in(3) ? random.name() : "", random.name(), {}};
      for (std::size_t s = 0; s < plot.series_count; ++s) {
        row.bars.emplace_back();
        if (random.one_in(5)) continue;
        const double value = random.value();
        row.bars.back() =
            Bar{value, random.one_in(2) ? random.value() : 0, {}, number_text(value) + " " + random.name()};
        if (random.one_in(2)) row.bars.back()->mark = random.value();
      }
      plot.rows.push_back(std::move(row));
    }
    for (const Canvas& canvas : {wide_canvas, narrow_canvas}) expect_readable(draw_bars(plot, canvas), 2);
  }
}

TEST(ReportPlots, NoLabelOfLinesLeavesOrMeetsAnother) {
  Random random(testing::seed());
  for (int round = 0; round < rounds && !HasFailure(); ++round) {
    LinePlot plot{random.name(), random.name(), random.name(), random.value(), {}, random_references(random)};
    for (std::size_t i = random.below(series_max + 1); i > 0; --i) {
      LineSeries series{random.name(), {}};
      double x = static_cast<double>(1 + random.below(5000));
      for (std::size_t k = random.below(20); k > 0; --k) {
        series.points.push_back({x, random.value()});
        x *= 1 + static_cast<double>(random.below(100)) / 20;
        x += 1;
      }
      plot.series.push_back(std::move(series));
    }
    for (const Canvas& canvas : {wide_canvas, narrow_canvas}) expect_readable(draw_lines(plot, canvas), 2);
  }
}

TEST(ReportPlots, NoLabelOfHeatLeavesOrMeetsAnother) {
  Random random(testing::seed());
  for (int round = 0; round < rounds && !HasFailure(); ++round) {
    HeatPlot plot{random.name(), {}, {}};
    for (std::size_t i = 1 + random.below(random.one_in(10) ? 60 : 8); i > 0; --i)
      plot.columns.push_back(random.name());
    for (std::size_t i = 1 + random.below(10); i > 0; --i) {
      HeatRow row{random.one_in(3) ? random.name() : "", random.name(), {}};
      for (std::size_t k = 0; k < plot.columns.size(); ++k)
        row.cells.push_back(random.one_in(5) ? std::nullopt : std::optional(std::fmod(random.value(), 100)));
      plot.rows.push_back(std::move(row));
    }
    for (const Canvas& canvas : {wide_canvas, narrow_canvas}) expect_readable(draw_heat(plot, canvas), 1);
  }
}

}  // namespace
}  // namespace sluice::bench
