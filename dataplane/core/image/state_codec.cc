// SPDX-License-Identifier: Apache-2.0
#include "state_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "column_changes.h"
#include "config_rules.h"
#include "siphash.h"
#include "state_check.h"

namespace sluice {
namespace state_codec {
namespace {

// Tables of owners go through as they stand in memory: a value at a time they would be most of the time of a change.
static_assert(std::endian::native == std::endian::little);

constexpr std::size_t past_bytes = 4 + 2 * SLUICE_PAST_MAX;
static_assert(sizeof PreviousOwners::members == 2 * SLUICE_PAST_MAX);
constexpr SipKey column_key = sip_key("sluice-colm-v001");
constexpr std::size_t member_bytes_min = 4 + 1 + 4 + 2 + 4 + 1;
constexpr std::size_t service_bytes_min = 4 + 1 + 4 + 2 + 1 + 4 + 3;

// A value takes several times the memory of its shortest encoding.
std::uint32_t get_bounded_count(ByteReader& reader, std::size_t item_bytes_min, std::size_t count_max) {
  const std::uint32_t count = reader.get_count(item_bytes_min);
  if (count <= count_max) return count;
  reader.fail();
  return 0;
}

void put_address(ByteWriter& writer, const IpAddress& address) {
  writer.put(static_cast<std::uint8_t>(address.family()));
  const char* bytes = reinterpret_cast<const char*>(address.bytes().data());
  writer.put_raw({bytes, address.is_v4() ? std::size_t{4} : std::size_t{16}});
}

IpAddress get_address(ByteReader& reader) {
  const auto family = reader.get<std::uint8_t>();
  if (family == static_cast<std::uint8_t>(IpFamily::v4)) {
    std::array<std::uint8_t, 4> bytes{};
    const std::string_view raw = reader.get_raw(bytes.size());
    std::copy(raw.begin(), raw.end(), bytes.begin());
    return IpAddress::from_v4_bytes(bytes);
  }
  if (family != static_cast<std::uint8_t>(IpFamily::v6)) reader.fail();
  std::array<std::uint8_t, 16> bytes{};
  const std::string_view raw = reader.get_raw(bytes.size());
  std::copy(raw.begin(), raw.end(), bytes.begin());
  return IpAddress::from_v6_bytes(bytes);
}

// How a column is told.
enum class ColumnForm : std::uint8_t { nobody = 0, full = 1, changes = 2 };

void put_full(ByteWriter& writer, const SlotColumn& column) {
  writer.reserve(writer.size() + column.owners.size() * 2 + 4 + column.past.size() * past_bytes);
  writer.put_raw({reinterpret_cast<const char*>(column.owners.data()), column.owners.size() * 2});
  writer.put(static_cast<std::uint32_t>(column.past.size()));
  char* at = writer.extend(column.past.size() * past_bytes);
  for (const PreviousOwners& owners : column.past) {
    const std::uint32_t slot = owners.slot.value();
    std::memcpy(at, &slot, sizeof slot);
    std::memcpy(at + sizeof slot, owners.members.data(), sizeof owners.members);
    at += past_bytes;
  }
}

// `base`: one that the receiver has, or nullptr.
void put_column(ByteWriter& writer, const SlotColumn& column, const SlotColumn* base) {
  writer.put(column.digest);
  if (column.owners.empty()) return writer.put(static_cast<std::uint8_t>(ColumnForm::nobody));
  if (base != nullptr && base->owners.size() == column.owners.size()) {
    const std::vector<SlotChange> changes = changes_between(*base, column);
    // Where it is not much shorter, what needs nothing to be known is better.
    if (changes.size() * sizeof(SlotChange) < column.owners.size()) {
      writer.put(static_cast<std::uint8_t>(ColumnForm::changes));
      writer.put(base->digest);
      writer.put(static_cast<std::uint32_t>(changes.size()));
      return writer.put_raw({reinterpret_cast<const char*>(changes.data()), changes.size() * sizeof(SlotChange)});
    }
  }
  writer.put(static_cast<std::uint8_t>(ColumnForm::full));
  put_full(writer, column);
}

SlotColumn get_full(ByteReader& reader, std::uint32_t slots_count) {
  SlotColumn column;
  const std::string_view raw = reader.get_raw(std::size_t{slots_count} * 2);
  column.owners.resize(raw.size() / 2);
  if (!raw.empty()) std::memcpy(column.owners.data(), raw.data(), raw.size());
  column.past.resize(reader.get_count(past_bytes));
  const char* at = reader.get_raw(column.past.size() * past_bytes).data();
  for (PreviousOwners& owners : column.past) {
    std::uint32_t slot = 0;
    std::memcpy(&slot, at, sizeof slot);
    owners.slot = SlotIndex(slot);
    std::memcpy(owners.members.data(), at + sizeof slot, sizeof owners.members);
    at += past_bytes;
  }
  // One encoding for the empty pool.
  if (column.owners.empty()) reader.fail();
  return column;
}

std::vector<SlotChange> get_changes(ByteReader& reader) {
  std::vector<SlotChange> changes(reader.get_count(sizeof(SlotChange)));
  const std::string_view raw = reader.get_raw(changes.size() * sizeof(SlotChange));
  if (!raw.empty()) std::memcpy(changes.data(), raw.data(), raw.size());
  return changes;
}

// A pool without a column is one that was told as changes to a table that is not there, or the reader has failed.
struct ReadPool {
  StatePool pool;
  bool is_changed = false;  // told as changes
  std::vector<SlotChange> changes;
};

void get_column(ByteReader& reader, const StatePool* base, ReadPool& read) {
  const auto digest = reader.get<std::uint64_t>();
  if (digest == 0) reader.fail();
  std::optional<SlotColumn> column;
  switch (static_cast<ColumnForm>(reader.get<std::uint8_t>())) {
    case ColumnForm::nobody:
      column.emplace();
      break;
    case ColumnForm::full:
      column = get_full(reader, read.pool.slots_count);
      break;
    case ColumnForm::changes: {
      const auto base_digest = reader.get<std::uint64_t>();
      read.is_changed = true;
      read.changes = get_changes(reader);
      if (base == nullptr || base->column->owners.empty() || base->column->digest != base_digest) return;
      column = changed_column(*base->column, read.changes);
      if (!column) reader.fail();
      break;
    }
    default:
      reader.fail();
  }
  if (!column || !reader.ok()) return;
  column->digest = digest;
  read.pool.column = std::make_shared<const SlotColumn>(std::move(*column));
}

}  // namespace

void put_pool_head(ByteWriter& writer, const StatePool& pool) {
  writer.reserve(writer.size() + 64 + pool.members.size() * 64);
  writer.put_text(pool.name);
  writer.put(static_cast<std::uint8_t>(pool.encapsulation));
  writer.put(pool.gue_port);
  writer.put(pool.mtu);
  writer.put(pool.slots_count);
  writer.put_flag(pool.chain);
  writer.put(static_cast<std::uint32_t>(pool.members.size()));
  for (const StateMember& member : pool.members) {
    writer.put_text(member.name);
    put_address(writer, member.address);
    writer.put(member.weight);
    writer.put(member.backend_id);
    writer.put_flag(member.present);
  }
}

std::uint64_t column_digest(const SlotColumn& column) {
  ByteWriter bytes;
  put_full(bytes, column);
  const std::uint64_t digest = siphash24(column_key, bytes.view());
  return digest == 0 ? 1 : digest;
}

namespace {

StatePool get_pool_head(ByteReader& reader) {
  StatePool pool;
  pool.name = reader.get_text();
  const auto encapsulation = reader.get<std::uint8_t>();
  if (encapsulation > static_cast<std::uint8_t>(Encapsulation::l2)) reader.fail();
  pool.encapsulation = static_cast<Encapsulation>(encapsulation);
  pool.gue_port = reader.get<PortHost>();
  pool.mtu = reader.get<std::uint16_t>();
  pool.slots_count = reader.get<std::uint32_t>();
  pool.chain = reader.get_flag();
  pool.members.resize(get_bounded_count(reader, member_bytes_min, config_limits::members_max));
  for (StateMember& member : pool.members) {
    member.name = reader.get_text();
    member.address = get_address(reader);
    member.weight = reader.get<std::uint16_t>();
    member.backend_id = reader.get<std::uint32_t>();
    member.present = reader.get_flag();
  }
  return pool;
}

}  // namespace

void put_services(ByteWriter& writer, const StateServices& services) {
  writer.put(static_cast<std::uint32_t>(services.list.size()));
  for (const ServiceConfig& service : services.list) {
    writer.put_text(service.name);
    put_address(writer, service.address);
    writer.put(service.port);
    writer.put(static_cast<std::uint8_t>(service.protocol));
    writer.put(service.pool_index);
    writer.put_flag(service.track);
    writer.put_flag(service.fragments);
    writer.put_flag(service.unreachable);
  }
}

namespace {

std::vector<ServiceConfig> get_services(ByteReader& reader) {
  std::vector<ServiceConfig> services(get_bounded_count(reader, service_bytes_min, config_limits::services_max));
  for (ServiceConfig& service : services) {
    service.name = reader.get_text();
    service.address = get_address(reader);
    service.port = reader.get<PortHost>();
    service.protocol = static_cast<Protocol>(reader.get<std::uint8_t>());
    if (service.protocol != Protocol::tcp && service.protocol != Protocol::udp) reader.fail();
    service.pool_index = reader.get<std::uint32_t>();
    service.track = reader.get_flag();
    service.fragments = reader.get_flag();
    service.unreachable = reader.get_flag();
  }
  if (!reader.is_finished()) reader.fail();
  return services;
}

}  // namespace
}  // namespace state_codec

namespace {

using namespace state_codec;

constexpr std::string_view magic = "SLST";
constexpr std::uint16_t format_version = 2;
constexpr std::size_t pool_bytes_min = 1 + 4 + 4;

class Known {
 public:
  explicit Known(const ForwardingState* state) : state_(state) {
    if (state == nullptr) return;
    for (const SharedPool& pool : state->pools) {
      pools_.emplace(pool->digest, &pool);
      by_name_.emplace(pool->name, pool.get());
    }
  }
  // Names are compared too: they are short, and the one thing a person would notice.
  [[nodiscard]] SharedPool find(std::string_view name, std::uint64_t digest) const {
    const auto found = pools_.find(digest);
    return found != pools_.end() && (*found->second)->name == name ? *found->second : nullptr;
  }
  // Of this name, whatever it has.
  [[nodiscard]] const StatePool* pool(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : found->second;
  }
  [[nodiscard]] SharedServices services(std::uint64_t digest) const {
    if (state_ == nullptr || !state_->services || state_->services->digest != digest) return nullptr;
    return state_->services;
  }

