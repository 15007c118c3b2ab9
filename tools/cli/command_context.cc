// SPDX-License-Identifier: Apache-2.0
#include "command_context.h"

#include <fmt/format.h>

#include <cstdio>
#include <stdexcept>

namespace sluice::cli {
namespace {

namespace json = boost::json;

void pretty(const json::value& value, std::size_t indent, std::string& out);

// Lists of plain numbers (slot owners) stay on one line: 65,537 lines of them help nobody.
bool is_flat(const json::array& array) {
  for (const json::value& element : array) {
    if (element.is_structured()) return false;
  }
  return true;
}

void pretty_array(const json::array& array, std::size_t indent, std::string& out) {
  if (array.empty() || is_flat(array)) {
    out += json::serialize(array);
    return;
  }
  out += "[\n";
  for (std::size_t i = 0; i < array.size(); ++i) {
    out.append(indent + 2, ' ');
    pretty(array[i], indent + 2, out);
    out += i + 1 < array.size() ? ",\n" : "\n";
  }
  out.append(indent, ' ');
  out += ']';
}

void pretty_object(const json::object& object, std::size_t indent, std::string& out) {
  if (object.empty()) {
    out += "{}";
    return;
  }
  out += "{\n";
  std::size_t left = object.size();
  for (const auto& [key, value] : object) {
    out.append(indent + 2, ' ');
    out += json::serialize(json::string(key)) + ": ";
    pretty(value, indent + 2, out);
    out += --left > 0 ? ",\n" : "\n";
  }
  out.append(indent, ' ');
  out += '}';
}

// 13.4 rather than boost's 1.34E1: people read this too.
std::string number_text(double number) {
  std::string text = fmt::format("{}", number);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

void pretty(const json::value& value, std::size_t indent, std::string& out) {
  if (const json::object* object = value.if_object()) {
    pretty_object(*object, indent, out);
  } else if (const json::array* array = value.if_array()) {
    pretty_array(*array, indent, out);
  } else if (const double* number = value.if_double()) {
    out += number_text(*number);
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

void throw_exception_from_error(const Failure& failure, const boost::source_location&) {
  throw std::logic_error(failure.message);
}

Failure failure_of(const Error& error) {
  ExitCode code = ExitCode::failed;
  if (error.code == ErrorCode::invalid_argument) code = ExitCode::usage;
  if (error.code == ErrorCode::not_found) code = ExitCode::not_found;
  if (error.code == ErrorCode::conflict) code = ExitCode::conflict;
  return {code, error.context, {}};
}

ExitCode report(const Context& context, const Failure& failure) {
  for (const std::string& detail : failure.details) fmt::print(stderr, "{}\n", detail);
  if (!failure.message.empty()) {
    fmt::print(stderr, "{} {}\n", colored(context.color_err, Color::red, "error:"), failure.message);
  }
  return failure.code;
}

std::string colored(bool enabled, Color color, std::string_view text) {
  if (!enabled || color == Color::none || text.empty()) return std::string(text);
  int code = 0;
  switch (color) {
    case Color::red:
      code = 31;
      break;
    case Color::green:
      code = 32;
      break;
    case Color::yellow:
      code = 33;
      break;
    case Color::cyan:
      code = 36;
      break;
    case Color::bold:
      code = 1;
      break;
    case Color::faint:
      code = 2;
      break;
    case Color::none:
      break;
  }
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void print_json(const json::value& value) {
  std::string text;
  pretty(value, 0, text);
  print(text + '\n');
}

bool flush_output() {
  return std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
}

}  // namespace sluice::cli
