// SPDX-License-Identifier: Apache-2.0
#include "api_types.h"

#include <array>
#include <boost/json.hpp>

namespace sluice::api {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 4> role_names = {"none", "viewer", "operator", "admin"};
constexpr std::array<std::string_view, 5> method_names = {"GET", "POST", "PUT", "PATCH", "DELETE"};

}  // namespace

std::string_view to_text(Role role) {
  return role_names[static_cast<std::size_t>(role)];
}

std::optional<Role> role_named(std::string_view text) {
  for (std::size_t i = 1; i < role_names.size(); ++i) {
    if (role_names[i] == text) return static_cast<Role>(i);
  }
  return std::nullopt;
}

std::string_view to_text(Method method) {
  return method_names[static_cast<std::size_t>(method)];
}

std::uint32_t http_status(node::ApiCode code) {
  switch (code) {
    case node::ApiCode::invalid:
      return 400;
    case node::ApiCode::forbidden:
      return 403;
    case node::ApiCode::not_found:
      return 404;
    case node::ApiCode::conflict:
      return 409;
    case node::ApiCode::guard:
      return 422;
    case node::ApiCode::no_leader:
    case node::ApiCode::overloaded:
      return 503;
    case node::ApiCode::timeout:
      return 504;
    case node::ApiCode::unsupported:
      return 501;
    case node::ApiCode::internal:
      break;
  }
  return 500;
}

ApiResponse error_response(const node::ApiError& error) {
  json::object body = {{"code", json::string(node::to_text(error.code))}, {"message", error.message}};
  if (!error.hint.empty()) body["hint"] = error.hint;
  if (error.base_revision) body["base_revision"] = *error.base_revision;
  if (error.revision) body["revision"] = *error.revision;
  if (!error.faults.empty()) {
    json::array& faults = body["faults"].emplace_array();
    for (const node::TextFault& fault : error.faults) {
      faults.push_back({{"line", fault.line}, {"column", fault.column}, {"message", fault.message}});
    }
  }
  ApiResponse response;
  response.status = http_status(error.code);
  response.body = json::serialize(json::object{{"error", std::move(body)}});
  return response;
}

}  // namespace sluice::api
