// SPDX-License-Identifier: Apache-2.0
#include "plane.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <map>
#include <sstream>

#include "control_json.h"
#include "realtime.h"
#include "state_file.h"
#include "state_model.h"
#include "static_model.h"

namespace sluice {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

// How long packets to a new backend may be kept waiting for its link-layer address to be known: ARP and ND take
// milliseconds, unless nobody answers. (At a start: PlaneKind.)
constexpr milliseconds settle_at_reload{300};
constexpr milliseconds housekeeping_interval{1000};

HopQuery query_of(const ForwardingBackend& backend) {
  const bool is_l2 = backend.key.encapsulation == SLUICE_ENCAP_L2;
  std::optional<IpAddress> source;
  if (!is_l2 && !backend.source.is_unspecified()) source = backend.source;
  return {backend.key.address, source, is_l2};
}

std::vector<HopQuery> queries_of(std::span<const ForwardingBackend> backends) {
  std::vector<HopQuery> queries;
  queries.reserve(backends.size());
  for (const ForwardingBackend& backend : backends) queries.push_back(query_of(backend));
  return queries;
}

// Without what the two begin and end with alike: of a large cluster that changes one backend, next to nothing.
struct BackendsDiffering {
  std::span<const ForwardingBackend> before;
  std::span<const ForwardingBackend> after;
};
BackendsDiffering differing(std::span<const ForwardingBackend> before, std::span<const ForwardingBackend> after) {
  const auto [left, right] = std::mismatch(before.begin(), before.end(), after.begin(), after.end());
  before = {left, before.end()};
  after = {right, after.end()};
  const auto [left_end, right_end] = std::mismatch(before.rbegin(), before.rend(), after.rbegin(), after.rend());
  return {{before.begin(), left_end.base()}, {after.begin(), right_end.base()}};
}

std::string count_text(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

// What a plane starts with. Of a cluster that has not told anything: no services.
Result<ForwardingModel> first_model_of(const std::optional<ForwardingState>& state, const Config& config) {
  if (config.plane.control == ControlSource::file) return forwarding_model_of(config);
  return forwarding_model_of(state ? *state : ForwardingState{}, config.plane, nullptr);
}

Result<SavedState> read_saved_state(const std::string& path, const Log& log) {
  Result<SavedState> saved = read_state_file(path);
  if (!saved && saved.error().code == ErrorCode::invalid_argument)
    return make_error(ErrorCode::conflict, saved.error().context +
                                               "; it is left as it is. Move it and its .changes away "
                                               "to start without services until sluiced sends a state");
  if (saved && !saved->is_whole)
    log(path + ": what came last is damaged or missing in its .changes, and this starts with what came before");
  return saved;
}

}  // namespace

ConfigReading read_config_file(const std::string& path, Status (*check)(const Config& config)) {
  ConfigReading reading;
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  if (file) content << file.rdbuf();
  if (!file || content.fail()) {
    reading.errors.push_back(path + ":1:1: cannot read the file: " + std::strerror(errno));
    return reading;
  }
  ConfigOutcome outcome = parse_config(content.str(), path);
  for (const Diagnostic& error : outcome.errors) reading.errors.push_back(to_string(error, path));
  for (const Diagnostic& warning : outcome.warnings) reading.warnings.push_back(to_string(warning, path));
  if (!outcome.ok()) return reading;
  if (const Status usable = check(*outcome.config); !usable) {
    reading.errors.push_back(path + ":1:1: " + usable.error().context);
    return reading;
  }
  reading.config = std::move(outcome.config);
  return reading;
}

Result<std::unique_ptr<Plane>> Plane::start(EventLoop& loop, const PlaneKind& kind, const std::string& config_file,
                                            Config config, Log log) {
  std::optional<StateFileLock> lock;
  SavedState saved;
  if (config.plane.control == ControlSource::cluster) {
    Result<StateFileLock> taken = StateFileLock::take(config.plane.state_file);
    if (!taken) return taken.error();
    lock = std::move(*taken);
    Result<SavedState> read = read_saved_state(config.plane.state_file, log);
    if (!read) return read.error();
    saved = std::move(*read);
  }
  Result<ForwardingModel> model = first_model_of(saved.state, config);
  if (!model) return model.error();
  Result<std::unique_ptr<Forwarding>> forwarding = kind.open(config, *model, log);
  if (!forwarding) return forwarding.error();
  Result<NeighbourWatcher> neighbours = NeighbourWatcher::create();
  if (!neighbours) return neighbours.error();
  std::unique_ptr<Plane> plane(new Plane(loop, kind, config_file, std::move(config), std::move(log),
                                         std::move(*neighbours), std::move(*forwarding)));
  plane->model_ = std::move(*model);
  plane->source_ = {saved.state, saved.told_realtime_ns};
  plane->state_lock_ = std::move(lock);
  // The socket first: it can be refused, and then the packets' road must not have changed.
  if (Status open = plane->server_.listen(plane->config_.plane.control_socket); !open) return open.error();
  if (plane->is_of_cluster())
    plane->keeper_ = std::make_unique<StateKeeper>(plane->config_.plane.state_file, std::move(saved));
  const std::vector<HopQuery> queries = queries_of(plane->model_.backends);
  plane->neighbours_.add(queries);
  plane->neighbours_.settle(queries, kind.settle_at_start);
  const Result<PublishReport> started = plane->forwarding_->start(plane->model_, plane->next_hops(), plane->config_);
  if (!started) return started.error();
  plane->write_hops(nullptr);
  Plane* self = plane.get();
  if (Status watched = loop.watch(self->neighbours_.fd(), EPOLLIN, [self](std::uint32_t) { self->on_neighbours(); });
      !watched)
    return watched.error();
  for (const UnresolvedBackend& one : plane->status().unresolved)
    plane->log_(
        fmt::format("backend {} is not reachable yet: {}; its packets drop as no_next_hop", one.name, one.reason));
  return plane;
}

Plane::Plane(EventLoop& loop, const PlaneKind& kind, std::string config_file, Config config, Log log,
             NeighbourWatcher neighbours, std::unique_ptr<Forwarding> forwarding)
    : loop_(loop),
      kind_(kind),
      config_file_(std::move(config_file)),
      config_(std::move(config)),
      log_(std::move(log)),
      neighbours_(std::move(neighbours)),
      forwarding_(std::move(forwarding)),
      server_(loop, [this](std::string_view line) { return reply(line); }),
      started_(Clock::now()) {}

Plane::~Plane() {
  loop_.forget(neighbours_.fd());
}

Plane::Clock::time_point Plane::tick(Clock::time_point now) {
  if (is_detached_) return now;
  if (now >= neighbours_.next_deadline()) on_neighbours();
  if (forwarding_->tick(now)) write_hops(nullptr);
  if (const auto problem = keeper_ ? keeper_->take_problem() : std::nullopt)
    log_("keeping the cluster's state for a restart: " + *problem);
  server_.sweep(now);
  note_fencing(now, "the lease is over, and sluiced has not told of another");
  const Clock::time_point due = std::min(neighbours_.next_deadline(), now + housekeeping_interval);
  return fencing_told_ == Fencing::none ? std::min(due, unfenced_until_) : due;
}

std::string Plane::summary() const {
  std::string text =
      fmt::format("generation {}, {}, {}", forwarding_->writer().generation().value(),
                  count_text(model_.services.size(), "service"), count_text(model_.backends.size(), "backend"));
  for (const InterfaceStatus& one : forwarding_->interfaces()) text += fmt::format(", {} {}", one.name, one.mode);
  return text;
}

void Plane::on_neighbours() {
  const std::vector<HopQuery> changed = neighbours_.process(Clock::now());
  if (changed.empty()) return;
  const std::set<HopQuery> only(changed.begin(), changed.end());
  write_hops(&only);
}

// For one pass over backends: thousands of them lead out by a few interfaces, and each is looked up in the kernel once.
class Plane::WaysOut {
 public:
  explicit WaysOut(const Plane& plane) : plane_(plane) {}

