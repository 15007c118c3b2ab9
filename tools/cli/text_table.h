// SPDX-License-Identifier: Apache-2.0
// Aligned columns for people: names left, numbers right.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "command_context.h"

namespace sluice::cli {

enum class Align { left, right };

struct Column {
  std::string header;
  Align align = Align::left;
};

class TextTable {
 public:
  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // As many cells as columns. `color` tints the whole row.
  void add_row(std::vector<std::string> cells, Color color = Color::none);

  [[nodiscard]] bool empty() const { return rows_.empty(); }
  // Header and rows, two spaces between columns, none at the ends of lines.
  [[nodiscard]] std::string text(bool color) const;

 private:
  struct Row {
    std::vector<std::string> cells;
    Color color;
  };
  [[nodiscard]] std::string line(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) const;

  std::vector<Column> columns_;
  std::vector<Row> rows_;
};

// `label   value` lines with the values aligned: what one thing is.
class LabelledLines {
 public:
  void add(std::string label, std::string value);
  [[nodiscard]] std::string text(bool color) const;

 private:
  std::vector<std::pair<std::string, std::string>> lines_;
};

// 1,234,567
std::string grouped(std::uint64_t number);
// 1.5 GiB, 999 B
std::string bytes_text(std::uint64_t bytes);
// 33.3%
std::string percent_text(double percent);
// 42 s, 3 min, 5 h 10 min, 2 days 3 h
std::string duration_text(std::uint64_t seconds);
// `a` or `a -> b`
std::string change_text(const std::string& before, const std::string& after);
// "1 pool", "2 pools"
std::string count_text(std::uint64_t count, std::string_view noun);

}  // namespace sluice::cli
