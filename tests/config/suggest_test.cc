// SPDX-License-Identifier: Apache-2.0
#include "suggest.h"

#include <gtest/gtest.h>

#include <array>

namespace sluice {
namespace {

constexpr std::array<std::string_view, 5> words = {"explain", "plan", "table", "stats", "status"};

TEST(Suggest, FindsTheNearestWord) {
  EXPECT_EQ(nearest_word("explian", words), "explain");  // a swap counts once
  EXPECT_EQ(nearest_word("PLAN", words), "plan");
  EXPECT_EQ(nearest_word("pla", words), "plan");
  EXPECT_EQ(nearest_word("tabel", words), "table");
  EXPECT_EQ(nearest_word("statu", words), "stats");  // tie: the earlier
  EXPECT_EQ(nearest_word("statuss", words), "status");
}

TEST(Suggest, KeepsQuietWhenNothingIsNear) {
  EXPECT_EQ(nearest_word("cluster", words), "");
  EXPECT_EQ(nearest_word("", words), "");
  EXPECT_EQ(nearest_word("x", words), "");
  EXPECT_EQ(nearest_word(std::string(10000, 'a'), words), "");
  EXPECT_EQ(did_you_mean("cluster", words), "");
  EXPECT_EQ(did_you_mean("plam", words), "; did you mean \"plan\"?");
}

TEST(Suggest, OneLetterNamesAreNotReplacedByEachOther) {
  const std::array<std::string_view, 2> names = {"a", "b1"};
  EXPECT_EQ(nearest_word("c", names), "");
  EXPECT_EQ(nearest_word("b2", names), "b1");
}

TEST(Suggest, QuotedTextIsOnePrintableLine) {
  EXPECT_EQ(in_quotes("web"), "\"web\"");
  EXPECT_EQ(in_quotes("a\nb\"c\\\x7f"), "\"a\\x0ab\\\"c\\\\\\x7f\"");
  EXPECT_EQ(in_quotes(std::string(64, 'a')), '"' + std::string(64, 'a') + '"');
  EXPECT_EQ(in_quotes(std::string(65, 'a')), '"' + std::string(64, 'a') + "...\"");
  std::string umlauts;
  for (int i = 0; i < 70; ++i) umlauts += "\xc3\xa4";
  EXPECT_EQ(in_quotes(umlauts), '"' + umlauts.substr(0, 128) + "...\"");
}

}  // namespace
}  // namespace sluice