  // The error says why there is none, or none yet.
  Result<NextHop> to(const ForwardingBackend& backend) {
    const HopState* state = plane_.neighbours_.find(query_of(backend));
    if (state == nullptr) return make_error(ErrorCode::not_found, "not looked up yet");
    if (!state->hop) return make_error(ErrorCode::not_found, state->problem);
    const ResolvedHop& hop = *state->hop;
    auto known = numbers_.find(hop.interface);
    if (known == numbers_.end())
      known = numbers_.emplace(hop.interface, plane_.forwarding_->interface_number(hop.interface)).first;
    if (!known->second) return known->second.error();
    return NextHop{hop.destination_mac, hop.source_mac, *known->second};
  }

 private:
  const Plane& plane_;
  std::map<std::uint32_t, Result<std::uint32_t>> numbers_;  // by the kernel's index
};

ImageWriter::NextHopOf Plane::next_hops() const {
  return [ways = WaysOut(*this)](const ForwardingBackend& backend) mutable -> std::optional<NextHop> {
    const Result<NextHop> next_hop = ways.to(backend);
    if (!next_hop) return std::nullopt;
    return *next_hop;
  };
}

// nullptr: all.
void Plane::write_hops(const std::set<HopQuery>* only) {
  if (only != nullptr && only->empty()) return;
  WaysOut ways(*this);
  for (const ForwardingBackend& backend : model_.backends) {
    const HopQuery query = query_of(backend);
    if (only != nullptr && !only->contains(query)) continue;
    const std::optional<BackendIndex> index = forwarding_->writer().find_backend(backend.key);
    const HopState* state = neighbours_.find(query);
    if (!index || state == nullptr) continue;
    if (const Result<NextHop> next_hop = ways.to(backend))
      forwarding_->writer().set_next_hop(*index, *next_hop);
    else if (!state->is_pending)  // while the kernel asks, what an earlier process knew may serve
      forwarding_->writer().clear_next_hop(*index);
  }
}

PlaneStatus Plane::status() const {
  PlaneStatus status;
  status.plane = kind_.name;
  status.config_file = config_file_;
  status.uptime = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - started_);
  status.now_realtime_ns = now_realtime_ns();
  status.memory_bytes = forwarding_->memory_bytes();
  status.interfaces = forwarding_->interfaces();
  status.counts = forwarding_->counts();
  status.source = config_.plane.control;
  status.fencing = fencing(Clock::now());
  if (source_.state) {
    status.cluster = ClusterStatus{source_.state->generation, source_.state->phase, source_.state->table_hash,
                                   source_.told_realtime_ns};
  }
  WaysOut ways(*this);
  for (std::size_t pool = 0; pool < model_.pools.size(); ++pool) {
    const ForwardingPool& forwarding = model_.pools[pool];
    for (std::size_t member = 0; member < forwarding.members.size(); ++member) {
      const Result<NextHop> next_hop = ways.to(model_.backends[forwarding.members[member]]);
      if (next_hop) continue;
      status.unresolved.push_back({forwarding.name + "/" + forwarding.member_names[member], next_hop.error().context});
    }
  }
  return status;
}

