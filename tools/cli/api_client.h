// SPDX-License-Identifier: Apache-2.0
// Calls of the cluster's API (docs/api.md): over its unix socket, or TCP with mutual TLS.
#pragma once

#include <boost/json.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "command_context.h"

namespace sluice::cli {

struct ApiCall {
  std::string method = "GET";
  std::string target;  // percent-encoded path and query
  std::string body;    // JSON; empty: none
  std::vector<std::pair<std::string, std::string>> headers;
  std::chrono::milliseconds patience{0};  // on top of context.timeout: what the call itself waits for
};

// The body of a 2xx answer. Another one becomes a failure with the exit code of its "code".
[[nodiscard]] Outcome<std::string> call_api_text(const Context& context, const ApiCall& call);
[[nodiscard]] Outcome<boost::json::object> call_api(const Context& context, const ApiCall& call);

// One server-sent event. `id` is empty if it has none.
struct ServerEvent {
  std::string id;
  std::string kind;
  std::string data;
};
// Until `each` gives false or the connection ends; a node that goes away is a failure.
[[nodiscard]] Outcome<void> follow_api(const Context& context, const ApiCall& call,
                                       const std::function<bool(const ServerEvent&)>& each);

// Whom a question goes to that either could answer: the cluster, unless --socket names a plane or there is no API.
[[nodiscard]] bool asks_cluster(const Context& context);

// A new one for each write that is meant once: 32 hexadecimal digits.
[[nodiscard]] std::string make_request_id();

}  // namespace sluice::cli
