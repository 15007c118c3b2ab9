// SPDX-License-Identifier: Apache-2.0
// Between Beast's messages and the API's values. Internal to controlplane/io/api.
#pragma once

#include <boost/beast/core/span.hpp>
#include <boost/beast/http.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "api_types.h"
#include "cluster_port.h"
#include "http_server.h"

namespace sluice::io {

using RequestParser = boost::beast::http::request_parser<boost::beast::http::string_body>;
using WireBody = boost::beast::http::span_body<const char>;
using WireResponse = boost::beast::http::response<WireBody>;

struct Answering {
  bool keep_alive = false;
  bool is_head = false;
};

// Counts as long as it is.
class CountHolder {
 public:
  explicit CountHolder(std::size_t& count) : count_(count) { ++count_; }
  ~CountHolder() { --count_; }
  CountHolder(const CountHolder&) = delete;
  CountHolder& operator=(const CountHolder&) = delete;

 private:
  std::size_t& count_;
};

class BodyReservation {
 public:
  BodyReservation(std::uint64_t& total, std::uint64_t bytes) : total_(total), bytes_(bytes) { total_ += bytes_; }
  ~BodyReservation() { total_ -= bytes_; }
  BodyReservation(const BodyReservation&) = delete;
  BodyReservation& operator=(const BodyReservation&) = delete;

 private:
  std::uint64_t& total_;
  std::uint64_t bytes_;
};

// What a client is told whose bytes are no request, or too many. Nothing: it is gone.
[[nodiscard]] std::optional<api::ApiResponse> refusal_of(const boost::system::error_code& error);
// A method we do not have, or nobody's business.
[[nodiscard]] std::optional<api::ApiResponse> refusal_of_head(const RequestParser& parser, const api::Identity& who);
[[nodiscard]] api::ApiResponse too_busy();
[[nodiscard]] api::ApiResponse unanswered();

[[nodiscard]] bool expects_continue(const RequestParser& parser);
// As announced; a body without a length may become as large as any.
[[nodiscard]] std::uint64_t body_bytes_of(const RequestParser& parser, const HttpLimits& limits);
[[nodiscard]] api::ApiRequest request_of(boost::beast::http::request<boost::beast::http::string_body> message,
                                         const api::Identity& who);
// Refers to the body of `response`.
[[nodiscard]] WireResponse wire_response(const api::ApiResponse& response, Answering answering);

// The head of an answer that is a stream of events.
[[nodiscard]] std::string stream_head();
[[nodiscard]] node::EventFeed event_feed(const std::function<void(std::string)>& push);

}  // namespace sluice::io
