// SPDX-License-Identifier: Apache-2.0
#include "plane_publisher.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <set>
#include <utility>

#include "plane_answer.h"

namespace sluice {
namespace {

namespace json = boost::json;

Error no_answer(std::string_view what) {
  return make_error(ErrorCode::invalid_argument, fmt::format("the plane's answer is none: {}", what));
}

bool is_true(const json::object& answer, std::string_view key) {
  const json::value* value = answer.if_contains(json::string_view(key.data(), key.size()));
  return value != nullptr && value->is_bool() && value->get_bool();
}

ErrorCode code_of(const json::object& answer) {
  const json::value* value = answer.if_contains("exit_code");
  const std::int64_t code = value != nullptr && value->is_int64() ? value->get_int64() : 1;
  return code == 2 ? ErrorCode::invalid_argument : code == 4 ? ErrorCode::conflict : ErrorCode::io;
}

// What `state` has and the plane needs in full is taken out of what may be named.
ForwardingState without(ForwardingState state, const json::array& need) {
  std::set<std::string_view> names;
  for (const json::value& one : need)
    if (one.is_string()) names.insert({one.get_string().data(), one.get_string().size()});
  std::erase_if(state.pools, [&names](const SharedPool& pool) { return names.contains(pool->name); });
  if (names.contains(services_need_name)) state.services = nullptr;
  return state;
}

}  // namespace

void PlanePublisher::want(ForwardingState state) {
  wanted_ = std::move(state);
  is_due_ = true;
}

std::optional<PlanePublisher::Request> PlanePublisher::next() {
  if (sent_ || !is_due_) return std::nullopt;
  sent_ = wanted_;
  is_due_ = false;
  if (effort_ == Effort::by_digest && !known_) known_ = sent_;
  Request request;
  request.payload = encode_state(*sent_, effort_ == Effort::in_full ? nullptr : &*known_);
  request.line = fmt::format("{{\"op\":\"publish\",\"bytes\":{}}}\n", request.payload.size());
  return request;
}

Status PlanePublisher::answered(std::string_view line) {
  if (!sent_) return no_answer("nothing was asked");
  ForwardingState state = *std::exchange(sent_, std::nullopt);
  const Result<json::object> answer = parse_plane_answer(line);
  if (!answer) return answer.error();
  if (!is_true(*answer, "ok")) return make_error(code_of(*answer), "the plane refused: " + text_of(*answer, "error"));
  if (const json::value* need = answer->if_contains("need")) {
    if (effort_ == Effort::in_full || !need->is_array()) return no_answer("it needs what it was sent");
    known_ = without(state, need->get_array());
    effort_ = effort_ == Effort::by_digest ? Effort::with_what_it_needs : Effort::in_full;
    is_due_ = true;
    return {};
  }
  const json::value* generation = answer->if_contains("generation");
  json::error_code failed;
  if (generation == nullptr || generation->to_number<std::uint64_t>(failed) != state.generation || failed ||
      text_of(*answer, "phase") != to_text(state.phase) ||
      text_of(*answer, "table_hash") != hash_text(state.table_hash))
    return no_answer("it is about another state than was sent");
  live_ = Live{state.generation, state.phase, state.table_hash};
  known_ = std::move(state);
  effort_ = Effort::by_digest;
  return {};
}

void PlanePublisher::disconnected() {
  is_due_ = wanted_.has_value();
  sent_.reset();
  live_.reset();
  effort_ = Effort::by_digest;
}

}  // namespace sluice
