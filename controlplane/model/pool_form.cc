// SPDX-License-Identifier: Apache-2.0
#include "pool_form.h"

#include <algorithm>

#include "model_parts.h"

namespace sluice::model {
namespace {

BackendPath path_of(const PoolConfig& config) {
  return {config.encapsulation, config.gue_port, config.mtu, false};
}

// From the table's ids to a dense list of members.
class MemberList {
 public:
  MemberList(const PoolConfig& config, const SlotTable& slots, const SlotTable* coming, const ServiceFacts& facts,
             Remembered remembered)
      : config_(config),
        slots_(slots),
        coming_(coming),
        facts_(facts),
        families_(facts.of(config.name)),
        remembered_(remembered) {}

  void fill(const BackendIds& ids) {
    const std::size_t count = std::max(slots_.members().size(), coming_ == nullptr ? 0 : coming_->members().size());
    index_.assign(count, no_member);
    for (std::size_t id = 0; id < count; ++id) add(id, ids);
  }

  [[nodiscard]] std::uint16_t index_of(std::uint16_t id) const { return index_[id]; }
  [[nodiscard]] std::vector<StateMember> take() { return std::move(members_); }

 private:
  [[nodiscard]] const SlotTable::Member* find(const SlotTable* table, std::size_t id) const {
    if (table == nullptr || id >= table->members().size() || table->members()[id].identity.empty()) return nullptr;
    return &table->members()[id];
  }
  // Who forwards now decides; who only comes is there as well.
  [[nodiscard]] const SlotTable::Member* member(std::size_t id) const {
    const SlotTable::Member* now = find(&slots_, id);
    return now != nullptr ? now : find(coming_, id);
  }
  [[nodiscard]] bool is_present(std::size_t id) const {
    const SlotTable::Member* one = member(id);
    return one != nullptr && one->present && find(&slots_, id) != nullptr;
  }
  [[nodiscard]] SlotIdentity identity_of(std::size_t id) const {
    Result<SlotIdentity> identity = parse_slot_identity(member(id)->identity);
    SLUICE_INVARIANT(identity.has_value());
    return std::move(*identity);
  }

  // The rules that present backends passed (config_check.cc). Services and settings may have changed since this one
  // left, or change when this one comes.
  [[nodiscard]] bool can_be_sent_to(const IpAddress& address) const {
    if (facts_.vips.count(address) != 0) return false;
    if (!address.is_v4() && config_.mtu < config_limits::mtu_v6_min) return false;
    if (config_.encapsulation == Encapsulation::l2 && (address.is_v4() ? families_.v6 : families_.v4)) return false;
    return !families_.v6 ||
           config_.mtu >= config_limits::mtu_v6_min + outer_bytes_of(path_of(config_), address.family());
  }

  void add(std::size_t id, const BackendIds& ids) {
    const SlotTable::Member* one = member(id);
    if (one == nullptr) return;
    SlotIdentity identity = identity_of(id);
    const bool present = is_present(id);
    if (!present && (remembered_ == Remembered::left_out || !can_be_sent_to(identity.address))) return;
    index_[id] = static_cast<std::uint16_t>(members_.size());
    members_.push_back({.name = std::move(identity.name),
                        .address = identity.address,
                        .weight = static_cast<std::uint16_t>(present ? one->weight : 0),
                        .backend_id = ids.find(backend_key_of(path_of(config_), identity.address)),
                        .present = present});
  }

  const PoolConfig& config_;
  const SlotTable& slots_;
  const SlotTable* coming_;
  const ServiceFacts& facts_;
  ServiceFacts::Families families_;
  Remembered remembered_;
  std::vector<std::uint16_t> index_;  // by id
  std::vector<StateMember> members_;
};

// The candidates after the first, without those left out; the coming owner is the last.
PreviousOwners past_of(std::uint32_t slot, const SlotOwners& owners, std::uint16_t coming, const MemberList& list) {
  PreviousOwners past;
  past.slot = SlotIndex(slot);
  past.members.fill(SLUICE_MEMBER_NONE);
  std::size_t count = 0;
  const auto add = [&](std::uint16_t id) {
    if (list.index_of(id) != no_member) past.members.at(count++) = list.index_of(id);
  };
  bool is_known = coming == no_member;
  for (const std::uint16_t id : owners.all()) is_known = is_known || id == coming;
  for (const std::uint16_t id : owners.past()) add(id);
  if (!is_known) add(coming);
  return past;
}

static_assert(limits::owners_max < slot_owners_max, "PREPARE adds a candidate");

std::shared_ptr<const SlotColumn> column_of(const SlotTable& slots, const SlotTable* coming, const MemberList& list) {
  if (slots.empty()) return nullptr;
  auto column = std::make_shared<SlotColumn>();
  const std::vector<SlotOwners> lists = slots.lists().unpacked();
  const std::span<const std::uint16_t> next = coming == nullptr ? std::span<const std::uint16_t>{} : coming->owners();
  column->owners.resize(lists.size());
  for (std::uint32_t slot = 0; slot < lists.size(); ++slot) {
    const SlotOwners& owners = lists[slot];
    column->owners[slot] = list.index_of(owners.current());
    const std::uint16_t comes = next.empty() || next[slot] == owners.current() ? no_member : next[slot];
    if (owners.stable() && comes == no_member) continue;
    const PreviousOwners past = past_of(slot, owners, comes, list);
    if (past.members[0] != SLUICE_MEMBER_NONE) column->past.push_back(past);
  }
  return column;
}

}  // namespace

Result<SharedPool> state_pool(const PoolConfig& config, const SlotTable& slots, const SlotTable* coming,
                              const ServiceFacts& facts, const BackendIds& ids, Remembered remembered) {
  MemberList list(config, slots, coming, facts, remembered);
  list.fill(ids);
  StatePool pool;
  pool.name = config.name;
  pool.encapsulation = config.encapsulation;
  pool.gue_port = config.gue_port;
  pool.mtu = config.mtu;
  pool.slots_count = config.slots_count;
  pool.column = column_of(slots, coming, list);
  pool.members = list.take();
  return make_state_pool(std::move(pool));
}

}  // namespace sluice::model