 private:
  const ForwardingState* state_;
  std::unordered_map<std::uint64_t, const SharedPool*> pools_;
  std::unordered_map<std::string_view, const StatePool*> by_name_;
};

Error malformed(std::string_view what) {
  return make_error(ErrorCode::invalid_argument, fmt::format("not a forwarding state: {}", what));
}

// About: so many that a large state is not moved while it grows.
std::size_t full_bytes_of(const ForwardingState& state) {
  std::size_t bytes = 1024;
  for (const SharedPool& pool : state.pools)
    bytes += 128 + pool->members.size() * 64 + pool->column->owners.size() * 2 + pool->column->past.size() * past_bytes;
  if (state.services) bytes += state.services->list.size() * 64;
  return bytes;
}

Status get_head(ByteReader& reader, ForwardingState& state) {
  if (reader.get_raw(magic.size()) != magic) return malformed("it does not begin with \"SLST\"");
  if (const auto version = reader.get<std::uint16_t>(); version != format_version)
    return make_error(ErrorCode::unsupported,
                      fmt::format("forwarding state of format {}, and this program knows {}; run the same version of "
                                  "sluiced and of the plane",
                                  version, format_version));
  state.generation = reader.get<std::uint64_t>();
  state.phase = static_cast<StatePhase>(reader.get<std::uint8_t>());
  if (state.phase != StatePhase::prepared && state.phase != StatePhase::active) return malformed("unknown phase");
  state.table_hash = reader.get<std::uint64_t>();
  const std::string_view key = reader.get_raw(state.hash_key.size());
  std::copy(key.begin(), key.end(), state.hash_key.begin());
  return {};
}

Status get_one_pool(ByteReader& reader, const Known& known, DecodedState& decoded) {
  if (reader.get_flag()) {
    ByteReader bytes(reader.get_text());
    ReadPool read;
    read.pool = get_pool_head(bytes);
    StatePool& pool = read.pool;
    const StatePool* base = known.pool(pool.name);
    get_column(bytes, base, read);
    if (!bytes.is_finished()) return malformed("a pool is cut short or has bytes that mean nothing");
    if (!pool.column) {
      if (!name_fault(pool.name).empty()) return malformed("a pool has no usable name");
      decoded.need.push_back(std::move(pool.name));
      decoded.state.pools.push_back(nullptr);
      return {};
    }
    const Status checked = read.is_changed ? check_changed_pool(pool, read.changes, *base) : check_pool(pool);
    if (!checked) return checked.error();
    decoded.state.pools.push_back(seal_state_pool(std::move(pool)));
    return {};
  }
  const std::string_view name = reader.get_text();
  const auto digest = reader.get<std::uint64_t>();
  if (!reader.ok() || !name_fault(name).empty()) return malformed("a pool has no usable name");
  SharedPool pool = known.find(name, digest);
  if (!pool) decoded.need.emplace_back(name);
  decoded.state.pools.push_back(std::move(pool));
  return {};
}

Status get_all_services(ByteReader& reader, const Known& known, DecodedState& decoded) {
  if (reader.get_flag()) {
    ByteReader bytes(reader.get_text());
    std::vector<ServiceConfig> services = get_services(bytes);
    if (!bytes.ok()) return malformed("the services are cut short or have bytes that mean nothing");
    decoded.state.services = make_state_services(std::move(services));
  } else {
    decoded.state.services = known.services(reader.get<std::uint64_t>());
    if (!decoded.state.services) decoded.need.emplace_back(services_need_name);
  }
  if (!reader.is_finished()) return malformed("it is cut short, or there is more after its end");
  return {};
}

}  // namespace

std::string encode_state(const ForwardingState& state, const ForwardingState* known_state, std::string_view prefix) {
  const Known known(known_state);
  ByteWriter writer;
  if (known_state == nullptr) writer.reserve(prefix.size() + full_bytes_of(state));
  writer.put_raw(prefix);
  writer.put_raw(magic);
  writer.put(format_version);
  writer.put(state.generation);
  writer.put(static_cast<std::uint8_t>(state.phase));
  writer.put(state.table_hash);
  writer.put_raw({reinterpret_cast<const char*>(state.hash_key.data()), state.hash_key.size()});
  writer.put(static_cast<std::uint32_t>(state.pools.size()));
  for (const SharedPool& pool : state.pools) {
    const bool is_full = known.find(pool->name, pool->digest) == nullptr;
    writer.put_flag(is_full);
    if (!is_full) {
      writer.put_text(pool->name);
      writer.put(pool->digest);
      continue;
    }
    ByteWriter bytes;
    put_pool_head(bytes, *pool);
    const StatePool* base = known.pool(pool->name);
    put_column(bytes, *pool->column, base == nullptr ? nullptr : base->column.get());
    writer.put_text(bytes.view());
  }
  static const SharedServices none = make_state_services({});
  const StateServices& services = state.services ? *state.services : *none;
  const bool is_full = known.services(services.digest) == nullptr;
  writer.put_flag(is_full);
  if (is_full) {
    ByteWriter bytes;
    put_services(bytes, services);
    writer.put_text(bytes.view());
  } else {
    writer.put(services.digest);
  }
  return writer.take();
}

Result<DecodedState> decode_state(std::string_view bytes, const ForwardingState* known_state) {
  if (bytes.size() > state_bytes_max) return malformed("it is too long");
  const Known known(known_state);
  DecodedState decoded;
  ByteReader reader(bytes);
  if (const Status head = get_head(reader, decoded.state); !head) return head.error();
  const std::uint32_t count = reader.get_count(pool_bytes_min);
  if (count > config_limits::pools_max) return malformed("too many pools");
  // A table told by its changes takes the memory of the whole: nobody gets that twice for one name.
  std::unordered_set<std::string> names;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (const Status pool = get_one_pool(reader, known, decoded); !pool) return pool.error();
    const SharedPool& last = decoded.state.pools.back();
    if (!names.insert(last ? last->name : decoded.need.back()).second)
      return malformed("there are two pools of one name");
  }
  if (const Status services = get_all_services(reader, known, decoded); !services) return services.error();
  if (!decoded.need.empty()) return decoded;
  if (const Status checked = check_change(decoded.state, known_state); !checked) return checked.error();
  return decoded;
}

}  // namespace sluice
