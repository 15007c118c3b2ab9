// SPDX-License-Identifier: Apache-2.0
#include "suggest.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace sluice {
namespace {

// Names are at most 63 characters; what is longer is no misspelling of one.
constexpr std::size_t word_length_max = 64;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Optimal string alignment: insert, delete, replace, swap of neighbours, each at cost 1.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  using Row = std::array<std::size_t, word_length_max + 1>;
  std::array<Row, 3> rows{};
  for (std::size_t j = 0; j <= b.size(); ++j) rows[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    Row& current = rows[i % 3];
    const Row& before = rows[(i + 2) % 3];
    const Row& before_that = rows[(i + 1) % 3];
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = before[j - 1] + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
      current[j] = std::min({replace, before[j] + 1, current[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]);
      if (swapped) current[j] = std::min(current[j], before_that[j - 2] + 1);
    }
  }
  return rows[a.size() % 3][b.size()];
}

}  // namespace

std::string_view nearest_word(std::string_view word, std::span<const std::string_view> known) {
  if (word.empty() || word.size() > word_length_max) return {};
  std::string_view nearest;
  // A third of the letters wrong is still a misspelling; more is another word.
  std::size_t bound = std::max<std::size_t>(1, (word.size() + 1) / 3) + 1;
  for (const std::string_view candidate : known) {
    if (candidate.empty() || candidate.size() > word_length_max) continue;
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < bound && distance < candidate.size()) {
      bound = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> known) {
  const std::string_view nearest = nearest_word(word, known);
  return nearest.empty() ? std::string() : fmt::format("; did you mean \"{}\"?", nearest);
}

std::string in_quotes(std::string_view text, std::size_t shown_max) {
  std::string shown = "\"";
  std::size_t count = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool starts_character = (byte & 0xc0U) != 0x80U;  // UTF-8: never cut inside a character
    if (starts_character && ++count > shown_max) {
      shown += "...";
      break;
    }
    if (byte < 0x20 || byte == 0x7f) {
      shown += fmt::format("\\x{:02x}", byte);
    } else if (c == '"' || c == '\\') {
      shown += '\\';
      shown += c;
    } else {
      shown += c;
    }
  }
  return shown + '"';
}

}  // namespace sluice
