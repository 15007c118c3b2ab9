// SPDX-License-Identifier: Apache-2.0
#include "request_target.h"

#include <fmt/format.h>

#include <charconv>

#include "suggest.h"

namespace sluice::api {
namespace {

using node::ApiCode;
using node::ApiError;
using node::ApiResult;

constexpr std::size_t segments_max = 16;
constexpr std::size_t parameters_max = 32;

ApiError invalid(std::string message, std::string hint = {}) {
  return node::api_error(ApiCode::invalid, std::move(message), std::move(hint));
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// `+` stays what it is: a weight of "+10" is written so.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_digit(text[i + 1]);
    const int low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0 || (high == 0 && low == 0)) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

ApiResult<std::string> decoded_part(std::string_view text) {
  std::optional<std::string> decoded = percent_decoded(text);
  if (!decoded) return invalid(fmt::format("{} is not percent-encoded text", in_quotes(text)));
  return std::move(*decoded);
}

node::ApiStatus parse_query(std::string_view query, RequestTarget& target) {
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), part.size() + 1));
    if (part.empty()) continue;
    if (target.query.size() == parameters_max)
      return invalid(fmt::format("more than {} query parameters", parameters_max));
    const std::size_t equals = std::min(part.find('='), part.size());
    auto key = decoded_part(part.substr(0, equals));
    if (!key) return key.error();
    auto value = decoded_part(part.substr(std::min(part.size(), equals + 1)));
    if (!value) return value.error();
    if (target.find(*key) != nullptr) return invalid(fmt::format("query parameter {} stands twice", in_quotes(*key)));
    target.query.emplace_back(std::move(*key), std::move(*value));
  }
  return {};
}

}  // namespace

const std::string* RequestTarget::find(std::string_view key) const {
  for (const auto& [name, value] : query) {
    if (name == key) return &value;
  }
  return nullptr;
}

ApiResult<RequestTarget> parse_target(std::string_view target) {
  RequestTarget parsed;
  const std::size_t mark = std::min(target.find('?'), target.size());
  std::string_view path = target.substr(0, mark);
  if (path.empty() || path.front() != '/') return invalid("the request's target is not an absolute path");
  path.remove_prefix(1);
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), part.size() + 1));
    if (parsed.segments.size() == segments_max) return invalid("the request's path is too deep");
    auto segment = decoded_part(part);
    if (!segment) return segment.error();
    parsed.segments.push_back(std::move(*segment));
  }
  const node::ApiStatus query = parse_query(target.substr(std::min(target.size(), mark + 1)), parsed);
  if (!query) return query.error();
  return parsed;
}

node::ApiStatus only_known(const RequestTarget& target, std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : target.query) {
    if (std::find(known.begin(), known.end(), std::string_view(key)) != known.end()) continue;
    return invalid(
        fmt::format("unknown query parameter {}{}", in_quotes(key), did_you_mean(key, {known.begin(), known.size()})));
  }
  return {};
}

ApiResult<bool> flag_of(const RequestTarget& target, std::string_view key) {
  const std::string* value = target.find(key);
  if (value == nullptr || *value == "false" || *value == "0") return false;
  if (value->empty() || *value == "true" || *value == "1") return true;
  return invalid(fmt::format("{} {} is neither true nor false", key, in_quotes(*value)));
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

ApiResult<std::optional<std::uint64_t>> number_of(const RequestTarget& target, std::string_view key) {
  const std::string* value = target.find(key);
  if (value == nullptr) return std::optional<std::uint64_t>();
  const std::optional<std::uint64_t> number = parse_number(*value);
  if (!number) return invalid(fmt::format("{} {} is not a whole number", key, in_quotes(*value)));
  return number;
}

ApiResult<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view unit = text.substr(digits);
  const std::optional<std::uint64_t> number = parse_number(text.substr(0, digits));
  const std::uint64_t factor = unit == "ms" ? 1 : unit.empty() || unit == "s" ? 1000 : unit == "m" ? 60'000 : 0;
  constexpr std::uint64_t milliseconds_max = 3'600'000;
  if (!number || factor == 0 || *number > milliseconds_max / factor) {
    return invalid(fmt::format("{} is not a duration", in_quotes(text)), "allowed: 500ms, 10s, 2m; at most one hour");
  }
  return std::chrono::milliseconds(*number * factor);
}

std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                          c == '.' || c == '_' || c == '~';
    if (is_plain) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

}  // namespace sluice::api
