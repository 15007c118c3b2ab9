// SPDX-License-Identifier: Apache-2.0
#include "chain_cover.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::sim {
namespace {

bool lists_it(const CandidateList& list, BackendNumber backend) {
  return std::find(list.begin(), list.end(), backend) != list.end();
}

// The newest first, each once; what does not fit is forgotten.
template <std::size_t Size>
void put_first(std::array<BackendNumber, Size>& history, BackendNumber owner) {
  auto place = std::find(history.begin(), history.end(), owner);
  if (place == history.end()) --place;
  std::rotate(history.begin(), place, std::next(place));
  history[0] = owner;
}

}  // namespace

void ChainCover::fail(std::string what) {
  if (!failure_) failure_ = std::move(what);
}

std::string ChainCover::name_of(BackendNumber backend) const {
  return backend == no_backend ? "nobody" : names_[backend];
}

BackendNumber ChainCover::number_of(const StateMember& member) {
  const std::string identity = member.name + '@' + member.address.to_string();
  const auto [found, is_new] = numbers_.emplace(identity, static_cast<BackendNumber>(names_.size()));
  if (is_new) names_.push_back(identity);
  const BackendNumber number = found->second;
  const auto [holder, is_first] = by_id_.emplace(member.backend_id, number);
  if (!is_first && holder->second != number)
    fail(fmt::format("BACKEND ID: {} was {} and is {} now", member.backend_id, name_of(holder->second), identity));
  return number;
}

std::shared_ptr<const CoverForm> ChainCover::read(const ForwardingState& state) {
  auto form = std::make_shared<CoverForm>();
  form->generation = form->base = state.generation;
  form->phase = state.phase;
  form->table_hash = state.table_hash;
  if (state.phase == StatePhase::prepared && state.generation > 0) --form->base;
  if (state.generation == 0) return form;
  Status good = check_state(state);
  for (const SharedPool& pool : state.pools)
    if (good) good = check_pool(*pool);
  if (!good) fail("FORM: a plane would refuse it: " + good.error().context);
  if (state.pools.empty() || !state.pools.front()->column) return form;
  const StatePool& pool = *state.pools.front();
  std::vector<BackendNumber> members;
  for (const StateMember& member : pool.members) members.push_back(number_of(member));
  for (const std::uint16_t owner : pool.column->owners)
    form->lists.push_back({members.at(owner), no_backend, no_backend, no_backend});
  for (const PreviousOwners& past : pool.column->past) {
    std::size_t place = 1;
    for (const std::uint16_t member : past.members)
      if (member != SLUICE_MEMBER_NONE) form->lists.at(past.slot.value()).at(place++) = members.at(member);
  }
  return form;
}

void ChainCover::has_generation(const std::string& balancer, const model::GenerationTables& tables) {
  const std::shared_ptr<const CoverForm> form = read(tables.forwarding);
  const auto known = generations_.find(tables.number);
  if (known != generations_.end()) {
    if (known->second.table_hash != tables.table_hash || known->second.lists != form->lists)
      fail(fmt::format("TABLES: {} has another generation {} than the others: table hash {:016x}, not {:016x}",
                       balancer, tables.number, tables.table_hash, known->second.table_hash));
    return;
  }
  Generation made{tables.table_hash, form->lists, {}};
  const auto before = generations_.find(tables.number - 1);
  if (tables.number > 0 && before == generations_.end())
    fail(fmt::format("TABLES: {} has generation {}, and nobody ever had the one before", balancer, tables.number));
  if (before != generations_.end()) made.histories = before->second.histories;
  History nobody{};
  nobody.fill(no_backend);
  made.histories.resize(form->lists.size(), nobody);
  for (std::size_t slot = 0; slot < form->lists.size(); ++slot) put_first(made.histories[slot], form->lists[slot][0]);
  generations_.emplace(tables.number, std::move(made));
}

