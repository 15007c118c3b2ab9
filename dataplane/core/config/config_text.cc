// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "config_findings.h"

namespace sluice::config_detail {
namespace {

// A million backends in inline tables are some 60 MiB.
constexpr std::size_t text_bytes_max = 256U << 20U;

// toml++ 3.3 destroys nested tables recursively and bounds the nesting of values (256), but not of dotted keys: a key
// of 100,000 parts overflows the stack. No key of ours has more than two dots, and 256 values of four stay far from the
// end.
constexpr std::uint32_t key_dots_max = 4;

struct TextFault {
  Place place;
  std::string message;
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool starts_key(char c) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return letter || is_digit(c) || c == '_' || c == '-' || c == '"' || c == '\'';
}

// Finds what toml++ 3.3 must not see. Deep keys; and, as fuzzing showed, what it assumes away without a check, so that
// its behaviour is undefined: table headers that begin with anything but a key, a '}' as an element of an array, dates
// (and what it takes for one: `202b-wb-ws_ `) with rubbish after them, and non-ASCII letters in many places (no value
// of ours needs them). Control characters no TOML may hold anyway. Walks as far as needed to tell what stands outside
// of strings and comments.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {
    if (looking_at("\xef\xbb\xbf")) at_ = 3;  // a byte order mark is no column
  }

  std::optional<TextFault> find_fault() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (static_cast<unsigned char>(c) >= 0x80) return non_ascii();
      if (c == '"' || c == '\'') {
        if (auto fault = check_string(c)) return fault;
        line_start_ = false;
      } else if (c == '#') {
        while (at_ < text_.size() && text_[at_] != '\n' && !control_) step();
      } else if (c == '[' && line_start_ && open_.empty()) {
        if (auto fault = check_header()) return fault;
      } else {
        if (auto fault = check_bare(c)) return fault;
        if (auto fault = check_bracket(c)) return fault;
        line_start_ = c == '\n' || (line_start_ && (c == ' ' || c == '\t' || c == '\r'));
        step();
      }
      if (control_) return control_;
    }
    return std::nullopt;
  }

 private:
  [[nodiscard]] bool looking_at(std::string_view token) const { return text_.substr(at_).starts_with(token); }

  void step() {
    const auto byte = static_cast<unsigned char>(text_[at_++]);
    if (byte == '\n') {
      place_ = {place_.line + 1, 1};
      return;
    }
    if (((byte < 0x20 && byte != '\t' && byte != '\r') || byte == 0x7f) && !control_) {
      control_ = TextFault{place_, fmt::format("control character 0x{:02x}; allowed: UTF-8 text", byte)};
    }
    if ((byte & 0xc0U) != 0x80U) ++place_.column;
  }

  void step(std::size_t count) {
    for (; count > 0 && at_ < text_.size(); --count) step();
  }

  std::optional<TextFault> check_string(char quote) {
    if (looking_at(std::string(3, quote))) {
      return TextFault{place_, "string over several lines; allowed: strings on one line, in double quotes"};
    }
    // No key of ours needs quotes, so none may follow a dot either.
    const bool detached = at_ == 0 || std::string_view(" \t\n=,[{").find(text_[at_ - 1]) != std::string_view::npos;
    if (!detached || number_) return TextFault{place_, "a string begins inside another word; allowed: key = \"value\""};
    step();
    while (at_ < text_.size() && text_[at_] != quote && !control_) {
      if (static_cast<unsigned char>(text_[at_]) >= 0x80) return non_ascii();
      if (text_[at_] == '\n') return std::nullopt;  // toml++ will say that the string has no end
      step(text_[at_] == '\\' && quote == '"' ? 2 : 1);
    }
    step(1);
    return std::nullopt;
  }

  [[nodiscard]] TextFault non_ascii() const {
    return {place_, "non-ASCII character outside of a comment; allowed: ASCII, with strings in plain double quotes"};
  }

  // Leaves the brackets behind; the key itself is walked like any other.
  std::optional<TextFault> check_header() {
    key_dots_ = 0;
    line_start_ = false;
    step(looking_at("[[") ? 2 : 1);
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) step();
    // toml++ itself reports a bracket that closes at once, and the end of the file.
    if (at_ == text_.size() || text_[at_] == ']' || starts_key(text_[at_])) return std::nullopt;
    return TextFault{place_,
                     "no name after '['; allowed: [plane], [plane.dpdk], [[pool]], [[pool.backend]], [[service]]"};
  }

  std::optional<TextFault> check_bare(char c) {
    // toml++ looks on to the next of these, over quotes and signs, for what a value that begins with a digit is.
    if (std::string_view(" \t\r\n,]}").find(c) != std::string_view::npos) number_ = false;
    if (is_digit(c) && (at_ == 0 || std::string_view(" \t\r\n=,[{").find(text_[at_ - 1]) != std::string_view::npos)) {
      number_ = true;
    }
    // No key of ours has a dash after a digit, so what has one is a date; none begins with a digit.
    if (c == '-' && at_ > 0 && (number_ || is_digit(text_[at_ - 1]))) {
      return TextFault{place_, fmt::format("a {} outside of quotes; allowed: integers, strings in double quotes, true "
                                           "and false",
                                           is_digit(text_[at_ - 1]) ? "date or time" : "number with a dash in it")};
    }
    if (c == '\n' || c == '=' || c == ',' || c == '[' || c == '{') key_dots_ = 0;
    if (c != '.' || ++key_dots_ <= key_dots_max) return std::nullopt;
    return TextFault{place_,
                     "more than 4 dots outside of quotes; allowed: strings in double quotes, and keys as "
                     "docs/configuration.md lists them"};
  }

  // Closing what is not open toml++ reports itself.
  std::optional<TextFault> check_bracket(char c) {
    if (c == '[' || c == '{') open_ += c;
    if ((c != ']' && c != '}') || open_.empty()) return std::nullopt;
    if ((open_.back() == '[') != (c == ']')) {
      return TextFault{place_,
                       fmt::format("'{}' closes a '{}'; allowed: [ ... ] and {{ ... }} in pairs", c, open_.back())};
    }
    open_.pop_back();
    return std::nullopt;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Place place_;
  std::uint32_t key_dots_ = 0;
  std::string open_;  // brackets of arrays and inline tables, inside which a line may start with one
  bool line_start_ = true;
  bool number_ = false;  // in a word that begins with a digit
  std::optional<TextFault> control_;
};

