// SPDX-License-Identifier: Apache-2.0
#include "cluster_state.h"

#include <fmt/format.h>

#include <algorithm>

#include "change_run.h"
#include "config_rules.h"
#include "suggest.h"

namespace sluice::model {
namespace {

bool is_cluster_id(std::string_view text) {
  if (text.empty() || text.size() > limits::cluster_id_bytes_max) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  });
}

SharedGeneration empty_generation(const HashKeyBytes& hash_key) {
  const auto none = std::make_shared<const ServiceMap>();
  return make_generation(0, {}, none, facts_of(*none), hash_key, nullptr, BackendIds{});
}

Outcome refused(OutcomeCode code, std::string message, std::string hint = {}) {
  Outcome outcome;
  outcome.code = code;
  outcome.message = std::move(message);
  outcome.hint = std::move(hint);
  return outcome;
}

Error error_of(Refusal refusal) {
  return make_error(ErrorCode::not_found, std::move(refusal.message));
}

std::string shortened(const std::string& text, std::size_t bytes_max) {
  return text.size() <= bytes_max ? text : text.substr(0, bytes_max);
}

// What the index has of a pool is its name and these; all else may differ.
bool has_addresses_of(const PoolConfig& pool, const PoolConfig& other) {
  return pool.name == other.name &&
         std::equal(pool.members.begin(), pool.members.end(), other.members.begin(), other.members.end(),
                    [](const MemberConfig& a, const MemberConfig& b) { return a.address == b.address; });
}

template <typename Map>
std::vector<std::string_view> names_of(const Map& map) {
  std::vector<std::string_view> names;
  names.reserve(map.size());
  for (const auto& [name, value] : map) names.push_back(name);
  return names;
}

}  // namespace

Result<ClusterState> ClusterState::make(const ClusterSeed& seed) {
  if (!is_cluster_id(seed.cluster_id))
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("cluster id {} is none; allowed: 1 to {} letters, digits and '-'",
                                  in_quotes(seed.cluster_id), limits::cluster_id_bytes_max));
  if (const std::string fault = name_fault(seed.name); !fault.empty())
    return make_error(ErrorCode::invalid_argument, "the cluster's " + fault);
  ClusterState state;
  state.cluster_id_ = seed.cluster_id;
  state.name_ = seed.name;
  state.hash_key_ = seed.hash_key;
  state.active_ = empty_generation(seed.hash_key);
  KeptRevision& first = state.history_.emplace_back();
  first.info.summary = "the cluster was made";
  Change change;
  for (const BalancerRecord& balancer : seed.balancers) change.operations.push_back(PutBalancer{balancer});
  change.operations.push_back(SetPolicy{seed.policy});
  ChangeRun run(state, change);
  if (const auto refusal = run.run()) return make_error(ErrorCode::invalid_argument, refusal->message);
  for (const BalancerRecord& balancer : seed.balancers) state.balancers_[balancer.name] = balancer;
  state.policy_ = seed.policy;
  return state;
}

Outcome ClusterState::apply(std::uint64_t index, std::string_view bytes) {
  const Result<CommandHead> head = decode_head(bytes);
  if (head && head->level <= feature_level_) {
    const Result<Command> command = decode_command(bytes);
    if (command) return apply(index, *command);
    if (command.error().code == ErrorCode::invalid_argument) {
      SLUICE_INVARIANT(index > applied_index_);
      applied_index_ = index;
      Outcome outcome = refused(OutcomeCode::malformed, command.error().context);
      outcome.index = index;
      outcome.revision = revision_;
      return outcome;
    }
  }
  SLUICE_INVARIANT(index > applied_index_);
  applied_index_ = index;
  Outcome outcome = head ? refused(OutcomeCode::unsupported,
                                   fmt::format("the command needs feature level {}, and the cluster is at {}",
                                               head->level, feature_level_),
                                   "upgrade every balancer first")
                         : refused(OutcomeCode::malformed, head.error().context);
  outcome.index = index;
  outcome.revision = revision_;
  return outcome;
}

Outcome ClusterState::apply(std::uint64_t index, const Command& command) {
  SLUICE_INVARIANT(index > applied_index_);
  applied_index_ = index;
  struct Visitor {
    ClusterState& state;
    Outcome operator()(const Change& change) { return state.apply_change(change); }
    Outcome operator()(const Prepare& prepare) { return state.apply_prepare(prepare); }
    Outcome operator()(const Activate& activate) { return state.apply_activate(activate); }
    Outcome operator()(const SetFeatureLevel& set) { return state.apply_level(set); }
  };
  return std::visit(Visitor{*this}, command);
}