void ChainCover::look(std::span<const Forwarding> all) {
  check_steps(all);
  for (const Forwarding& one : all)
    if (one.form != nullptr) note_new_flows(*one.form);
  for (const Forwarding& one : all)
    if (one.form != nullptr) check_lists(one);
  forget_outlived();
}

void ChainCover::check_steps(std::span<const Forwarding> all) {
  std::uint64_t newest = newest_active_;
  for (const Forwarding& one : all)
    if (one.form != nullptr) newest = std::max(newest, one.form->base);
  for (const Forwarding& one : all) {
    const std::uint64_t known = one.form == nullptr ? 0 : one.form->generation;
    if (known < newest)
      fail(fmt::format(
          "TWO STEPS: generation {} is active, and {}, which is not fenced, knows no more than generation {}", newest,
          one.name, known));
  }
}

// At any time, in any slot, at whichever balancer.
void ChainCover::note_new_flows(const CoverForm& form) {
  if (flows_.size() < form.lists.size()) flows_.resize(form.lists.size());
  for (std::size_t slot = 0; slot < form.lists.size(); ++slot) {
    const BackendNumber owner = form.lists[slot][0];
    if (dead_.contains(owner)) continue;
    auto& flows = flows_[slot];
    const auto known = std::find_if(flows.begin(), flows.end(), [&](const Flow& flow) { return flow.owner == owner; });
    if (known == flows.end()) {
      flows.push_back({owner, form.base});
    } else {
      known->given_in = std::max(known->given_in, form.base);
    }
  }
}

bool ChainCover::is_outlived(const Flow& flow, std::size_t slot, std::uint64_t base) const {
  if (flow.given_in > base) return false;
  const History& history = generations_.at(base).histories[slot];
  return std::find(history.begin(), history.end(), flow.owner) == history.end();
}

void ChainCover::check_lists(const Forwarding& one) {
  const CoverForm& form = *one.form;
  if (form.base > 0 && !generations_.contains(form.base))
    return fail(fmt::format("TABLES: {} forwards by generation {}, which nobody ever had", one.name, form.base));
  for (std::size_t slot = 0; slot < form.lists.size(); ++slot) {
    for (const Flow& flow : flows_[slot]) {
      ++checks_;
      if (lists_it(form.lists[slot], flow.owner)) continue;
      if (is_outlived(flow, slot, form.base)) continue;
      const CandidateList& list = form.lists[slot];
      return fail(
          fmt::format("CHAIN COVER: a flow of slot {} lives on {}, given in generation {}; {} forwards by {} "
                      "generation {} and knows "
                      "only {}, {}, {}, {} there",
                      slot, name_of(flow.owner), flow.given_in, one.name, to_text(form.phase), form.generation,
                      name_of(list[0]), name_of(list[1]), name_of(list[2]), name_of(list[3])));
    }
  }
}

// Nobody who forwards is more than a generation behind the newest.
void ChainCover::forget_outlived() {
  if (newest_active_ <= forgotten_in_ || newest_active_ < 2 || failure_) return;
  forgotten_in_ = newest_active_;
  const std::size_t slots = std::min(flows_.size(), generations_.at(newest_active_ - 1).histories.size());
  for (std::size_t slot = 0; slot < slots; ++slot) {
    outlived_ += std::erase_if(flows_[slot], [&](const Flow& flow) {
      return is_outlived(flow, slot, newest_active_ - 1) && is_outlived(flow, slot, newest_active_);
    });
  }
}

void ChainCover::backend_dies(const std::string& identity) {
  const auto found = numbers_.find(identity);
  if (found == numbers_.end()) return;
  dead_.insert(found->second);
  for (auto& flows : flows_) std::erase_if(flows, [&](const Flow& flow) { return flow.owner == found->second; });
}

void ChainCover::backend_returns(const std::string& identity) {
  if (const auto found = numbers_.find(identity); found != numbers_.end()) dead_.erase(found->second);
}

}  // namespace sluice::sim
