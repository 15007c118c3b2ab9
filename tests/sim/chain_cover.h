// SPDX-License-Identifier: Apache-2.0
// Whether connections can break: every owner that a forwarding balancer may have given to a flow that still lives must
// be in every forwarding balancer's list for that slot (docs/simulation.md has the words' exact meaning). It believes
// no history that the model keeps: it has its own, from nothing but who the current owner was in each generation.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cluster_tables.h"
#include "forwarding_state.h"

namespace sluice::sim {

// Of a backend, by "name@address"; given as they come up.
using BackendNumber = std::uint16_t;
inline constexpr BackendNumber no_backend = 0xffff;
// Current owner, then the candidates, no_backend behind the last.
using CandidateList = std::array<BackendNumber, 4>;

// What one plane forwards by.
struct CoverForm {
  std::uint64_t generation = 0;  // the highest whose coming owners it knows
  std::uint64_t base = 0;        // the one whose owners it gives to new flows; generation - 1 in phase prepared
  StatePhase phase = StatePhase::active;
  std::uint64_t table_hash = 0;
  std::vector<CandidateList> lists;  // by slot; none: no pool yet
};

class ChainCover {
 public:
  // A balancer that announces its services as ever. No form: it has nothing to forward by.
  struct Forwarding {
    std::string name;
    const CoverForm* form = nullptr;
  };

  [[nodiscard]] std::shared_ptr<const CoverForm> read(const ForwardingState& state);
  // Some balancer's log has it, prepared or active.
  void has_generation(const std::string& balancer, const model::GenerationTables& tables);
  // Some balancer's log says that it is active.
  void has_activated(std::uint64_t generation) { newest_active_ = std::max(newest_active_, generation); }
  // All that forward at this moment.
  void look(std::span<const Forwarding> all);
  // Its host is gone, and all of its connections; or is there again, without them.
  void backend_dies(const std::string& identity);
  void backend_returns(const std::string& identity);

  [[nodiscard]] const std::optional<std::string>& failure() const { return failure_; }
  // Owners looked for in lists.
  [[nodiscard]] std::uint64_t checks() const { return checks_; }
  // Owners of slots, and whoever lives on them, that later owners have pushed out of the history.
  [[nodiscard]] std::uint64_t outlived() const { return outlived_; }
  [[nodiscard]] std::uint64_t newest_active() const { return newest_active_; }

 private:
  // At rest a list has so many owners (docs/model.md): a flow outlives two later owners of its slot, not three.
  static constexpr std::size_t remembered_max = 3;
  using History = std::array<BackendNumber, remembered_max>;
  struct Generation {
    std::uint64_t table_hash = 0;
    std::vector<CandidateList> lists;
    std::vector<History> histories;
  };
  struct Flow {
    BackendNumber owner = no_backend;
    std::uint64_t given_in = 0;  // newest generation in which a flow got this owner
  };

  BackendNumber number_of(const StateMember& member);
  void check_steps(std::span<const Forwarding> all);
  void note_new_flows(const CoverForm& form);
  void check_lists(const Forwarding& one);
  void forget_outlived();
  [[nodiscard]] bool is_outlived(const Flow& flow, std::size_t slot, std::uint64_t base) const;
  [[nodiscard]] std::string name_of(BackendNumber backend) const;
  void fail(std::string what);

  std::map<std::string, BackendNumber> numbers_;
  std::vector<std::string> names_;
  std::map<std::uint32_t, BackendNumber> by_id_;  // chain headers' numbers, never given twice
  std::set<BackendNumber> dead_;
  std::map<std::uint64_t, Generation> generations_;
  std::vector<std::vector<Flow>> flows_;  // by slot; one per owner stands for all
  std::uint64_t newest_active_ = 0;
  std::uint64_t checks_ = 0;
  std::uint64_t outlived_ = 0;
  std::uint64_t forgotten_in_ = 0;  // generation
  std::optional<std::string> failure_;
};

}  // namespace sluice::sim
