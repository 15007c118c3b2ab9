// SPDX-License-Identifier: Apache-2.0
#include "http_exchange.h"

#include <fmt/format.h>

#include "event_text.h"

namespace sluice::io {
namespace {

namespace http = boost::beast::http;
using node::ApiCode;

api::ApiResponse refused(std::uint32_t status, ApiCode code, std::string message, std::string hint = {}) {
  api::ApiResponse response = api::error_response(node::api_error(code, std::move(message), std::move(hint)));
  response.status = status;
  return response;
}

std::optional<api::Method> method_of(http::verb verb) {
  switch (verb) {
    case http::verb::get:
    case http::verb::head:
      return api::Method::get;
    case http::verb::post:
      return api::Method::post;
    case http::verb::put:
      return api::Method::put;
    case http::verb::patch:
      return api::Method::patch;
    case http::verb::delete_:
      return api::Method::erase;
    default:
      return std::nullopt;
  }
}

std::optional<std::string> header_of(const http::fields& fields, boost::beast::string_view name) {
  const auto found = fields.find(name);
  if (found == fields.end()) return std::nullopt;
  return std::string(found->value());
}

}  // namespace

std::optional<api::ApiResponse> refusal_of(const boost::system::error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow)
    return refused(431, ApiCode::invalid, "the request's head is too large");
  if (error == http::error::body_limit) return refused(413, ApiCode::invalid, "the request's body is too large");
  if (error == http::error::end_of_stream || error == http::error::partial_message) return std::nullopt;
  if (error.category() == http::make_error_code(http::error::bad_method).category())
    return refused(400, ApiCode::invalid, "not an HTTP/1.1 request: " + error.message());
  return std::nullopt;
}

std::optional<api::ApiResponse> refusal_of_head(const RequestParser& parser, const api::Identity& who) {
  if (who.role == api::Role::none) {
    return refused(
        403, ApiCode::forbidden, fmt::format("{} has no role here", who.name.empty() ? "this client" : who.name),
        "over the unix socket root is admin; over TLS a certificate of sluice cert issue --role names the role");
  }
  if (!method_of(parser.get().method()))
    return refused(405, ApiCode::invalid, "unknown method; allowed: GET, HEAD, POST, PUT, PATCH, DELETE");
  return std::nullopt;
}

api::ApiResponse too_busy() {
  return refused(503, ApiCode::overloaded, "too many large requests or followers at this time",
                 "try again in a moment");
}

api::ApiResponse unanswered() {
  return refused(504, ApiCode::timeout, "the node has not answered in time; whether it was done is not known",
                 "send it again with the same Request-Id: it is done at most once");
}

bool expects_continue(const RequestParser& parser) {
  return boost::beast::iequals(parser.get()[http::field::expect], "100-continue");
}

std::uint64_t body_bytes_of(const RequestParser& parser, const HttpLimits& limits) {
  if (const auto length = parser.content_length()) return *length;
  return parser.chunked() ? limits.body_bytes : 0;
}

api::ApiRequest request_of(http::request<http::string_body> message, const api::Identity& who) {
  api::ApiRequest request;
  request.method = method_of(message.method()).value_or(api::Method::get);
  request.target = std::string(message.target());
  request.if_match = header_of(message, "If-Match");
  request.if_none_match = header_of(message, "If-None-Match");
  request.last_event_id = header_of(message, "Last-Event-ID");
  request.request_id = header_of(message, "Request-Id");
  request.body = std::move(message.body());
  request.who = who;
  return request;
}

WireResponse wire_response(const api::ApiResponse& response, Answering answering) {
  WireResponse wire;
  wire.version(11);
  wire.result(response.status);
  wire.set(http::field::server, "sluice/" SLUICE_VERSION);
  wire.set(http::field::content_type, response.content_type);
  wire.set(http::field::cache_control, "no-store");
  wire.set("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : response.headers) wire.set(name, value);
  const std::string& body = response.shared_body ? *response.shared_body : response.body;
  const bool is_without_body = response.status == 204 || response.status == 304;
  if (!is_without_body) wire.body() = boost::beast::span<const char>(body.data(), body.size());
  wire.keep_alive(answering.keep_alive);
  if (!is_without_body) wire.content_length(body.size());
  return wire;
}

std::string stream_head() {
  return "HTTP/1.1 200 OK\r\nServer: sluice/" SLUICE_VERSION
         "\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
         "Connection: close\r\n\r\n";
}

node::EventFeed event_feed(const std::function<void(std::string)>& push) {
  return {[push](const node::Event& event) { push(api::event_text(event)); },
          [push](std::uint64_t asked, std::uint64_t oldest) { push(api::gap_text(asked, oldest)); }};
}

}  // namespace sluice::io
