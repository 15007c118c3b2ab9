// SPDX-License-Identifier: Apache-2.0
// "did you mean": the nearest of a few known words. Pure; used for keys and names of files, and by the command line.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sluice {

// The nearest word by edit distance (a swap of neighbours counts once; case is ignored), or empty if none is near
// enough to be what was meant. Ties go to the earlier word.
std::string_view nearest_word(std::string_view word, std::span<const std::string_view> known);

// `; did you mean "x"?` or nothing.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> known);

// The text between double quotes, shortened, control characters escaped: safe in a message of one line.
std::string in_quotes(std::string_view text, std::size_t shown_max = 64);

}  // namespace sluice
