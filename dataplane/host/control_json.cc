// SPDX-License-Identifier: Apache-2.0
#include "control_json.h"

#include <boost/json.hpp>

#include "control_request.h"

namespace sluice {

namespace json = boost::json;

json::object refused(const Error& error) {
  return {{"ok", false}, {"error", error.context}, {"exit_code", exit_code_of(error.code)}};
}

json::object accepted(json::object members) {
  json::object answer = {{"ok", true}};
  for (json::key_value_pair& member : members) answer[member.key()] = std::move(member.value());
  return answer;
}

json::object accepted(Result<json::object> members) {
  return members ? accepted(std::move(*members)) : refused(members.error());
}

}  // namespace sluice
