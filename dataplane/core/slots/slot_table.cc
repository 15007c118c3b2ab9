// SPDX-License-Identifier: Apache-2.0
#include "slot_table.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "byte_codec.h"
#include "maglev.h"
#include "siphash.h"
#include "slot_quotas.h"
#include "slot_step.h"

namespace sluice {
namespace {

constexpr SipKey table_key = sip_key("sluice-table-v01");

static_assert(std::endian::native == std::endian::little, "ids are hashed as they stand in memory");

std::size_t past_count(const SlotOwners::Past& past) {
  return static_cast<std::size_t>(
      std::count_if(past.begin(), past.end(), [](std::uint16_t id) { return id != no_member; }));
}

bool in_use(const SlotTable::Member& member) {
  return !member.identity.empty();
}

// For each slot u8 length and its ids. All of it in one go: value by value this is most of a hash.
void put_lists(ByteWriter& out, const SlotLists& lists) {
  std::size_t bytes = lists.slots_count() * 3;
  for (const SlotOwners::Past& past : lists.past()) bytes += 2 * past_count(past);
  char* at = out.extend(bytes);
  auto next_past = lists.past().begin();
  for (std::uint32_t slot = 0; slot < lists.slots_count(); ++slot) {
    const std::uint16_t current = lists.current()[slot];
    const std::size_t more = lists.unstable(slot) ? past_count(*next_past) : 0;
    *at = static_cast<char>(1 + more);
    std::memcpy(at + 1, &current, sizeof current);
    if (more != 0) std::memcpy(at + 3, (next_past++)->data(), 2 * more);
    at += 3 + 2 * more;
  }
}

Status check_kept_lists(std::span<const SlotTable::KeptMember> members, std::span<const SlotOwners> lists,
                        const SlotTableOptions& options) {
  if (!lists.empty() && lists.size() != options.slots_count)
    return make_error(ErrorCode::invalid_argument, "a slot table of " + std::to_string(options.slots_count) +
                                                       " slots comes with " + std::to_string(lists.size()) + " lists");
  for (const SlotOwners& owners : lists) {
    const auto all = owners.all();
    if (all.empty() || all.size() > options.owners_max)
      return make_error(ErrorCode::invalid_argument, "a slot has " + std::to_string(all.size()) + " owners");
    for (std::size_t i = 0; i < all.size(); ++i) {
      const bool is_known = all[i] < members.size() && !members[all[i]].identity.empty();
      if (!is_known || std::find(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(i), all[i]) !=
                           all.begin() + static_cast<std::ptrdiff_t>(i))
        return make_error(ErrorCode::invalid_argument, "a slot has an owner twice or one that is no member");
    }
  }
  return {};
}

// Gives ids to members: the one a name has, or the lowest free one.
class IdAllocator {
 public:
  explicit IdAllocator(std::vector<SlotTable::Member>& members) : members_(members) {}

  std::size_t next() {
    while (next_ < members_.size() && in_use(members_[next_])) ++next_;
    if (next_ == members_.size()) members_.emplace_back();
    return next_;
  }

