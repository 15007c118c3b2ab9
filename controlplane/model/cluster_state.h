// SPDX-License-Identifier: Apache-2.0
// The replicated state of a cluster: a deterministic machine that takes the log's commands in order. Every balancer
// that has applied the same commands holds the same state, bit for bit (snapshot and table hash included).
//
// Copying is cheap (objects and tables are shared, never changed), so a snapshot can be encoded from a copy on another
// thread. One thread at a time otherwise. Never throws (std::bad_alloc aside).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "audit.h"
#include "cluster_tables.h"
#include "command.h"
#include "config_diff.h"
#include "error.h"
#include "forwarding_state.h"
#include "model_types.h"

namespace sluice::model {

struct Draft;

// What a new cluster starts from.
struct ClusterSeed {
  std::string cluster_id;  // 1 to 64 letters, digits, '-'; chosen at random, never again
  std::string name;        // for people; a name as in config.h
  HashKeyBytes hash_key{};
  std::vector<BalancerRecord> balancers = {};
  Policy policy = {};
};

// A revision that can be shown, compared and gone back to.
struct RevisionInfo {
  std::uint64_t revision = 0;
  std::uint64_t index = 0;
  std::uint64_t time_ms = 0;
  Author author;
  std::string comment;
  std::string summary;
};

// What one pool would do (plan()).
struct PlannedBackend {
  std::string name;
  IpAddress address;
  std::uint16_t weight_before = 0;
  std::uint16_t weight_after = 0;
  std::uint32_t slots_before = 0;
  std::uint32_t slots_after = 0;
  std::uint32_t gained = 0;  // slots that come to it
  std::uint32_t lost = 0;    // slots that leave it
};
struct PlannedPool {
  std::string name;
  ChangeKind kind = ChangeKind::changed;
  std::uint32_t slots_count = 0;
  std::uint32_t moved = 0;
  std::uint32_t returned = 0;            // of these, to an owner they remembered
  std::uint32_t minimum = 0;             // fewest moves any rule could do
  std::vector<PlannedBackend> backends;  // by name; those that lose everything too
};
struct Plan {
  Outcome outcome;                    // what apply() would say; nothing is applied
  std::vector<std::string> guards;    // what `force` would override, or does
  std::vector<ObjectChange> changes;  // of pools, backends and services
  // Everything that the next generation would move: with changes that were accepted and wait for it.
  std::vector<PlannedPool> pools;
};

// Pools and services in order of names; hash key and plane stay as a Config is made. No state has a service without its
// pool; such a one would be left out.
[[nodiscard]] Config config_of(const PoolMap& pools, const ServiceMap& services);

class ClusterState {
 public:
  [[nodiscard]] static Result<ClusterState> make(const ClusterSeed& seed);

  // Total: any bytes have an outcome, the same on every balancer. `index` is the command's place in the log; a place
  // that is not after the last one is our own bug and stops the process.
  Outcome apply(std::uint64_t index, std::string_view bytes);
  Outcome apply(std::uint64_t index, const Command& command);
  // What apply() would do. Guards that `force` overrides are listed all the same.
  [[nodiscard]] Plan plan(const Change& change) const;