std::string with_article(std::string_view noun) {
  const bool vowel = !noun.empty() && std::string_view("aeiou").find(noun.front()) != std::string_view::npos;
  return fmt::format("{} {}", vowel ? "an" : "a", noun);
}

std::string printable(std::string_view text) {
  std::string clean;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      clean += fmt::format("\\x{:02x}", byte);
    } else {
      clean += c;
    }
  }
  return clean;
}

}  // namespace

// `port = 8` may be the beginning of `port = 80`, and no later check could tell. Every other value cut short is a
// syntax error.
void check_cut_number(std::string_view text, Findings& findings) {
  if (text.empty() || text.back() < '0' || text.back() > '9') return;
  const std::size_t start = text.rfind('\n') + 1;  // npos + 1 == 0
  const std::string_view line = text.substr(start);
  if (line.find('#') != std::string_view::npos || line.find('=') == std::string_view::npos) return;
  Place place;
  for (const char c : text.substr(0, start)) place.line += c == '\n' ? 1 : 0;
  for (const char c : line) place.column += (static_cast<unsigned char>(c) & 0xc0U) != 0x80U ? 1 : 0;
  findings.error(place,
                 "the file ends right after a number: digits may have been cut off; allowed: a whole file, its "
                 "last line closed by a newline");
}

bool check_text(std::string_view text, Findings& findings) {
  if (text.size() > text_bytes_max) {
    findings.error({}, fmt::format("the file has {} bytes; allowed: {} MiB", text.size(), text_bytes_max >> 20U));
    return false;
  }
  if (auto fault = Scanner(text).find_fault()) {
    findings.error(fault->place, std::move(fault->message));
    return false;
  }
  return true;
}

std::string syntax_message(std::string_view description) {
  constexpr std::string_view opening = "Error while parsing ";
  const std::size_t colon = description.find(": ");
  if (!description.starts_with(opening) || colon == std::string_view::npos) {
    return fmt::format("not valid TOML: {}; allowed: UTF-8 text, key = value", printable(description));
  }
  const std::string what = with_article(printable(description.substr(opening.size(), colon - opening.size())));
  const std::string_view reason = description.substr(colon + 2);
  if (reason.find("end-of-file") != reason.npos || reason.find("EOF") != reason.npos) {
    return fmt::format("the file ends inside {}: it may have been cut off; allowed: a whole TOML file", what);
  }
  return fmt::format("not valid TOML, in {}: {}; allowed: key = value, with strings in double quotes", what,
                     printable(reason));
}

}  // namespace sluice::config_detail