Outcome ClusterState::apply_change(const Change& change) {
  const bool has_id = change.request_id != RequestId{};
  if (has_id) {
    if (const auto found = sessions_.find(change.request_id); found != sessions_.end()) {
      Outcome first = found->second;
      first.is_repeated = true;
      return first;
    }
  }
  Outcome outcome;
  outcome.index = applied_index_;
  ChangeRun run(*this, change);
  if (auto refusal = run.run()) {
    outcome.code = refusal->code;
    outcome.message = std::move(refusal->message);
    outcome.hint = std::move(refusal->hint);
    if (refusal->code == OutcomeCode::conflict && change.base_revision && *change.base_revision != revision_)
      outcome.base_revision = change.base_revision;
  } else if (run.draft().is_empty()) {
    outcome.code = OutcomeCode::unchanged;
  } else {
    commit(run.draft(), change, outcome);
  }
  outcome.revision = revision_;
  note_audit(change, outcome);
  if (has_id) note_session(change.request_id, outcome);
  return outcome;
}

void ClusterState::index_pool(const PoolConfig& pool, IndexStep step) {
  for (const MemberConfig& member : pool.members) {
    auto& pools = pools_by_address_[member.address];
    if (step == IndexStep::enter) {
      ++pools[pool.name];
    } else if (--pools[pool.name] == 0) {
      pools.erase(pool.name);
    }
    if (pools.empty()) pools_by_address_.erase(member.address);
  }
}

void ClusterState::index_service(const ServiceRecord& service, IndexStep step) {
  const auto note = [&](auto& map, const auto& key) {
    auto& names = map[key];
    if (step == IndexStep::enter) {
      names.insert(service.config.name);
    } else {
      names.erase(service.config.name);
    }
    if (names.empty()) map.erase(key);
  };
  note(services_by_address_, service.config.address);
  note(services_by_pool_, service.pool);
}

void ClusterState::set_pool(const std::string& name, SharedPoolConfig pool) {
  if (const auto found = pools_.find(name); found != pools_.end()) {
    if (pool && has_addresses_of(*pool, *found->second)) {
      found->second = std::move(pool);
      return;
    }
    index_pool(*found->second, IndexStep::leave);
    backends_count_ -= found->second->members.size();
    pools_.erase(found);
  }
  if (!pool) return;
  index_pool(*pool, IndexStep::enter);
  backends_count_ += pool->members.size();
  pools_.emplace(name, std::move(pool));
}

void ClusterState::set_service(const std::string& name, SharedService service) {
  if (const auto found = services_.find(name); found != services_.end()) {
    index_service(*found->second, IndexStep::leave);
    services_.erase(found);
  }
  if (!service) return;
  index_service(*service, IndexStep::enter);
  services_.emplace(name, std::move(service));
}

void ClusterState::commit(Draft& draft, const Change& change, Outcome& outcome) {
  ++revision_;
  KeptRevision& kept = history_.emplace_back();
  kept.info = {revision_, applied_index_, change.time_ms, change.author, change.comment, summary_of(change)};
  for (auto& [name, pool] : draft.pools) {
    const auto before = pools_.find(name);
    kept.pools_before.emplace_back(name, before == pools_.end() ? nullptr : before->second);
    set_pool(name, std::move(pool));
    pending_pools_.insert(name);
  }
  for (auto& [name, service] : draft.services) {
    const auto before = services_.find(name);
    kept.services_before.emplace_back(name, before == services_.end() ? nullptr : before->second);
    set_service(name, std::move(service));
    are_services_pending_ = true;
  }
  for (auto& [name, balancer] : draft.balancers) {
    if (balancer) {
      balancers_[name] = *balancer;
    } else {
      balancers_.erase(name);
    }
  }
  if (draft.policy) policy_ = *draft.policy;
  history_objects_ += objects_of(kept);
  trim_history();
  if (draft.moves_packets()) outcome.generation = newest_generation() + 1;
}

std::size_t ClusterState::objects_of(const KeptRevision& kept) {
  std::size_t objects = kept.services_before.size();
  for (const auto& [name, pool] : kept.pools_before) objects += 1 + (pool ? pool->members.size() : 0);
  return objects;
}

// Nobody goes back beyond the oldest revision, so what that one replaced is not needed.
void ClusterState::trim_history() {
  while (history_.size() > 1 &&
         (history_.size() > limits::history_max || history_objects_ > limits::history_objects_max)) {
    history_.pop_front();
    history_objects_ -= objects_of(history_.front());
    history_.front().pools_before.clear();
    history_.front().services_before.clear();
  }
}

