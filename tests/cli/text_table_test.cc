// SPDX-License-Identifier: Apache-2.0
#include "text_table.h"

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

TEST(TextTable, NamesLeftNumbersRightNoSpaceAtLineEnds) {
  TextTable table({{"NAME", Align::left}, {"SLOTS", Align::right}, {"NOTE", Align::left}});
  table.add_row({"b1", "1,234,567", "ok"});
  table.add_row({"longer-name", "7", ""});
  EXPECT_EQ(table.text(false),
            "NAME             SLOTS  NOTE\n"
            "b1           1,234,567  ok\n"
            "longer-name          7\n");
}

TEST(TextTable, ColorSurroundsWholeLinesOnly) {
  TextTable table({{"A", Align::left}});
  table.add_row({"x"}, Color::red);
  table.add_row({"y"});
  EXPECT_EQ(table.text(true), "\x1b[1mA\x1b[0m\n\x1b[31mx\x1b[0m\ny\n");
}

TEST(TextTable, WidthCountsCharacters) {
  TextTable table({{"NAME", Align::left}, {"N", Align::right}});
  table.add_row(
      {"gr\xc3\xbc\xc3\x9f"
       "e",
       "1"});
  table.add_row({"grues", "2"});
  EXPECT_EQ(table.text(false),
            "NAME   N\ngr\xc3\xbc\xc3\x9f"
            "e  1\ngrues  2\n");
}

TEST(LabelledLines, ValuesStandInOneColumnAndEmptyOnesAreLeftOut) {
  LabelledLines lines;
  lines.add("a", "1");
  lines.add("nothing", "");
  lines.add("abc", "2");
  EXPECT_EQ(lines.text(false), "a    1\nabc  2\n");
}

TEST(Numbers, Grouped) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(18446744073709551615U), "18,446,744,073,709,551,615");
}

TEST(Numbers, Bytes) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(1024), "1.0 KiB");
  EXPECT_EQ(bytes_text(1048575), "1.0 MiB");  // not 1024.0 KiB
  EXPECT_EQ(bytes_text(18446744073709551615U), "16.0 EiB");
}

TEST(Numbers, Durations) {
  EXPECT_EQ(duration_text(0), "0 s");
  EXPECT_EQ(duration_text(119), "119 s");
  EXPECT_EQ(duration_text(120), "2 min");
  EXPECT_EQ(duration_text(3600 + 59), "1 h 0 min");
  EXPECT_EQ(duration_text(200000), "2 days 7 h");
}

TEST(Numbers, CountsAndChanges) {
  EXPECT_EQ(count_text(1, "pool"), "1 pool");
  EXPECT_EQ(count_text(0, "pool"), "0 pools");
  EXPECT_EQ(count_text(1234, "slot"), "1,234 slots");
  EXPECT_EQ(change_text("1", "1"), "1");
  EXPECT_EQ(change_text("1", "2"), "1 -> 2");
}

}  // namespace
}  // namespace sluice::cli
