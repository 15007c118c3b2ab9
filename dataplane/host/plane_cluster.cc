// SPDX-License-Identifier: Apache-2.0
// The part of a plane that the cluster talks to.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "control_json.h"
#include "plane.h"
#include "realtime.h"
#include "state_model.h"

namespace sluice {

namespace json = boost::json;

namespace {
// A day: the longest lease is a minute (policy lease_ms), other clocks and units are off by years.
constexpr std::uint64_t unfence_ahead_ms_max = 24 * 3600 * 1000;
}  // namespace

Result<ForwardingModel> Plane::cluster_model_of(const ForwardingState& state, const PlaneConfig& plane) const {
  if (!source_.state) return forwarding_model_of(state, plane, nullptr);
  const ModelBefore before{*source_.state, config_.plane, model_};
  return forwarding_model_of(state, plane, &before);
}

ControlReply Plane::publish_reply(const ControlRequest& request) {
  if (request.bytes > state_bytes_max) {
    ControlReply reply(refusal(make_error(ErrorCode::invalid_argument, fmt::format("{} bytes are too many; allowed: {}",
                                                                                   request.bytes, state_bytes_max))));
    reply.closes = true;
    return reply;
  }
  ControlReply reply{std::string()};
  reply.payload_bytes = static_cast<std::size_t>(request.bytes);
  if (!is_of_cluster()) {
    reply.text = refusal(make_error(
        ErrorCode::conflict, fmt::format("this {} forwards by its file {}; write control = \"cluster\" under [plane] "
                                         "and restart it to have it told by sluiced",
                                         kind_.program(), config_file_)));
    return reply;
  }
  reply.on_payload = [this](std::string_view bytes) { return json::serialize(publish_answer(bytes)); };
  return reply;
}

json::object Plane::publish_answer(std::string_view bytes) {
  const auto refuse = [this, before = forwarding_->writer().generation()](const Error& error) {
    // ImageWriter::publish() may have switched to some of the tables.
    const bool is_half_done = forwarding_->writer().generation() != before;
    log_(fmt::format("publish refused: {}; generation {} of the cluster stays{}", error.context,
                     source_.state ? source_.state->generation : 0,
                     is_half_done ? " but for some tables, which the next publish finishes or takes back" : ""));
    return refused(error);
  };
  Result<DecodedState> decoded = decode_state(bytes, source_.state ? &*source_.state : nullptr);
  if (!decoded) return refuse(decoded.error());
  if (!decoded->need.empty()) {
    json::array need(decoded->need.begin(), decoded->need.end());
    return accepted(json::object{{"need", std::move(need)}});
  }
  Result<ForwardingModel> model = cluster_model_of(decoded->state, config_.plane);
  if (!model) return refuse(model.error());
  const Result<PublishReport> published = change_to(config_, std::move(*model));
  if (!published) return refuse(published.error());
  source_ = {std::move(decoded->state), now_realtime_ns()};
  const ForwardingState& state = *source_.state;
  keeper_->keep(state, bytes, source_.told_realtime_ns);
  return accepted(json::object{{"generation", state.generation},
                               {"phase", json::string_view(to_text(state.phase).data(), to_text(state.phase).size())},
                               {"table_hash", hash_text(state.table_hash)},
                               {"image_generation", published->generation.value()}});
}

Fencing Plane::fencing(Clock::time_point now) const {
  return is_of_cluster() && now >= unfenced_until_ ? Fencing::fenced : Fencing::none;
}

void Plane::note_fencing(Clock::time_point now, std::string_view why) {
  if (!is_of_cluster()) return;
  const Fencing is_now = fencing(now);
  if (is_now == std::exchange(fencing_told_, is_now)) return;
  log_(is_now == Fencing::fenced ? fmt::format("fenced: {}", why) : "no longer fenced");
}

// Whoever means another clock, or another unit, must not have a balancer counted on for years.
json::object Plane::unfence_answer(std::uint64_t until_ms) {
  using std::chrono::milliseconds;
  const auto now_ms =
      static_cast<std::uint64_t>(std::chrono::duration_cast<milliseconds>(Clock::now().time_since_epoch()).count());
  if (until_ms > now_ms + unfence_ahead_ms_max) {
    return refused(make_error(
        ErrorCode::invalid_argument,
        fmt::format("until_ms {} is more than a day ahead; it is CLOCK_MONOTONIC in milliseconds, which is {} now",
                    until_ms, now_ms)));
  }
  return fence_answer(Clock::time_point(milliseconds(until_ms)));
}

json::object Plane::fence_answer(Clock::time_point unfenced_until) {
  if (!is_of_cluster()) {
    return refused(make_error(ErrorCode::conflict,
                              fmt::format("this {} forwards by its file {}; only one of a cluster has a lease",
                                          kind_.program(), config_file_)));
  }
  unfenced_until_ = unfenced_until;
  const Clock::time_point now = Clock::now();
  note_fencing(now, "sluiced says so");
  return accepted(json::object{{"fenced", fencing(now) == Fencing::fenced}});
}

}  // namespace sluice