void ClusterState::note_audit(const Change& change, const Outcome& outcome) {
  AuditEntry& entry = audit_.emplace_back();
  entry.sequence = ++audit_count_;
  entry.index = applied_index_;
  entry.time_ms = change.time_ms;
  entry.request_id = change.request_id;
  entry.author = {shortened(change.author.name, limits::author_bytes_max),
                  shortened(change.author.role, limits::author_bytes_max),
                  shortened(change.author.origin, limits::author_bytes_max)};
  entry.comment = shortened(change.comment, limits::comment_bytes_max);
  entry.summary = summary_of(change);
  entry.code = outcome.code;
  entry.revision = outcome.revision;
  entry.message = outcome.message;
  audit_head_ = chain_after(audit_head_, entry);
  entry.chain = audit_head_;
  if (audit_.size() > limits::audit_max) audit_.pop_front();
}

void ClusterState::note_session(const RequestId& id, const Outcome& outcome) {
  sessions_.emplace(id, outcome);
  session_order_.push_back(id);
  if (session_order_.size() <= limits::sessions_max) return;
  sessions_.erase(session_order_.front());
  session_order_.pop_front();
}

Outcome ClusterState::apply_prepare(const Prepare& prepare) {
  Outcome outcome;
  if (prepared_) {
    outcome = refused(OutcomeCode::stale, fmt::format("generation {} is under way", prepared_->number));
  } else if (prepare.generation != active_->number + 1) {
    outcome = refused(OutcomeCode::stale,
                      fmt::format("generation {} cannot follow generation {}", prepare.generation, active_->number));
  } else if (!has_pending()) {
    outcome = refused(OutcomeCode::stale, fmt::format("nothing waits for generation {}", prepare.generation));
  } else {
    prepare_next();
    outcome.generation = prepared_->number;
  }
  outcome.index = applied_index_;
  outcome.revision = revision_;
  return outcome;
}

// Whom slots remember may be sent to or not, depending on the services: tables whose backends stay as they are may need
// another form.
void ClusterState::follow_services(std::map<std::string, SharedPoolTable, std::less<>>& pools,
                                   const ServiceFacts& facts) {
  AddressSet turned;  // addresses that begin or cease to be a service's
  const AddressSet& before = active_->facts->vips;
  std::set_symmetric_difference(before.begin(), before.end(), facts.vips.begin(), facts.vips.end(),
                                std::inserter(turned, turned.end()));
  for (auto& [name, table] : pools) {
    if (pending_pools_.count(name) != 0) continue;
    if (facts.of(name) == active_->facts->of(name) && !remembers_any(*table->slots, turned)) continue;
    for (const BackendKey& key : backend_keys(*table->config, *table->slots)) backend_ids_.hold(key);
    table = pool_table_of(table->config, table->slots, facts, backend_ids_);
  }
}

void ClusterState::prepare_next() {
  std::shared_ptr<const ServiceMap> services = active_->services;
  SharedFacts facts = active_->facts;
  auto pools = active_->pools;
  if (are_services_pending_) {
    services = std::make_shared<const ServiceMap>(services_);
    facts = facts_of(*services);
    follow_services(pools, *facts);
  }
  for (const std::string& name : pending_pools_) {
    const auto now = active_->pools.find(name);
    const PoolTable* before = now == active_->pools.end() ? nullptr : now->second.get();
    const auto wanted = pools_.find(name);
    if (wanted == pools_.end()) {
      pools.erase(name);
    } else {
      pools[name] = next_pool_table(wanted->second, before, *facts, backend_ids_);
    }
  }
  prepared_ =
      make_generation(active_->number + 1, std::move(pools), services, facts, hash_key_, active_.get(), backend_ids_);
  prepared_form_ = std::make_shared<const PreparedForm>(make_prepared_form(*active_, *prepared_, backend_ids_));
  pending_pools_.clear();
  are_services_pending_ = false;
}

Outcome ClusterState::apply_activate(const Activate& activate) {
  Outcome outcome;
  if (activate.laggards.size() > limits::laggards_max) {
    outcome = refused(OutcomeCode::invalid,
                      fmt::format("{} laggards are more than there are balancers", activate.laggards.size()));
  } else if (!prepared_ || prepared_->number != activate.generation) {
    outcome = refused(OutcomeCode::stale,
                      fmt::format("generation {} is not prepared; {} is active", activate.generation, active_->number));
  } else {
    activate_prepared();
    laggards_ = activate.laggards;
    outcome.generation = active_->number;
  }
  outcome.index = applied_index_;
  outcome.revision = revision_;
  return outcome;
}

