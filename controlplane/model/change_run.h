// SPDX-License-Identifier: Apache-2.0
// One change against a state, without touching it: what would be different, or why not. Internal to controlplane/model;
// ClusterState::apply() commits the draft, plan() throws it away.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cluster_state.h"

namespace sluice::model {

// What differs from the state, by name; a null pointer or an empty optional: gone.
struct Draft {
  std::map<std::string, std::shared_ptr<PoolConfig>, std::less<>> pools;
  std::map<std::string, SharedService, std::less<>> services;
  std::map<std::string, std::optional<BalancerRecord>, std::less<>> balancers;
  std::optional<Policy> policy;

  [[nodiscard]] bool is_empty() const {
    return pools.empty() && services.empty() && balancers.empty() && !policy.has_value();
  }
  [[nodiscard]] bool moves_packets() const { return !pools.empty() || !services.empty(); }
};

// Why a change is refused.
struct Refusal {
  OutcomeCode code = OutcomeCode::invalid;
  std::string message;
  std::string hint = {};
};

// Of a pool in the state, whose members stand in order of names; null: there is none.
[[nodiscard]] const MemberConfig* find_member(const PoolConfig& pool, std::string_view name);
[[nodiscard]] Refusal no_such(std::string_view noun, std::string_view name, std::span<const std::string_view> known,
                              std::string hint);

class ChangeRun {
 public:
  ChangeRun(const ClusterState& state, const Change& change) : state_(state), change_(change) {}

  // nullopt: the draft may be committed (it may be empty: nothing would change).
  std::optional<Refusal> run();

  [[nodiscard]] Draft& draft() { return draft_; }
  // Known once the rules have been passed; with `force` they refuse nothing.
  [[nodiscard]] const std::vector<std::string>& guards() const { return guards_; }

 private:
  std::optional<Refusal> check_form() const;
  std::optional<Refusal> do_operations();
  std::optional<Refusal> operator()(const PutPool& op);
  std::optional<Refusal> operator()(const SetPool& op);
  std::optional<Refusal> operator()(const DeletePool& op);
  std::optional<Refusal> operator()(const PutService& op);
  std::optional<Refusal> operator()(const DeleteService& op);
  std::optional<Refusal> operator()(const PutBackend& op);
  std::optional<Refusal> operator()(const DeleteBackend& op);
  std::optional<Refusal> operator()(const SetWeight& op);
  std::optional<Refusal> operator()(const PutBalancer& op);
  std::optional<Refusal> operator()(const DeleteBalancer& op);
  std::optional<Refusal> operator()(const SetPolicy& op);
  std::optional<Refusal> operator()(const ReplaceAll& op);
  std::optional<Refusal> operator()(const Rollback& op);
  template <typename Op>
  std::optional<Refusal> perform(const Op& op) {
    return (*this)(op);
  }

  // The state with the draft over it; null: there is none.
  [[nodiscard]] const PoolConfig* pool(std::string_view name) const;
  [[nodiscard]] const ServiceRecord* service(std::string_view name) const;
  [[nodiscard]] const BalancerRecord* balancer(std::string_view name) const;
  // To be changed in place: a copy in the draft.
  PoolConfig& own_pool(std::string_view name);
  void put(const PoolConfig& pool);
  void put(const ServiceRecord& service);
  [[nodiscard]] Refusal no_pool(std::string_view name) const;
  [[nodiscard]] Refusal no_service(std::string_view name) const;
  [[nodiscard]] Refusal no_backend(const PoolConfig& pool, std::string_view name) const;

  void drop_what_is_equal();

  // change_rules.cc
  [[nodiscard]] std::optional<Refusal> check_counts() const;
  [[nodiscard]] std::optional<Refusal> check_references() const;
  [[nodiscard]] std::optional<Refusal> check_values() const;
  [[nodiscard]] std::set<std::string> services_using(std::string_view pool) const;
  void find_guards();
  void guard_deletions();
  void guard_pool(const PoolConfig& before, const PoolConfig* after);
  void guard_service(const ServiceRecord& before, const ServiceRecord* after);

  const ClusterState& state_;
  const Change& change_;
  Draft draft_;
  std::vector<std::string> guards_;
};

}  // namespace sluice::model