RunningPlane Plane::running() {
  if (!source_.state) return {config_, model_, forwarding_->writer()};
  if (!shown_) shown_ = config_of(*source_.state, config_.plane, RememberedMembers::kept);
  return {*shown_, model_, forwarding_->writer()};
}

ControlReply Plane::reply(std::string_view line) {
  const Result<ControlRequest> request = parse_control_request(line);
  if (!request) return refusal(request.error());
  if (request->op == ControlOp::publish) return publish_reply(*request);
  return json::serialize(answer(*request));
}

json::object Plane::answer(const ControlRequest& request) {
  switch (request.op) {
    case ControlOp::version:
      return accepted(version_answer(std::string(kind_.name)));
    case ControlOp::status:
      return accepted(status_answer(model_, forwarding_->writer(), status()));
    case ControlOp::stats:
      return accepted(stats_answer(running()));
    case ControlOp::drops:
      return accepted(drops_answer(running()));
    case ControlOp::config:
      if (source_.state)
        return accepted(config_answer(config_of(*source_.state, config_.plane, RememberedMembers::left_out)));
      return accepted(config_answer(config_));
    case ControlOp::table:
      return accepted(table_answer(running(), request));
    case ControlOp::explain: {
      const Result<std::uint32_t> now = forwarding_->now_tick();
      return now ? accepted(explain_answer(running(), request, *now)) : refused(now.error());
    }
    case ControlOp::reload:
      return reload_answer();
    case ControlOp::fence:
      return fence_answer({});
    case ControlOp::unfence:
      return unfence_answer(request.until_ms);
    case ControlOp::publish:  // reply() has sent it elsewhere
    case ControlOp::detach:
      break;
  }
  return detach_answer();
}

