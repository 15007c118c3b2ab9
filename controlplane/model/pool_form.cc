// SPDX-License-Identifier: Apache-2.0
#include "pool_form.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "byte_codec.h"
#include "model_parts.h"
#include "siphash.h"

namespace sluice::model {
namespace {

// Names what a column is made of, not the column: another number with every change of column_of() or candidates_of(),
// or a plane that was told by the version before keeps what that one made.
constexpr SipKey column_key = sip_key("sluice-mcol-v001");

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
    ids_count_ = std::max(slots_.members().size(), coming_ == nullptr ? 0 : coming_->members().size());
    index_.assign(std::size_t{no_member} + 1, SLUICE_MEMBER_NONE);
    for (std::size_t id = 0; id < ids_count_; ++id) add(id, ids);
  }

  // no_member for those left out, and for no_member.
  [[nodiscard]] const std::vector<std::uint16_t>& index() const { return index_; }
  [[nodiscard]] std::size_t ids_count() const { return ids_count_; }
  [[nodiscard]] bool has_left_out() const { return has_left_out_; }
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
    if (!present && (remembered_ == Remembered::left_out || !can_be_sent_to(identity.address))) {
      has_left_out_ = true;
      return;
    }
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
  std::size_t ids_count_ = 0;
  bool has_left_out_ = false;
  std::vector<StateMember> members_;
};

using Candidates = std::array<std::uint16_t, SLUICE_PAST_MAX>;

// The candidates after the first, without those left out; the coming owner, who is not the current one, is the last.
Candidates candidates_of(const SlotOwners::Past& owners, std::uint16_t coming, const MemberList& list) {
  Candidates candidates;
  candidates.fill(SLUICE_MEMBER_NONE);
  std::size_t count = 0;
  const auto add = [&](std::uint16_t id) {
    if (list.index()[id] != SLUICE_MEMBER_NONE) candidates.at(count++) = list.index()[id];
  };
  bool is_known = coming == no_member;
  for (const std::uint16_t id : owners) {
    is_known = is_known || id == coming;
    add(id);
  }
  if (!is_known) add(coming);
  return candidates;
}

static_assert(limits::owners_max < slot_owners_max, "PREPARE adds a candidate");

// All that a column is made of.
std::uint64_t digest_of(const PoolTable& now, const PoolTable* coming, const MemberList& list) {
  ByteWriter out;
  out.put(now.slots_hash);
  out.put_flag(coming != nullptr);
  out.put(coming == nullptr ? std::uint64_t{0} : coming->slots_hash);
  for (std::size_t id = 0; id < list.ids_count(); ++id) out.put(list.index()[id]);
  const std::uint64_t digest = siphash24(column_key, out.view());
  return digest == 0 ? 1 : digest;
}

// Slots whose owner changes, as bits; nothing changes without `next`. Most blocks are equal, and found so at once.
std::uint64_t moving_slots(std::span<const std::uint16_t> current, std::span<const std::uint16_t> next,
                           std::size_t first) {
  if (next.empty()) return 0;
  const std::size_t count = std::min<std::size_t>(64, current.size() - first);
  if (std::memcmp(&current[first], &next[first], count * sizeof current[0]) == 0) return 0;
  std::uint64_t moving = 0;
  for (std::size_t i = 0; i < count; ++i) moving |= std::uint64_t{current[first + i] != next[first + i]} << i;
  return moving;
}

// Tables have tens of thousands of slots, and this is most of the time of a change: only those with candidates are
// visited one by one.
std::shared_ptr<SlotColumn> column_of(const SlotTable& slots, const SlotTable* coming, const MemberList& list) {
  if (slots.empty()) return nullptr;
  const SlotLists& lists = slots.lists();
  const std::span<const std::uint16_t> current = lists.current();
  const std::span<const std::uint16_t> next = coming == nullptr ? std::span<const std::uint16_t>{} : coming->owners();
  const std::vector<std::uint16_t>& index = list.index();
  auto column = std::make_shared<SlotColumn>();
  column->owners.resize(current.size());
  for (std::size_t slot = 0; slot < current.size(); ++slot) column->owners[slot] = index[current[slot]];
  column->past.reserve(lists.unstable_count());
  auto next_past = lists.past().begin();
  for (std::size_t word = 0; word < lists.unstable_words().size(); ++word) {
    const std::uint64_t unstable = lists.unstable_words()[word];
    const std::uint64_t moving = moving_slots(current, next, word * 64);
    for (std::uint64_t left = unstable | moving; left != 0; left &= left - 1) {
      const auto bit = static_cast<unsigned>(std::countr_zero(left));
      const SlotIndex slot(static_cast<std::uint32_t>(word * 64 + bit));
      const SlotOwners::Past& owners = (unstable >> bit & 1) != 0 ? *next_past++ : SlotOwners::no_past;
      const bool is_moving = (moving >> bit & 1) != 0;
      if (!is_moving && !list.has_left_out()) {
        column->past.push_back({slot, {index[owners[0]], index[owners[1]], index[owners[2]]}});
        continue;
      }
      const Candidates candidates = candidates_of(owners, is_moving ? next[slot.value()] : no_member, list);
      if (candidates[0] != SLUICE_MEMBER_NONE) column->past.push_back({slot, candidates});
    }
  }
  return column;
}

}  // namespace

SharedPool state_pool(const PoolTable& now, const PoolTable* coming, const ServiceFacts& facts, const BackendIds& ids,
                      Remembered remembered) {
  const PoolConfig& config = *now.config;
  const SlotTable* next = coming == nullptr ? nullptr : coming->slots.get();
  MemberList list(config, *now.slots, next, facts, remembered);
  list.fill(ids);
  StatePool pool;
  pool.name = config.name;
  pool.encapsulation = config.encapsulation;
  pool.gue_port = config.gue_port;
  pool.mtu = config.mtu;
  pool.slots_count = config.slots_count;
  if (auto column = column_of(*now.slots, next, list)) {
    column->digest = digest_of(now, coming, list);
    pool.column = std::move(column);
  }
  pool.members = list.take();
  return seal_state_pool(std::move(pool));
}

}  // namespace sluice::model
