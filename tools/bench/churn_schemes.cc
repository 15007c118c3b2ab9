// SPDX-License-Identifier: Apache-2.0
#include "churn_schemes.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "maglev.h"
#include "siphash.h"
#include "slot_quotas.h"
#include "slot_table.h"

namespace sluice::bench {
namespace {

constexpr ChurnCandidates nobody = {no_backend, no_backend, no_backend, no_backend};

// splitmix64's finaliser: well-mixed, and the same everywhere.
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

std::vector<SlotMember> members_of(const std::vector<ChurnBackend>& backends) {
  std::vector<SlotMember> members;
  for (const ChurnBackend& backend : backends) members.push_back({backend.name, backend.effective_weight()});
  return members;
}

class Maglev : public ChurnScheme {
 public:
  explicit Maglev(std::uint32_t slots_count) { rows_.assign(slots_count, nobody); }

  void follow(const std::vector<ChurnBackend>& backends) override {
    const MaglevFill fill = maglev_fill(members_of(backends), static_cast<std::uint32_t>(rows_.size())).value();
    for (std::size_t slot = 0; slot < rows_.size(); ++slot) rows_[slot][0] = fill.owners[slot];
  }
};

class Rendezvous2 : public ChurnScheme {
 public:
  explicit Rendezvous2(std::uint32_t slots_count) { rows_.assign(slots_count, nobody); }

  void follow(const std::vector<ChurnBackend>& backends) override {
    std::vector<std::uint64_t> salts;
    for (const ChurnBackend& backend : backends) salts.push_back(siphash24(sip_key("churn-rendezvous"), backend.name));
    for (std::size_t slot = 0; slot < rows_.size(); ++slot) rows_[slot] = row(slot, backends, salts);
  }

 private:
  // Weighted rendezvous: an exponential arrival of rate `weight` each, the earliest wins. Floating point is good enough
  // for a model of somebody else's table.
  static double arrival(std::uint64_t hash, std::uint32_t weight) {
    const double uniform = (static_cast<double>(hash >> 11) + 0.5) * 0x1p-53;
    return -std::log(uniform) / weight;
  }

  static ChurnCandidates row(std::size_t slot, const std::vector<ChurnBackend>& backends,
                             const std::vector<std::uint64_t>& salts) {
    std::size_t first = 0, second = 0, serving = 0;
    double first_at = HUGE_VAL, second_at = HUGE_VAL, serving_at = HUGE_VAL;
    for (std::size_t i = 0; i < backends.size(); ++i) {
      const double at = arrival(mixed(salts[i] ^ mixed(slot)), backends[i].weight);
      if (at < first_at) {
        second = first, second_at = first_at;
        first = i, first_at = at;
      } else if (at < second_at) {
        second = i, second_at = at;
      }
      if (backends[i].effective_weight() > 0 && at < serving_at) serving = i, serving_at = at;
    }
    const std::size_t other = serving == first ? second : first;
    return {static_cast<std::uint16_t>(serving), static_cast<std::uint16_t>(other), no_backend, no_backend};
  }
};

class OnePrevious : public ChurnScheme {
 public:
  explicit OnePrevious(std::uint32_t slots_count) : order_(slots_count) {
    rows_.assign(slots_count, nobody);
    std::iota(order_.begin(), order_.end(), 0u);
    std::sort(order_.begin(), order_.end(), [](std::uint32_t a, std::uint32_t b) { return mixed(a) < mixed(b); });
  }

  void follow(const std::vector<ChurnBackend>& backends) override {
    const auto slots_count = static_cast<std::uint32_t>(rows_.size());
    if (rows_[0][0] == no_backend) {
      const MaglevFill fill = maglev_fill(members_of(backends), slots_count).value();
      for (std::size_t slot = 0; slot < rows_.size(); ++slot) rows_[slot][0] = fill.owners[slot];
      return;
    }
    std::vector<std::uint32_t> weights;
    for (const ChurnBackend& backend : backends) weights.push_back(backend.effective_weight());
    std::vector<std::uint32_t> missing = slot_quotas(weights, slots_count);
    std::vector<std::uint32_t> surplus(backends.size());
    for (const ChurnCandidates& row : rows_) missing[row[0]] > 0 ? --missing[row[0]] : ++surplus[row[0]];
    hand_over(surplus, missing);
  }

 private:
  void hand_over(std::vector<std::uint32_t>& surplus, const std::vector<std::uint32_t>& missing) {
    const std::vector<std::uint16_t> receivers = turns_by_weight(missing, missing);
    auto next = receivers.begin();
    // A different start each time, or the slots moved last would always be the first to move again.
    start_ = mixed(start_) % rows_.size();
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      ChurnCandidates& row = rows_[order_[(start_ + i) % rows_.size()]];
      if (surplus[row[0]] == 0) continue;
      --surplus[row[0]];
      row = {*next++, row[0], no_backend, no_backend};
    }
  }

  std::vector<std::uint32_t> order_;
  std::uint64_t start_ = 0;
};

class Sluice : public ChurnScheme {
 public:
  Sluice(std::uint32_t slots_count, std::uint32_t k) : table_(SlotTable::make({slots_count, k}).value()) {
    rows_.assign(slots_count, nobody);
  }

  void follow(const std::vector<ChurnBackend>& backends) override {
    (void)table_.step(members_of(backends)).value();
    std::vector<std::uint16_t> index_of(table_.members().size(), no_backend);
    for (std::size_t i = 0; i < backends.size(); ++i)
      if (const auto id = table_.find(backends[i].name)) index_of[*id] = static_cast<std::uint16_t>(i);
    for (std::uint32_t slot = 0; slot < rows_.size(); ++slot)
      rows_[slot] = candidates(table_.owners_of(slot), index_of, backends);
  }

 private:
  // A backend known to be down would swallow the packet, so it comes last: still there, should the verdict be wrong.
  static ChurnCandidates candidates(const SlotOwners& owners, const std::vector<std::uint16_t>& index_of,
                                    const std::vector<ChurnBackend>& backends) {
    ChurnCandidates row = nobody;
    auto place = row.begin();
    for (const bool alive : {true, false})
      for (const std::uint16_t id : owners.all())
        if (backends[index_of[id]].alive == alive) *place++ = index_of[id];
    return row;
  }

  SlotTable table_;
};

}  // namespace

std::vector<ChurnSchemeName> churn_schemes() {
  return {{"maglev", 0}, {"maglev_ft", 0}, {"rendezvous2", 0}, {"one_previous", 0},
          {"sluice", 2}, {"sluice", 3},    {"sluice", 4}};
}

std::unique_ptr<ChurnScheme> make_churn_scheme(const ChurnSchemeName& name, std::uint32_t slots_count) {
  if (name.scheme == "maglev" || name.scheme == "maglev_ft") return std::make_unique<Maglev>(slots_count);
  if (name.scheme == "rendezvous2") return std::make_unique<Rendezvous2>(slots_count);
  if (name.scheme == "one_previous") return std::make_unique<OnePrevious>(slots_count);
  if (name.scheme == "sluice") return std::make_unique<Sluice>(slots_count, name.k);
  throw std::out_of_range("no scheme is named " + name.scheme);
}

}  // namespace sluice::bench
