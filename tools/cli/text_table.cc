// SPDX-License-Identifier: Apache-2.0
#include "text_table.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::cli {
namespace {

// Code points: near enough to columns of a terminal for names and addresses.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

void trim_right(std::string& text) {
  text.erase(text.find_last_not_of(' ') + 1);
}

}  // namespace

void TextTable::add_row(std::vector<std::string> cells, Color color) {
  SLUICE_INVARIANT(cells.size() == columns_.size());
  rows_.push_back({std::move(cells), color});
}

std::string TextTable::line(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) const {
  std::string text;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string padding(widths[i] - width_of(cells[i]), ' ');
    if (i > 0) text += "  ";
    text += columns_[i].align == Align::right ? padding + cells[i] : cells[i] + padding;
  }
  trim_right(text);
  return text;
}

std::string TextTable::text(bool color) const {
  std::vector<std::string> headers;
  std::vector<std::size_t> widths;
  for (const Column& column : columns_) {
    headers.push_back(column.header);
    widths.push_back(width_of(column.header));
  }
  for (const Row& row : rows_) {
    for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], width_of(row.cells[i]));
  }
  std::string text = colored(color, Color::bold, line(headers, widths)) + '\n';
  for (const Row& row : rows_) text += colored(color, row.color, line(row.cells, widths)) + '\n';
  return text;
}

void LabelledLines::add(std::string label, std::string value) {
  if (!value.empty()) lines_.emplace_back(std::move(label), std::move(value));
}

std::string LabelledLines::text(bool color) const {
  std::size_t width = 0;
  for (const auto& [label, value] : lines_) width = std::max(width, width_of(label));
  std::string text;
  for (const auto& [label, value] : lines_) {
    text += colored(color, Color::bold, label) + std::string(width - width_of(label) + 2, ' ') + value + '\n';
  }
  return text;
}

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::string_view units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double amount = static_cast<double>(bytes);
  std::size_t unit = 0;
  // 1023.95 would print as 1024.0.
  while (amount >= 1023.95 && unit + 1 < std::size(units)) {
    amount /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", amount, units[unit]);
}

std::string percent_text(double percent) {
  return fmt::format("{:.1f}%", percent);
}

std::string duration_text(std::uint64_t seconds) {
  if (seconds < 120) return fmt::format("{} s", seconds);
  const std::uint64_t minutes = seconds / 60;
  if (minutes < 60) return fmt::format("{} min", minutes);
  const std::uint64_t hours = minutes / 60;
  if (hours < 48) return fmt::format("{} h {} min", hours, minutes % 60);
  return fmt::format("{} days {} h", hours / 24, hours % 24);
}

std::string change_text(const std::string& before, const std::string& after) {
  return before == after ? after : fmt::format("{} -> {}", before, after);
}

std::string count_text(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", grouped(count), noun, count == 1 ? "" : "s");
}

}  // namespace sluice::cli
