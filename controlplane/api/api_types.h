// SPDX-License-Identifier: Apache-2.0
// A request of the API and its answer, as values: what is left of HTTP once the bytes are read. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api_error.h"

namespace sluice::api {

// What somebody may do; each includes those before it.
enum class Role : std::uint8_t { none, viewer, operates, admin };
// "viewer", "operator", "admin"; "none".
[[nodiscard]] std::string_view to_text(Role role);
[[nodiscard]] std::optional<Role> role_named(std::string_view text);

// Who asks, by what proves it.
struct Identity {
  Role role = Role::none;
  std::string name;  // for the audit: "alice", "uid 0"
  std::string via;   // "unix", "tls"
};

enum class Method : std::uint8_t { get, post, put, patch, erase };
[[nodiscard]] std::string_view to_text(Method method);

struct ApiRequest {
  Method method = Method::get;
  std::string target;  // path and query as they came, percent-encoded
  std::string body;
  std::optional<std::string> if_match;
  std::optional<std::string> if_none_match;
  std::optional<std::string> last_event_id;
  std::optional<std::string> request_id;
  Identity who;
};

struct EventsFrom {
  std::optional<std::uint64_t> after;  // nothing: from now on
  std::string kind;                    // empty: all
};

struct ApiResponse {
  std::uint32_t status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  // In place of `body` if set: large, and shared with whoever made it.
  std::shared_ptr<const std::string> shared_body;
  // The answer goes on as server-sent events until the client has enough.
  std::optional<EventsFrom> events;
};

[[nodiscard]] std::uint32_t http_status(node::ApiCode code);
// {"error":{"code","message","hint",...}}
[[nodiscard]] ApiResponse error_response(const node::ApiError& error);

}  // namespace sluice::api
