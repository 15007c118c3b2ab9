// SPDX-License-Identifier: Apache-2.0
#include "api_failure.h"

#include <fmt/format.h>

#include <array>

#include "json_members.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

constexpr std::array<std::pair<std::string_view, ExitCode>, 10> exit_codes = {{
    {"invalid", ExitCode::usage},
    {"forbidden", ExitCode::failed},
    {"not_found", ExitCode::not_found},
    {"conflict", ExitCode::conflict},
    {"guard", ExitCode::refused},
    {"no_leader", ExitCode::unreachable},
    {"overloaded", ExitCode::unreachable},
    {"timeout", ExitCode::timed_out},
    {"unsupported", ExitCode::failed},
    {"internal", ExitCode::failed},
}};

}  // namespace

Failure api_failure(unsigned status, std::string_view body) {
  boost::system::error_code unreadable;
  const json::value answer = json::parse(json::string_view(body.data(), body.size()), unreadable);
  const json::object& error = unreadable ? object_of({}) : object_of(member_of(object_of(answer), "error"));
  Failure failure{ExitCode::failed, text_member(error, "message"), {}};
  if (failure.message.empty()) failure.message = fmt::format("the API answered {} without a reason", status);
  const std::string code = text_member(error, "code");
  for (const auto& [name, exit_code] : exit_codes) {
    if (name == code) failure.code = exit_code;
  }
  const std::string hint = text_member(error, "hint");
  if (!hint.empty()) failure.message += (failure.message.ends_with('?') ? " " : "; ") + hint;
  for (const json::value& value : array_member(error, "faults")) {
    const json::object& fault = object_of(value);
    failure.details.push_back(fmt::format("{}:{}: {}", number_member(fault, "line"), number_member(fault, "column"),
                                          text_member(fault, "message")));
  }
  return failure;
}

std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                          c == '.' || c == '_' || c == '~';
    encoded += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

}  // namespace sluice::cli