 private:
  std::vector<SlotTable::Member>& members_;
  std::size_t next_ = 0;
};

}  // namespace

Result<SlotTable> SlotTable::make(const SlotTableOptions& options) {
  if (const Status status = check_slots_count(options.slots_count); !status) return status.error();
  if (options.owners_max < 2 || options.owners_max > slot_owners_max)
    return make_error(ErrorCode::invalid_argument,
                      std::to_string(options.owners_max) + " owners per slot: 2 to 4 are allowed");
  return SlotTable(options);
}

Result<SlotTable> SlotTable::restore(const SlotTableOptions& options, std::span<const KeptMember> members,
                                     std::span<const SlotOwners> lists) {
  Result<SlotTable> table = make(options);
  if (!table) return table.error();
  if (members.size() > slot_members_max)
    return make_error(ErrorCode::invalid_argument, std::to_string(members.size()) + " members are too many");
  std::vector<SlotMember> named;
  for (const KeptMember& member : members) {
    if (!member.present && member.weight != 0)
      return make_error(ErrorCode::invalid_argument, "a member that is gone has a weight");
    if (!member.identity.empty()) named.push_back({member.identity, member.weight});
  }
  if (const Status status = check_slot_members(named); !status) return status.error();
  if (const Status status = check_kept_lists(members, lists, options); !status) return status.error();
  for (const KeptMember& member : members)
    table->members_.push_back({.identity = member.identity, .weight = member.weight, .present = member.present});
  table->empty_ = std::all_of(named.begin(), named.end(), [](const SlotMember& member) { return member.weight == 0; });
  if (!table->empty_ && lists.empty())
    return make_error(ErrorCode::invalid_argument, "members have weights, and no slot has an owner");
  table->store(lists);
  if (table->members_.size() != members.size())
    return make_error(ErrorCode::invalid_argument, "a member that is gone is remembered by no slot");
  return table;
}

Result<StepReport> SlotTable::step(std::span<const SlotMember> members) {
  if (const Status status = check_slot_members(members); !status) return status.error();
  Result<std::vector<Member>> next = merged(members);
  if (!next) return next.error();
  members_ = std::move(*next);
  empty_ = std::all_of(members.begin(), members.end(), [](const SlotMember& member) { return member.weight == 0; });
  if (empty_) {
    store(lists_.unpacked());
    return StepReport{};
  }
  return lists_.slots_count() == 0 ? first_fill(members) : follow();
}

// The members after a step, before any slot moves.
Result<std::vector<SlotTable::Member>> SlotTable::merged(std::span<const SlotMember> given) const {
  std::vector<Member> next = members_;
  for (Member& member : next) {
    member.weight = 0;
    member.present = false;
  }
  const std::vector<std::uint16_t> known = ids_by_identity();
  auto at = known.begin();
  IdAllocator allocator(next);
  for (const std::uint16_t index : order_by_identity(given)) {
    const SlotMember& member = given[index];
    while (at != known.end() && members_[*at].identity < member.identity) ++at;
    const bool is_known = at != known.end() && members_[*at].identity == member.identity;
    const std::size_t id = is_known ? *at : allocator.next();
    if (id >= slot_members_max)
      return make_error(ErrorCode::out_of_capacity,
                        "no member id is left: slots still remember too many removed members");
    next[id].identity = member.identity;
    next[id].weight = member.weight;
    next[id].present = true;
  }
  return next;
}

StepReport SlotTable::first_fill(std::span<const SlotMember> members) {
  const Result<MaglevFill> fill = maglev_fill(members, options_.slots_count);
  SLUICE_INVARIANT(fill.has_value());  // step() has checked both arguments
  // Both in identity order: the members given, and the same ones by id.
  const std::vector<std::uint16_t> order = order_by_identity(members);
  std::vector<std::uint16_t> ids(members.size());
  auto given = order.begin();
  for (const std::uint16_t id : ids_by_identity())
    if (members_[id].present) ids[*given++] = id;
  std::vector<SlotOwners> lists(options_.slots_count);
  for (std::size_t slot = 0; slot < lists.size(); ++slot)
    lists[slot].put_first(ids[fill->owners[slot]], options_.owners_max);
  store(lists);
  return {.moved = options_.slots_count, .returned = 0, .minimum = options_.slots_count};
}

StepReport SlotTable::follow() {
  const std::vector<std::uint16_t> identity_order = ids_by_identity();
  const std::vector<std::uint32_t> wanted = quotas(identity_order);
  std::vector<SlotOwners> lists = lists_.unpacked();
  std::vector<std::uint32_t> held(members_.size());
  for (const std::uint16_t id : lists_.current()) ++held[id];
  StepReport report;
  for (std::size_t id = 0; id < held.size(); ++id) report.minimum += wanted[id] - std::min(wanted[id], held[id]);
  const StepMoves moves =
      apply_step_rule(lists, {.quotas = wanted, .identity_order = identity_order, .owners_max = options_.owners_max});
  store(lists);
  report.moved = moves.moved;
  report.returned = moves.returned;
  return report;
}

std::vector<std::uint32_t> SlotTable::quotas(std::span<const std::uint16_t> identity_order) const {
  std::vector<std::uint32_t> weights;
  for (const std::uint16_t id : identity_order) weights.push_back(members_[id].weight);
  const std::vector<std::uint32_t> in_order = slot_quotas(weights, options_.slots_count);
  std::vector<std::uint32_t> by_id(members_.size());
  for (std::size_t i = 0; i < in_order.size(); ++i) by_id[identity_order[i]] = in_order[i];
  return by_id;
}

// Packs the lists, counts who is in them, and frees the ids nobody needs any more.
void SlotTable::store(std::span<const SlotOwners> lists) {
  for (Member& member : members_) member.slots = member.remembered = 0;
  for (const SlotOwners& owners : lists) {
    // In an empty pool the first of a list owns nothing: it is remembered like the others.
    ++(empty_ ? members_[owners.current()].remembered : members_[owners.current()].slots);
    if (owners.stable()) continue;
    for (const std::uint16_t id : owners.past()) ++members_[id].remembered;
  }
  for (Member& member : members_)
    if (!member.present && member.slots == 0 && member.remembered == 0) member = Member{};
  while (!members_.empty() && !in_use(members_.back())) members_.pop_back();
  lists_ = SlotLists(lists);
}

Status SlotTable::forget(std::string_view identity) {
  const std::optional<std::uint16_t> id = find(identity);
  if (!id) return make_error(ErrorCode::not_found, "no member is named '" + std::string(identity) + "'");
  std::vector<SlotOwners> lists = lists_.unpacked();
  for (SlotOwners& owners : lists) owners.forget(*id);
  store(lists);
  return {};
}

std::vector<std::uint16_t> SlotTable::ids_by_identity() const {
  std::vector<std::uint16_t> ids;
  for (std::size_t id = 0; id < members_.size(); ++id)
    if (in_use(members_[id])) ids.push_back(static_cast<std::uint16_t>(id));
  std::sort(ids.begin(), ids.end(),
            [&](std::uint16_t a, std::uint16_t b) { return members_[a].identity < members_[b].identity; });
  return ids;
}

std::optional<std::uint16_t> SlotTable::find(std::string_view identity) const {
  if (identity.empty()) return std::nullopt;
  const auto found =
      std::find_if(members_.begin(), members_.end(), [&](const Member& member) { return member.identity == identity; });
  if (found == members_.end()) return std::nullopt;
  return static_cast<std::uint16_t>(found - members_.begin());
}

std::span<const std::uint16_t> SlotTable::owners() const {
  return empty_ ? std::span<const std::uint16_t>{} : lists_.current();
}

SlotOwners SlotTable::owners_of(std::uint32_t slot) const {
  return empty_ ? SlotOwners{} : lists_.at(slot);
}

std::vector<UnstableSlot> SlotTable::unstable() const {
  std::vector<UnstableSlot> slots;
  if (empty_) return slots;
  slots.reserve(lists_.unstable_count());
  const std::vector<SlotOwners> lists = lists_.unpacked();
  for (std::uint32_t slot = 0; slot < lists_.slots_count(); ++slot)
    if (!lists[slot].stable()) slots.push_back({slot, lists[slot]});
  return slots;
}

std::uint64_t SlotTable::hash() const {
  ByteWriter out;
  out.reserve(members_.size() * 64 + lists_.slots_count() * 3 + lists_.unstable_count() * 6 + 16);
  out.put(options_.slots_count);
  out.put(static_cast<std::uint8_t>(options_.owners_max));
  out.put_flag(empty_);
  out.put(static_cast<std::uint32_t>(std::count_if(members_.begin(), members_.end(), in_use)));
  for (std::size_t id = 0; id < members_.size(); ++id) {
    const Member& member = members_[id];
    if (!in_use(member)) continue;
    out.put(static_cast<std::uint16_t>(id));
    out.put_flag(member.present);
    out.put(member.weight);
    out.put_text(member.identity);
  }
  put_lists(out, lists_);
  return siphash24(table_key, out.view());
}

std::size_t SlotTable::size_bytes() const {
  std::size_t size = lists_.size_bytes() + members_.size() * sizeof(Member);
  for (const Member& member : members_) size += member.identity.capacity();
  return size;
}

}  // namespace sluice