void ClusterState::activate_prepared() {
  for (const BackendKey& key : prepared_form_->held) backend_ids_.release(key);
  for (const auto& [name, old] : active_->pools) {
    const auto next = prepared_->pools.find(name);
    if (next != prepared_->pools.end() && next->second == old) continue;
    for (const BackendKey& key : backend_keys(*old->config, *old->slots)) backend_ids_.release(key);
  }
  active_ = std::move(prepared_);
  prepared_.reset();
  prepared_form_.reset();
}

std::uint16_t ClusterState::feature_level_possible() const {
  if (balancers_.empty()) return feature_level_;
  std::uint16_t level = UINT16_MAX;
  for (const auto& [name, balancer] : balancers_) level = std::min(level, balancer.feature_level);
  return level;
}

Outcome ClusterState::apply_level(const SetFeatureLevel& set) {
  Outcome outcome;
  if (set.level <= feature_level_) {
    outcome = refused(OutcomeCode::stale, fmt::format("the cluster is at feature level {}", feature_level_));
  } else if (set.level > feature_level_possible()) {
    outcome = refused(OutcomeCode::unsupported,
                      fmt::format("feature level {} is more than every balancer understands, which is {}", set.level,
                                  feature_level_possible()),
                      "upgrade every balancer first");
  } else {
    feature_level_ = set.level;
  }
  outcome.index = applied_index_;
  outcome.revision = revision_;
  return outcome;
}

Result<const PoolConfig*> ClusterState::find_pool(std::string_view name) const {
  if (const auto found = pools_.find(name); found != pools_.end()) return found->second.get();
  return error_of(no_such("pool", name, names_of(pools_), {}));
}

Result<const ServiceRecord*> ClusterState::find_service(std::string_view name) const {
  if (const auto found = services_.find(name); found != services_.end()) return found->second.get();
  return error_of(no_such("service", name, names_of(services_), {}));
}

Result<const MemberConfig*> ClusterState::find_backend(std::string_view pool, std::string_view name) const {
  const Result<const PoolConfig*> in = find_pool(pool);
  if (!in) return in.error();
  if (const MemberConfig* found = find_member(**in, name); found != nullptr) return found;
  std::vector<std::string_view> names;
  for (const MemberConfig& member : (*in)->members) names.push_back(member.name);
  return error_of(no_such(fmt::format("backend in pool \"{}\" named", pool), name, names, {}));
}

Result<const BalancerRecord*> ClusterState::find_balancer(std::string_view name) const {
  if (const auto found = balancers_.find(name); found != balancers_.end()) return &found->second;
  return error_of(no_such("balancer", name, names_of(balancers_), {}));
}

std::vector<std::string> ClusterState::services_of_pool(std::string_view pool) const {
  const auto found = services_by_pool_.find(pool);
  if (found == services_by_pool_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

std::vector<RevisionInfo> ClusterState::history() const {
  std::vector<RevisionInfo> infos;
  for (const KeptRevision& kept : history_) infos.push_back(kept.info);
  return infos;
}

Result<Config> ClusterState::config_at(std::uint64_t revision) const {
  if (revision < history_.front().info.revision || revision > revision_) {
    return make_error(ErrorCode::not_found, fmt::format("revision {} is not kept; there are {} to {}", revision,
                                                        history_.front().info.revision, revision_));
  }
  PoolMap pools = pools_;
  ServiceMap services = services_;
  const auto put = [](auto& map, const auto& befores) {
    for (const auto& [name, before] : befores) {
      if (before) {
        map[name] = before;
      } else {
        map.erase(name);
      }
    }
  };
  for (auto kept = history_.rbegin(); kept->info.revision != revision; ++kept) {
    put(pools, kept->pools_before);
    put(services, kept->services_before);
  }
  return config_of(pools, services);
}

Status ClusterState::verify_audit() const {
  const std::vector<AuditEntry> entries(audit_.begin(), audit_.end());
  const bool is_whole = audit_count_ == audit_.size();
  return verify_chain(entries, is_whole ? std::optional(Sha256Digest{}) : std::nullopt, audit_head_);
}

std::optional<ForwardingState> ClusterState::forwarding_state(StatePhase phase) const {
  if (phase == StatePhase::active) return active_->forwarding;
  if (!prepared_) return std::nullopt;
  return prepared_form_->state;
}

Config config_of(const PoolMap& pools, const ServiceMap& services) {
  Config config;
  std::map<std::string_view, std::uint32_t> places;
  for (const auto& [name, pool] : pools) {
    places.emplace(name, static_cast<std::uint32_t>(config.pools.size()));
    config.pools.push_back(*pool);
  }
  for (const auto& [name, service] : services) {
    const auto place = places.find(service->pool);
    if (place == places.end()) continue;
    config.services.push_back(service->config);
    config.services.back().pool_index = place->second;
  }
  return config;
}

}  // namespace sluice::model