json::object Plane::detach_answer() {
  neighbours_.release();
  forwarding_->detach();
  is_detached_ = true;
  return accepted(json::object{});
}

json::object Plane::reload_answer() {
  ConfigReading reading = read_config_file(config_file_, kind_.check);
  if (!reading.config) {
    for (const std::string& error : reading.errors) log_(error);
    log_("reload refused; generation " + std::to_string(forwarding_->writer().generation().value()) + " stays");
    json::array errors(reading.errors.begin(), reading.errors.end());
    return {{"ok", false}, {"error", reading.errors.front()}, {"errors", std::move(errors)}, {"exit_code", 2}};
  }
  for (const std::string& warning : reading.warnings) log_("warning: " + warning);
  const Result<PublishReport> changed = reload_from(*reading.config);
  if (!changed) {
    log_("reload refused: " + changed.error().context + "; generation " +
         std::to_string(forwarding_->writer().generation().value()) + " stays");
    return refused(changed.error());
  }
  log_("reloaded: " + summary());
  return accepted(json::object{{"generation", changed->generation.value()}});
}

// What this process has fixed when it started.
Status Plane::refuse_fixed(const Config& wanted) const {
  std::string_view key = forwarding_->fixed_key_changed(config_, wanted);
  if (wanted.plane.control_socket != config_.plane.control_socket) key = "control_socket";
  if (wanted.plane.control != config_.plane.control) key = "control";
  if (wanted.plane.state_file != config_.plane.state_file) key = "state_file";
  if (key.empty()) return {};
  return make_error(ErrorCode::conflict,
                    fmt::format("{} has changed, which a running {} cannot follow; restart it ({})", key,
                                kind_.program(), kind_.restart_note));
}

Result<PublishReport> Plane::reload_from(const Config& wanted) {
  if (Status possible = refuse_fixed(wanted); !possible) return possible.error();
  Result<ForwardingModel> model =
      is_of_cluster() ? cluster_model_of(source_.state ? *source_.state : ForwardingState{}, wanted.plane)
                      : forwarding_model_of(wanted);
  if (!model) return model.error();
  return change_to(wanted, std::move(*model));
}

Result<PublishReport> Plane::change_to(const Config& wanted, ForwardingModel model) {
  const BackendsDiffering backends = differing(model_.backends, model.backends);
  const std::vector<HopQuery> going = queries_of(backends.before);
  const std::vector<HopQuery> coming = queries_of(backends.after);
  // Both what runs and what is coming are watched meanwhile.
  neighbours_.add(coming);
  neighbours_.settle(coming, settle_at_reload);
  const Result<PublishReport> published = forwarding_->publish(model, next_hops(), wanted);
  neighbours_.remove(published ? going : coming);
  if (!published) return published.error();
  const bool may_lead_elsewhere = wanted.plane != config_.plane;
  config_ = wanted;
  shown_.reset();
  model_ = std::move(model);
  const std::set<HopQuery> only(coming.begin(), coming.end());
  write_hops(may_lead_elsewhere ? nullptr : &only);
  return published;
}

}  // namespace sluice
