// SPDX-License-Identifier: Apache-2.0
// What the API changes. A write that depends on what is there (a relative weight, some members of an object) reads
// first and is bound to the revision it read; if somebody was faster it is made anew.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "api_service.h"
#include "change_json.h"
#include "event_text.h"
#include "object_reader.h"
#include "plan_json.h"
#include "state_json.h"
#include "write_outcome.h"

namespace sluice::api {
namespace {

namespace json = boost::json;
using node::ApiCode;
using node::ApiResult;

// A client that loses this often in a row competes with a program; it may try again itself.
constexpr int attempts_max = 8;
constexpr auto wait_default = std::chrono::seconds(30);
constexpr auto rollback_retry = std::chrono::seconds(1);

// "17", with the quotes of an ETag or without; nothing: any.
ApiResult<std::optional<std::uint64_t>> revision_of_etag(std::string_view text) {
  if (text == "*") return std::optional<std::uint64_t>();
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  const auto revision = parse_number(text);
  if (revision) return revision;
  return node::api_error(ApiCode::invalid, "If-Match names no revision", "send the ETag of a GET");
}

ApiResult<std::optional<std::uint64_t>> take_base_revision(json::object& body) {
  ObjectReader reader(body);
  const auto base = reader.number("base_revision", UINT64_MAX);
  const json::value* value = body.if_contains("base_revision");
  if (value != nullptr && !value->is_null() && !base)
    return node::api_error(ApiCode::invalid, "\"base_revision\" must be a whole number");
  body.erase("base_revision");
  return base;
}

// Attempts of one write differ in their ids, and always in the same way: whoever sends it again walks the same road.
model::RequestId id_of_attempt(model::RequestId id, int attempt) {
  if (id != model::RequestId{}) id.back() = static_cast<std::uint8_t>(id.back() ^ attempt);
  return id;
}

json::object receipt_json(const node::WriteReceipt& receipt) {
  json::object body = {{"revision", receipt.revision},
                       {"index", receipt.index.value()},
                       {"generation", receipt.generation.value()},
                       {"repeated", receipt.is_repeated},
                       {"changed", !receipt.is_unchanged}};
  if (!receipt.is_unchanged && receipt.revision > 1) body["undo_revision"] = receipt.revision - 1;
  return body;
}

template <typename Op>
ApiResult<std::vector<model::Operation>> only(ApiResult<Op> operation) {
  if (!operation) return operation.error();
  return std::vector<model::Operation>{std::move(*operation)};
}

}  // namespace

struct ApiService::Writing {
  CallPtr call;
  Needs needs = Needs::nothing;
  Build build;
  model::Change head;  // without operations
  bool is_dry_run = false;
  std::optional<std::chrono::milliseconds> wait;
  std::optional<std::chrono::milliseconds> confirm_within;
  int attempt = 0;
  node::LiveProgress progress;
};

void ApiService::dispatch_write(const CallPtr& call) {
  auto body = parse_body(call->request.body);
  if (!body) return fail(call, body.error());
  switch (call->match.route->operation) {
    case Operation::add_service:
    case Operation::set_service:
    case Operation::remove_service:
      return write_service(call, std::move(*body));
    case Operation::add_pool:
    case Operation::set_pool:
    case Operation::remove_pool:
      return write_pool(call, std::move(*body));
    case Operation::add_backend:
    case Operation::set_backend:
    case Operation::remove_backend:
    case Operation::set_weight:
      return write_backend(call, std::move(*body));
    case Operation::apply_config:
      return apply_config(call, *body);
    case Operation::rollback_config:
      return rollback_config(call, *body);
    case Operation::confirm_config:
      return confirm_config(call);
    default:
      return fail(call, node::api_error(ApiCode::internal, "a route without a function"));
  }
}

void ApiService::begin(const CallPtr& call, Needs needs, Build build) {
  const auto writing = std::make_shared<Writing>();
  writing->call = call;
  writing->needs = needs;
  writing->build = std::move(build);
  begin_parsed(writing);
}

void ApiService::begin_parsed(const WritingPtr& writing) {
  const CallPtr& call = writing->call;
  const RequestTarget& target = call->target;
  if (const auto known = only_known(target, {"dry_run", "force", "wait", "timeout", "message", "base_revision"});
      !known)
    return fail(call, known.error());
  const auto dry_run = flag_of(target, "dry_run");
  if (!dry_run) return fail(call, dry_run.error());
  const auto force = flag_of(target, "force");
  if (!force) return fail(call, force.error());
  const auto base = number_of(target, "base_revision");
  if (!base) return fail(call, base.error());
  writing->is_dry_run = *dry_run;
  writing->head.force = *force;
  if (*base) writing->head.base_revision = **base;
  if (call->request.if_match) {
    const auto match = revision_of_etag(*call->request.if_match);
    if (!match) return fail(call, match.error());
    if (*match) writing->head.base_revision = **match;
  }
  if (const std::string* wait = target.find("wait")) {
    if (*wait != "generation")
      return fail(call, node::api_error(ApiCode::invalid, "wait knows one thing only", "allowed: wait=generation"));
    writing->wait = wait_default;
  }
  if (const std::string* timeout = target.find("timeout")) {
    const auto duration = parse_duration(*timeout);
    if (!duration) return fail(call, duration.error());
    if (writing->wait) writing->wait = *duration;
  }
  if (const std::string* message = target.find("message")) writing->head.comment = *message;
  if (call->request.request_id) {
    const auto id = parse_request_id(*call->request.request_id);
    if (!id) return fail(call, id.error());
    writing->head.request_id = *id;
  }
  const Identity& who = call->request.who;
  writing->head.author = {who.name, std::string(to_text(who.role)), who.via};
  attempt(writing);
}

void ApiService::attempt(const WritingPtr& writing) {
  // Who does not look at the state need not wait until the leader is heard from; a dry run looks at it in any case.
  const bool looks = writing->needs == Needs::state || writing->is_dry_run;
  port_.read(looks ? node::Consistency::consistent : node::Consistency::local,
             [this, writing](const ApiResult<node::StateView>& view) {
               if (!view) return fail(writing->call, view.error());
               ApiResult<Operations> operations = writing->build(view->state);
               if (!operations) return fail(writing->call, operations.error());
               if (!writing->is_dry_run) {
                 const bool is_bound = writing->needs == Needs::state && !writing->head.base_revision;
                 return submit(writing, std::move(*operations),
                               is_bound ? view->state.revision() : writing->head.base_revision);
               }
               model::Change change = writing->head;
               change.operations = std::move(*operations);
               const model::Plan planned = view->state.plan(change);
               if (!planned.outcome.ok()) return fail(writing->call, node::refusal_of(planned.outcome));
               json::array guards;
               for (const std::string& guard : planned.guards) guards.push_back(json::string(guard));
               answer(writing->call, {{"dry_run", true},
                                      {"revision", view->state.revision()},
                                      {"guards", std::move(guards)},
                                      {"changes", changes_json(planned.changes)},
                                      {"plan", plan_json(plan_of(view->state, planned))}});
             });
}

void ApiService::submit(const WritingPtr& writing, Operations operations, std::optional<std::uint64_t> base) {
  model::Change change = writing->head;
  change.operations = std::move(operations);
  change.base_revision = base;
  change.request_id = id_of_attempt(change.request_id, writing->attempt);
  port_.write(std::move(change),
              [this, writing](const ApiResult<node::WriteReceipt>& result) { written(writing, result); });
}

void ApiService::written(const WritingPtr& writing, const ApiResult<node::WriteReceipt>& result) {
  if (!result) {
    const bool was_overtaken = result.error().code == ApiCode::conflict && result.error().base_revision &&
                               writing->needs == Needs::state && !writing->head.base_revision;
    if (!was_overtaken || ++writing->attempt == attempts_max) return fail(writing->call, result.error());
    return attempt(writing);
  }
  // Undone by hand: there is nothing left to watch over.
  if (writing->call->match.route->operation == Operation::rollback_config) unconfirmed_.reset();
  if (writing->confirm_within && !result->is_unchanged) arm(writing, *result);
  if (writing->wait && result->generation.value() != 0) return wait_live(writing, *result);
  json::object body = receipt_json(*result);
  if (writing->confirm_within && unconfirmed_) body["confirm_by"] = time_text(unconfirmed_->deadline);
  answer(writing->call, std::move(body));
}

void ApiService::wait_live(const WritingPtr& writing, const node::WriteReceipt& receipt) {
  const auto progress = [writing](const node::LiveProgress& each) { writing->progress = each; };
  const auto done = [this, writing, receipt](const ApiResult<node::LiveProgress>& live) {
    if (!live) {
      node::ApiError error = live.error();
      if (error.code == ApiCode::timeout) {
        error.message =
            fmt::format("revision {} is written, and generation {} is live on {}/{} planes so far", receipt.revision,
                        receipt.generation.value(), writing->progress.live, writing->progress.planes);
        error.hint = "sluice cluster status shows which plane is behind";
      }
      error.revision = receipt.revision;
      return fail(writing->call, error);
    }
    json::object body = receipt_json(receipt);
    body["live"] =
        json::object{{"generation", live->generation.value()}, {"live", live->live}, {"planes", live->planes}};
    if (writing->confirm_within && unconfirmed_) body["confirm_by"] = time_text(unconfirmed_->deadline);
    answer(writing->call, std::move(body));
  };
  port_.wait_live(receipt.generation, *writing->wait, progress, done);
}

void ApiService::write_service(const CallPtr& call, json::object body) {
  const auto base = take_base_revision(body);
  if (!base) return fail(call, base.error());
  if (*base) call->request.if_match = std::to_string(**base);
  const Operation operation = call->match.route->operation;
  const bool is_set = operation == Operation::set_service;
  begin(call, is_set ? Needs::state : Needs::nothing,
        [call, operation, body = std::move(body)](const model::ClusterState& state) -> ApiResult<Operations> {
          if (operation == Operation::add_service) return only(new_service(body));
          if (operation == Operation::remove_service) return Operations{model::DeleteService{call->name(0)}};
          const auto service = state.find_service(call->name(0));
          if (!service) return node::api_error_of(service.error());
          return only(changed_service(**service, body));
        });
}

void ApiService::write_pool(const CallPtr& call, json::object body) {
  const auto base = take_base_revision(body);
  if (!base) return fail(call, base.error());
  if (*base) call->request.if_match = std::to_string(**base);
  const Operation operation = call->match.route->operation;
  begin(call, Needs::nothing,
        [call, operation, body = std::move(body)](const model::ClusterState&) -> ApiResult<Operations> {
          if (operation == Operation::add_pool) return only(new_pool(body));
          if (operation == Operation::remove_pool) return Operations{model::DeletePool{call->name(0)}};
          return only(changed_pool(call->name(0), body));
        });
}

void ApiService::write_backend(const CallPtr& call, json::object body) {
  const auto base = take_base_revision(body);
  if (!base) return fail(call, base.error());
  if (*base) call->request.if_match = std::to_string(**base);
  const Operation operation = call->match.route->operation;
  if (operation == Operation::set_weight) return write_weight(call, body);
  begin(call, operation == Operation::set_backend ? Needs::state : Needs::nothing,
        [call, operation, body = std::move(body)](const model::ClusterState& state) -> ApiResult<Operations> {
          const std::string& pool = call->name(0);
          if (operation == Operation::add_backend) return only(new_backend(pool, body));
          if (operation == Operation::remove_backend) return Operations{model::DeleteBackend{pool, call->name(1)}};
          const auto backend = state.find_backend(pool, call->name(1));
          if (!backend) return node::api_error_of(backend.error());
          return only(changed_backend(pool, **backend, body));
        });
}

void ApiService::write_weight(const CallPtr& call, const json::object& body) {
  const auto weight = weight_of_json(body);
  if (!weight) return fail(call, weight.error());
  const bool is_absolute = weight->kind == WeightWish::Kind::absolute;
  begin(call, is_absolute ? Needs::nothing : Needs::state,
        [call, is_absolute, weight = *weight](const model::ClusterState& state) -> ApiResult<Operations> {
          model::SetWeight set{call->name(0), call->name(1), weight.applied_to(0)};
          if (is_absolute) return Operations{set};
          const auto backend = state.find_backend(set.pool, set.backend);
          if (!backend) return node::api_error_of(backend.error());
          set.weight = weight.applied_to((*backend)->weight);
          return Operations{set};
        });
}

void ApiService::apply_config(const CallPtr& call, const json::object& body) {
  json::object rest = body;
  const auto base = take_base_revision(rest);
  if (!base) return fail(call, base.error());
  if (*base) call->request.if_match = std::to_string(**base);
  auto wish = apply_of_json(rest);
  if (!wish) return fail(call, wish.error());
  if (wish->confirm_within && unconfirmed_) {
    return fail(call, node::api_error(ApiCode::conflict,
                                      fmt::format("revision {} still waits to be confirmed", unconfirmed_->revision),
                                      "sluice config confirm keeps it, sluice config rollback undoes it"));
  }
  const auto writing = std::make_shared<Writing>();
  writing->call = call;
  writing->confirm_within = wish->confirm_within;
  writing->build = [all = std::move(wish->all)](const model::ClusterState&) -> ApiResult<Operations> {
    return Operations{all};
  };
  begin_parsed(writing);
}

void ApiService::rollback_config(const CallPtr& call, const json::object& body) {
  json::object rest = body;
  const auto base = take_base_revision(rest);
  if (!base) return fail(call, base.error());
  if (*base) call->request.if_match = std::to_string(**base);
  ObjectReader reader(rest);
  const auto to = reader.number("revision", UINT64_MAX);
  if (const node::ApiStatus status = reader.finish(); !status) return fail(call, status.error());
  begin(call, to ? Needs::nothing : Needs::state, [to](const model::ClusterState& state) -> ApiResult<Operations> {
    if (!to && state.revision() == 0)
      return node::api_error(ApiCode::not_found, "there is no revision before the present one");
    return Operations{model::Rollback{to.value_or(state.revision() - 1)}};
  });
}

void ApiService::confirm_config(const CallPtr& call) {
  if (!unconfirmed_) {
    return fail(call,
                node::api_error(ApiCode::not_found, "no apply waits to be confirmed on this node",
                                "it is confirmed on the node that took it; sluice config history shows whether it "
                                "was rolled back"));
  }
  const std::uint64_t revision = unconfirmed_->revision;
  unconfirmed_.reset();
  answer(call, {{"confirmed", revision}});
}

// The node that took the apply watches over it. If this node dies before, the apply stays: docs/api.md says so.
void ApiService::arm(const WritingPtr& writing, const node::WriteReceipt& receipt) {
  unconfirmed_ = std::make_unique<Unconfirmed>();
  unconfirmed_->revision = receipt.revision;
  unconfirmed_->back_to = receipt.revision - 1;
  unconfirmed_->deadline = port_.now() + *writing->confirm_within;
  unconfirmed_->author = writing->head.author;
  unconfirmed_->timer = port_.call_after(*writing->confirm_within, [this] { roll_back_unconfirmed(); });
}

// Whatever came since goes too: nobody confirmed that the cluster can still be reached. Guards were for the way there.
void ApiService::roll_back_unconfirmed() {
  model::Change change;
  change.author = unconfirmed_->author;
  change.comment = fmt::format("revision {} was not confirmed in time", unconfirmed_->revision);
  change.force = true;
  change.operations.emplace_back(model::Rollback{unconfirmed_->back_to});
  const std::uint64_t revision = unconfirmed_->revision;
  port_.write(std::move(change), [this, revision](const ApiResult<node::WriteReceipt>& result) {
    if (!unconfirmed_ || unconfirmed_->revision != revision) return;
    const bool is_passing =
        !result && (result.error().code == ApiCode::no_leader || result.error().code == ApiCode::timeout ||
                    result.error().code == ApiCode::overloaded);
    if (is_passing) {
      unconfirmed_->timer = port_.call_after(rollback_retry, [this] { roll_back_unconfirmed(); });
    } else {
      unconfirmed_.reset();
    }
  });
}

}  // namespace sluice::api
