// SPDX-License-Identifier: Apache-2.0
#include "report_svg.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sluice::bench {
namespace {

TEST(ReportSvg, Escapes) {
  EXPECT_EQ(escape_html("<b a=\"1\">'&"), "&lt;b a=&quot;1&quot;&gt;&#39;&amp;");
  EXPECT_EQ(escape_html("caf\xc3\xa9"), "caf\xc3\xa9");
  EXPECT_EQ(escape_html(std::string("a\0b\x1b", 4)),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd");
  EXPECT_EQ(escape_html("\xff"), "\xef\xbf\xbd");
  EXPECT_EQ(escape_html("\xc3"), "\xef\xbf\xbd");                          // cut
  EXPECT_EQ(escape_html("\xc0\xbc"), "\xef\xbf\xbd\xef\xbf\xbd");          // an overlong '<'
  EXPECT_EQ(escape_html("\xed\xa0\x80").find("\xed"), std::string::npos);  // a surrogate
  EXPECT_EQ(escape_html("\xe2\x80\xae"), "\xef\xbf\xbd");                  // right-to-left override
}

TEST(ReportSvg, FitsText) {
  EXPECT_EQ(fit_text("tcp4", 100, 12, Face::mono), "tcp4");
  const std::string fitted = fit_text("tcp4_stateless_with_a_long_name_8m", 120, 12, Face::mono);
  EXPECT_LE(text_width(fitted, 12, Face::mono), 120);
  EXPECT_TRUE(fitted.starts_with("tcp4_")) << fitted;
  EXPECT_TRUE(fitted.ends_with("_8m")) << fitted;
  EXPECT_EQ(fit_text("tcp4", 1, 12, Face::mono), "");
  EXPECT_EQ(fit_text("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 35, 12, Face::mono),
            "\xc3\xa9\xc3\xa9\xe2\x80\xa6\xc3\xa9");  // no character is cut
}

TEST(ReportSvg, Numbers) {
  EXPECT_EQ(number_text(0), "0");
  EXPECT_EQ(number_text(17.23), "17.2");
  EXPECT_EQ(number_text(9.996), "10.0");
  EXPECT_EQ(number_text(99.96), "100");
  EXPECT_EQ(number_text(0.0996), "0.10");
  EXPECT_EQ(number_text(0.0004), "0.0004");
  EXPECT_EQ(number_text(1048576), "1,048,576");
  EXPECT_EQ(number_text(-1234), "-1,234");
  EXPECT_EQ(number_text(-7), "-7.00");
  EXPECT_EQ(number_text(1e300), "1e+300");
  EXPECT_EQ(tick_text(20), "20");
  EXPECT_EQ(tick_text(2.5), "2.5");
  EXPECT_EQ(tick_text(2), "2");
  EXPECT_EQ(tick_text(100), "100");
  EXPECT_EQ(tick_text(1e10), "1e+10");
  EXPECT_EQ(count_text(65537), "65,537");
  EXPECT_EQ(count_text(0.5), "0.5");
  EXPECT_EQ(short_count_text(8 << 20), "8M");
  EXPECT_EQ(short_count_text(1536), "1.5k");
  EXPECT_EQ(short_count_text(1), "1");
}

TEST(ReportSvg, Scales) {
  const Scale linear = Scale::linear(50, 100, 200);
  EXPECT_EQ(linear.at(0), 100);
  EXPECT_EQ(linear.at(25), 150);
  EXPECT_EQ(linear.at(50), 200);
  EXPECT_EQ(linear.at(-1), 100);
  const Scale down = Scale::linear(50, 200, 100);
  EXPECT_EQ(down.at(50), 100);
  const Scale log = Scale::logarithmic(1, 1024, 0, 100);
  EXPECT_EQ(log.at(32), 50);
  EXPECT_EQ(log.at(0), 0);
  // One value, or none above zero, is no range: still a place.
  EXPECT_TRUE(std::isfinite(Scale::linear(0, 0, 10).at(0)));
  EXPECT_TRUE(std::isfinite(Scale::logarithmic(8, 8, 0, 10).at(8)));
}

TEST(ReportSvg, RoundTicks) {
  EXPECT_EQ(round_ticks(87, 5), (std::vector<double>{0, 20, 40, 60, 80}));
  EXPECT_EQ(round_ticks(10, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(round_ticks(0.3, 3).size(), 4U);
  EXPECT_EQ(round_ticks(0, 5), (std::vector<double>{0}));
  for (const double high : {1e-300, 1e-9, 0.7, 3.0, 99.0, 1e12, 1e300}) EXPECT_LE(round_ticks(high, 6).size(), 8U);
}

TEST(ReportSvg, Drawing) {
  Drawing drawing(100, "plot", "a \"label\"");
  drawing.rectangle({1, 2, 30.25, 4}, "bar s0", "a<b");
  drawing.line({0, 0}, {10, -0.01}, "grid");
  drawing.marker({5, 5}, 0, "tip");
  drawing.text({3, 14}, "x & y", {"ink", 12, Face::mono, Anchor::end});
  EXPECT_EQ(drawing.finish(50),
            "<svg class=\"plot\" viewBox=\"0 0 100 50\" role=\"img\" aria-label=\"a &quot;label&quot;\">"
            "<rect class=\"bar s0\" x=\"1\" y=\"2\" width=\"30.2\" height=\"4\"><title>a&lt;b</title></rect>"
            "<line class=\"grid\" x1=\"0\" y1=\"0\" x2=\"10\" y2=\"0\"/>"
            "<circle class=\"marker s0\" cx=\"5\" cy=\"5\" r=\"4\"><title>tip</title></circle>"
            "<text class=\"ink mono\" x=\"3\" y=\"14\" font-size=\"12\" text-anchor=\"end\">x &amp; y</text></svg>\n");
}

}  // namespace
}  // namespace sluice::bench