  [[nodiscard]] const std::string& cluster_id() const { return cluster_id_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const HashKeyBytes& hash_key() const { return hash_key_; }
  [[nodiscard]] std::uint64_t applied_index() const { return applied_index_; }
  [[nodiscard]] std::uint64_t revision() const { return revision_; }
  // A node whose build supports less (feature_level_supported) must stop before it applies anything further.
  [[nodiscard]] std::uint16_t feature_level() const { return feature_level_; }
  // What the balancers' records would allow: propose SetFeatureLevel if it is above feature_level().
  [[nodiscard]] std::uint16_t feature_level_possible() const;
  [[nodiscard]] const Policy& policy() const { return policy_; }

  // By name, ascending.
  [[nodiscard]] const PoolMap& pools() const { return pools_; }
  [[nodiscard]] const ServiceMap& services() const { return services_; }
  [[nodiscard]] const BalancerMap& balancers() const { return balancers_; }
  // not_found with a suggestion. The reference lives until the next apply().
  [[nodiscard]] Result<const PoolConfig*> find_pool(std::string_view name) const;
  [[nodiscard]] Result<const ServiceRecord*> find_service(std::string_view name) const;
  [[nodiscard]] Result<const MemberConfig*> find_backend(std::string_view pool, std::string_view name) const;
  [[nodiscard]] Result<const BalancerRecord*> find_balancer(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> services_of_pool(std::string_view pool) const;
  [[nodiscard]] std::size_t backends_count() const { return backends_count_; }

  // Kept revisions, oldest first; the last one is the present. config_at() gives pools and services in order of names,
  // with the cluster's hash key left zero: print_config() of it is the canonical text.
  [[nodiscard]] std::vector<RevisionInfo> history() const;
  [[nodiscard]] Result<Config> config_at(std::uint64_t revision) const;

  [[nodiscard]] const std::deque<AuditEntry>& audit() const { return audit_; }  // oldest first
  [[nodiscard]] const Sha256Digest& audit_head() const { return audit_head_; }
  [[nodiscard]] std::uint64_t audit_count() const { return audit_count_; }  // ever
  [[nodiscard]] Status verify_audit() const;

  // Generations. active() is never null; number 0 is the empty one every cluster starts with.
  [[nodiscard]] const SharedGeneration& active() const { return active_; }
  [[nodiscard]] const SharedGeneration& prepared() const { return prepared_; }  // null: none under way
  // The newest one that the log knows of.
  [[nodiscard]] std::uint64_t newest_generation() const { return prepared_ ? prepared_->number : active_->number; }
  // Changes wait for a generation of their own: Prepare{active + 1} is due once prepared() is null.
  [[nodiscard]] bool has_pending() const { return !pending_pools_.empty() || are_services_pending_; }
  [[nodiscard]] const std::vector<std::uint64_t>& laggards() const { return laggards_; }  // of the last ACTIVATE
  // What planes forward by. prepared: nullopt if no generation is under way. In it nobody's packets go elsewhere than
  // in the active one: slots whose owner will change have the coming one as their last candidate, and that is all.
  [[nodiscard]] std::optional<ForwardingState> forwarding_state(StatePhase phase) const;

  // The whole state as bytes, and back. Equal states give equal bytes. A snapshot of a newer version is `unsupported`,
  // anything else that is no snapshot `invalid_argument`; both say what it is.
  [[nodiscard]] std::string snapshot() const;
  [[nodiscard]] static Result<ClusterState> restore(std::string_view bytes);

 private:
  friend class ChangeRun;
  friend class SnapshotWriter;
  friend class SnapshotReader;

  struct KeptRevision {
    RevisionInfo info;
    // What this revision replaced: null means that there was nothing.
    std::vector<std::pair<std::string, SharedPoolConfig>> pools_before;
    std::vector<std::pair<std::string, SharedService>> services_before;
  };

  ClusterState() = default;

  Outcome apply_change(const Change& change);
  Outcome apply_prepare(const Prepare& prepare);
  Outcome apply_activate(const Activate& activate);
  Outcome apply_level(const SetFeatureLevel& set);
  void commit(Draft& draft, const Change& change, Outcome& outcome);
  void prepare_next();
  void follow_services(std::map<std::string, SharedPoolTable, std::less<>>& pools, const ServiceFacts& facts);
  void activate_prepared();
  enum class IndexStep : std::uint8_t { enter, leave };
  void index_pool(const PoolConfig& pool, IndexStep step);
  void index_service(const ServiceRecord& service, IndexStep step);
  void set_pool(const std::string& name, SharedPoolConfig pool);
  void set_service(const std::string& name, SharedService service);
  static std::size_t objects_of(const KeptRevision& kept);
  void trim_history();
  [[nodiscard]] std::vector<ObjectChange> changes_of(const Draft& draft) const;
  void note_audit(const Change& change, const Outcome& outcome);
  void note_session(const RequestId& id, const Outcome& outcome);

  std::string cluster_id_;
  std::string name_;
  HashKeyBytes hash_key_{};
  std::uint64_t applied_index_ = 0;
  std::uint64_t revision_ = 0;
  std::uint16_t feature_level_ = 1;
  Policy policy_;
  PoolMap pools_;
  ServiceMap services_;
  BalancerMap balancers_;
  std::size_t backends_count_ = 0;
  // Who else uses an address: what a rule across objects has to look at, and nothing more.
  std::map<IpAddress, std::set<std::string>> services_by_address_;
  std::map<IpAddress, std::map<std::string, std::uint32_t>> pools_by_address_;
  std::map<std::string, std::set<std::string>, std::less<>> services_by_pool_;

  std::deque<KeptRevision> history_;
  std::size_t history_objects_ = 0;
  std::deque<AuditEntry> audit_;
  Sha256Digest audit_head_{};
  std::uint64_t audit_count_ = 0;
  std::map<RequestId, Outcome> sessions_;
  std::deque<RequestId> session_order_;  // oldest first

  SharedGeneration active_;
  SharedGeneration prepared_;
  std::shared_ptr<const PreparedForm> prepared_form_;  // exactly if prepared_ is
  BackendIds backend_ids_;
  std::set<std::string, std::less<>> pending_pools_;
  bool are_services_pending_ = false;
  std::vector<std::uint64_t> laggards_;
};

}  // namespace sluice::model
