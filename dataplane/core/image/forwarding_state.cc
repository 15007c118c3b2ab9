// SPDX-License-Identifier: Apache-2.0
#include "forwarding_state.h"

#include <fmt/format.h>

#include <algorithm>

#include "hex_number.h"
#include "siphash.h"
#include "state_codec.h"

namespace sluice {
namespace {

constexpr SipKey pool_key = sip_key("sluice-pool-v001");
constexpr SipKey services_key = sip_key("sluice-svcs-v001");

static_assert(no_member == SLUICE_MEMBER_NONE && slot_owners_max == SLUICE_PAST_MAX + 1);

// The table's id -> member index, of the ids in use.
std::vector<std::uint16_t> dense_ids(const SlotTable& table, std::vector<std::uint16_t>& ids) {
  std::vector<std::uint16_t> index(table.members().size(), no_member);
  for (std::size_t id = 0; id < table.members().size(); ++id) {
    if (table.members()[id].identity.empty()) continue;
    index[id] = static_cast<std::uint16_t>(ids.size());
    ids.push_back(static_cast<std::uint16_t>(id));
  }
  return index;
}

}  // namespace

std::string_view to_text(StatePhase phase) {
  return phase == StatePhase::prepared ? "prepared" : "active";
}

std::string hash_text(std::uint64_t hash) {
  return hex_text(hash);
}

SharedPool seal_state_pool(StatePool pool) {
  if (!pool.column || pool.column->digest == 0) {
    auto named = pool.column ? std::make_shared<SlotColumn>(*pool.column) : std::make_shared<SlotColumn>();
    named->digest = state_codec::column_digest(*named);
    pool.column = std::move(named);
  }
  ByteWriter bytes;
  state_codec::put_pool_head(bytes, pool);
  bytes.put(pool.column->digest);
  pool.digest = siphash24(pool_key, bytes.view());
  return std::make_shared<const StatePool>(std::move(pool));
}

Result<SharedPool> make_state_pool(StatePool pool) {
  if (!pool.column) pool.column = std::make_shared<const SlotColumn>();
  if (const Status checked = check_pool(pool); !checked) return checked.error();
  return seal_state_pool(std::move(pool));
}

SharedServices make_state_services(std::vector<ServiceConfig> services) {
  auto made = std::make_shared<StateServices>();
  made->list = std::move(services);
  ByteWriter bytes;
  state_codec::put_services(bytes, *made);
  made->digest = siphash24(services_key, bytes.view());
  return made;
}

DenseTable dense_table_of(const SlotTable& table) {
  DenseTable dense;
  const std::vector<std::uint16_t> index = dense_ids(table, dense.ids);
  auto column = std::make_shared<SlotColumn>();
  column->owners.reserve(table.owners().size());
  for (const std::uint16_t id : table.owners()) column->owners.push_back(index[id]);
  for (const UnstableSlot& unstable : table.unstable()) {
    PreviousOwners& owners = column->past.emplace_back(PreviousOwners{SlotIndex(unstable.slot), {}});
    owners.members.fill(SLUICE_MEMBER_NONE);
    std::transform(unstable.owners.past().begin(), unstable.owners.past().end(), owners.members.begin(),
                   [&index](std::uint16_t id) { return index[id]; });
  }
  dense.column = std::move(column);
  return dense;
}

}  // namespace sluice
