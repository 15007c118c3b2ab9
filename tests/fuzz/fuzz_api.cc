// SPDX-License-Identifier: Apache-2.0
// A request of the API: "<method byte><target>\n<body>". Whatever it is, it gives an error or a change that survives
// its own encoding; nothing of it is written.
#include <boost/json.hpp>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "change_json.h"
#include "command.h"
#include "identity.h"
#include "object_reader.h"
#include "request_target.h"
#include "routes.h"

namespace {

using namespace sluice;

void require(bool holds) {
  if (!holds) std::abort();
}

template <typename Op>
void check(const node::ApiResult<Op>& operation) {
  if (!operation) {
    require(!operation.error().message.empty());
    return;
  }
  model::Change change;
  change.operations.emplace_back(*operation);
  const std::string bytes = model::encode_command(change);
  const auto decoded = model::decode_command(bytes);
  require(decoded.has_value() && std::get<model::Change>(*decoded) == change);
}

void look_at_body(std::string_view body) {
  const auto object = api::parse_body(body);
  if (!object) return;
  check(api::new_service(*object));
  check(api::changed_service({}, *object));
  check(api::new_pool(*object));
  check(api::changed_pool("web", *object));
  check(api::new_backend("web", *object));
  check(api::changed_backend("web", {}, *object));
  (void)api::weight_of_json(*object);
  const auto apply = api::apply_of_json(*object);
  if (apply) check(node::ApiResult<model::ReplaceAll>(apply->all));
}

void look_at_target(api::Method method, std::string_view text) {
  const auto target = api::parse_target(text);
  if (!target) return;
  for (const auto& [key, value] : target->query) {
    (void)api::parse_duration(value);
    (void)api::parse_weight(value);
    (void)api::parse_request_id(value);
    (void)api::flag_of(*target, key);
  }
  const auto match = api::match_route(method, target->segments);
  require(!match || match->route->method == method);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::string_view target = rest.substr(0, rest.find('\n'));
  look_at_target(static_cast<sluice::api::Method>(data[0] % 5), target);
  look_at_body(rest.substr(std::min(rest.size(), target.size() + 1)));
  return 0;
}
