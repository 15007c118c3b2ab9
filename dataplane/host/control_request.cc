// SPDX-License-Identifier: Apache-2.0
#include "control_request.h"

#include <array>
#include <boost/json.hpp>
#include <utility>

namespace sluice {
namespace {

namespace json = boost::json;

constexpr std::array<std::pair<std::string_view, ControlOp>, 12> ops = {{
    {"version", ControlOp::version},
    {"status", ControlOp::status},
    {"stats", ControlOp::stats},
    {"drops", ControlOp::drops},
    {"explain", ControlOp::explain},
    {"table", ControlOp::table},
    {"config", ControlOp::config},
    {"reload", ControlOp::reload},
    {"publish", ControlOp::publish},
    {"fence", ControlOp::fence},
    {"unfence", ControlOp::unfence},
    {"detach", ControlOp::detach},
}};

// Longest text a request repeats or searches for: an address with port, or a name.
constexpr std::size_t text_length_max = 128;

Error invalid(std::string what) {
  return make_error(ErrorCode::invalid_argument, std::move(what));
}

// Only what can be shown on any terminal goes back in a message.
std::string shown(std::string_view text) {
  std::string result;
  for (const char c : text.substr(0, 40)) result += c >= 0x20 && c < 0x7f ? c : '?';
  return '"' + result + '"';
}

std::string_view view(const json::string& text) {
  return {text.data(), text.size()};
}

Result<ControlOp> op_of(const json::object& object) {
  const json::value* op = object.if_contains("op");
  if (op == nullptr || !op->is_string()) return invalid("a request needs \"op\", a string");
  for (const auto& [name, value] : ops) {
    if (view(op->get_string()) == name) return value;
  }
  std::string allowed;
  for (const auto& [name, value] : ops) allowed += (allowed.empty() ? "" : ", ") + std::string(name);
  return invalid("unknown op " + shown(view(op->get_string())) + "; allowed: " + allowed);
}

Status take_text(const json::value& value, std::string_view key, std::string& into) {
  if (!value.is_string()) return invalid(shown(key) + " must be a string");
  if (value.get_string().size() > text_length_max)
    return invalid(shown(key) + " is longer than " + std::to_string(text_length_max) + " characters");
  into = view(value.get_string());
  return {};
}

// A positive number.
Status take_number(const json::value& value, std::string_view key, std::uint64_t& into) {
  if (!value.is_int64() || value.get_int64() <= 0) return invalid(shown(key) + " must be a number above 0");
  into = static_cast<std::uint64_t>(value.get_int64());
  return {};
}

Status take_member(std::string_view key, const json::value& value, ControlRequest& request) {
  if (key == "op") return {};
  if (request.op == ControlOp::explain) {
    if (key == "source") return take_text(value, key, request.source);
    if (key == "destination") return take_text(value, key, request.destination);
    if (key == "protocol") return take_text(value, key, request.protocol);
  }
  if (request.op == ControlOp::table) {
    if (key == "pool") return take_text(value, key, request.pool);
    if (key == "owners") {
      if (!value.is_bool()) return invalid("\"owners\" must be true or false");
      request.owners = value.get_bool();
      return {};
    }
  }
  if (request.op == ControlOp::publish && key == "bytes") return take_number(value, key, request.bytes);
  if (request.op == ControlOp::unfence && key == "until_ms") return take_number(value, key, request.until_ms);
  return invalid("this op takes no " + shown(key));
}

}  // namespace

Result<ControlRequest> parse_control_request(std::string_view line) {
  json::parse_options options;
  options.max_depth = 4;
  json::error_code failed;
  const json::value value = json::parse(json::string_view(line.data(), line.size()), failed, {}, options);
  if (failed) return invalid("not a JSON object: " + failed.message());
  if (!value.is_object()) return invalid("not a JSON object");
  const json::object& object = value.get_object();
  const Result<ControlOp> op = op_of(object);
  if (!op) return op.error();
  ControlRequest request;
  request.op = *op;
  for (const json::key_value_pair& member : object) {
    const Status taken =
        take_member(std::string_view(member.key().data(), member.key().size()), member.value(), request);
    if (!taken) return taken.error();
  }
  if (request.op == ControlOp::explain &&
      (request.source.empty() || request.destination.empty() || request.protocol.empty()))
    return invalid("explain needs \"source\", \"destination\" and \"protocol\"");
  if (request.op == ControlOp::publish && request.bytes == 0)
    return invalid("publish needs \"bytes\", the length of what follows the line");
  if (request.op == ControlOp::unfence && request.until_ms == 0)
    return invalid("unfence needs \"until_ms\", the end of the lease by CLOCK_MONOTONIC in milliseconds");
  return request;
}

int exit_code_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return 2;
    case ErrorCode::not_found:
      return 3;
    case ErrorCode::conflict:
      return 4;
    case ErrorCode::out_of_capacity:
    case ErrorCode::unsupported:
    case ErrorCode::permission:
    case ErrorCode::io:
    case ErrorCode::internal:
      break;
  }
  return 1;
}

std::string refusal(const Error& error) {
  return json::serialize(
      json::object{{"ok", false}, {"error", error.context}, {"exit_code", exit_code_of(error.code)}});
}

}  // namespace sluice
