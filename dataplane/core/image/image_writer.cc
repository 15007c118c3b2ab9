// SPDX-License-Identifier: Apache-2.0
#include "image_writer.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "flow_sweep.h"
#include "hash_key.h"
#include "image_layout.h"
#include "sluice_encap.h"

namespace sluice {
namespace {

std::uint32_t lines_of(std::size_t items, std::uint32_t per_line) {
  return static_cast<std::uint32_t>((items + per_line - 1) / per_line);
}

std::span<sluice_line> as_lines(void* array, std::uint32_t lines) {
  return {static_cast<sluice_line*>(array), lines};
}

std::uint32_t flows_lines_of(const ForwardingModel& model) {
  return std::max<std::uint32_t>(1, model.flows_per_worker / SLUICE_FLOWS_PER_LINE);
}

// Each part waits for packets under way and lays out all services: with more of them a move to larger arrays is sooner
// done.
constexpr std::uint32_t parts_max = 64;

Error no_room(const char* array) {
  return make_error(ErrorCode::out_of_capacity, std::string("the image's ") + array + " array is full");
}

// Did anything but the next hop change?
bool reaches_alike(const sluice_backend& now, const sluice_backend& wanted) {
  return std::equal(std::begin(now.source), std::end(now.source), std::begin(wanted.source)) &&
         now.inner_mtu == wanted.inner_mtu && now.id == wanted.id;
}

BackendKey key_of(const sluice_backend& line) {
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), line.destination, bytes.size());
  // L2 lines carry their family in the upper words: an IPv4 address leaves them zero.
  const bool is_v6 =
      sluice_encap_is_outer_v6(line.encapsulation) ||
      (line.encapsulation == SLUICE_ENCAP_L2 && (line.destination[1] | line.destination[2] | line.destination[3]) != 0);
  const IpAddress address =
      is_v6 ? IpAddress::from_v6_bytes(bytes) : IpAddress::from_v4_bytes({bytes[0], bytes[1], bytes[2], bytes[3]});
  const bool is_gue = sluice_encap_is_gue(line.encapsulation) != 0;
  return {address, line.encapsulation, is_gue ? sluice_swap16(line.port_be) : std::uint16_t{0}};
}

void write_next_hop(sluice_backend& line, const NextHop& next_hop) {
  std::uint8_t header[12];
  std::memcpy(header, next_hop.destination_mac.data(), 6);
  std::memcpy(header + 6, next_hop.source_mac.data(), 6);
  std::uint64_t low = 0;
  std::uint32_t high = 0;
  std::memcpy(&low, header, sizeof low);
  std::memcpy(&high, header + 8, sizeof high);
  __atomic_store_n(&line.mac_high, high, __ATOMIC_RELAXED);
  __atomic_store_n(&line.interface, next_hop.interface, __ATOMIC_RELAXED);
  // Last, and in one store: a reader takes mac_low != 0 for "resolved".
  __atomic_store_n(&line.mac_low, low, __ATOMIC_RELEASE);
}

}  // namespace

std::uint64_t ImageSizes::bytes() const {
  const std::uint64_t lines = std::uint64_t{vips} + slots + past + members + backends + flows + counters;
  return lines * SLUICE_LINE_BYTES + sizeof(sluice_control);
}

ImageSizes image_sizes_for(const ForwardingModel& model, const ImageOptions& options) {
  std::uint32_t slots = 0;
  std::uint32_t slots_widest = 0;
  std::uint32_t past = 0;
  std::uint32_t members = 0;
  for (const ForwardingPool& pool : model.pools) {
    const std::uint32_t lines = lines_of(pool.slots.size(), SLUICE_SLOTS_PER_LINE);
    slots += lines;
    slots_widest = std::max(slots_widest, lines);
    past += static_cast<std::uint32_t>(past_lines_of(pool));
    members += lines_of(pool.members.size(), SLUICE_MEMBERS_PER_LINE);
  }
  const auto backends = static_cast<std::uint32_t>(model.backends.size());
  ImageSizes sizes;
  sizes.vips = 2 * VipBuffers::lines_for(model.services);
  // Room beside the active generation for the tables of a 24th of the pools (512 pools of 65,537 slots stay below 72
  // MiB in all), and for one at least. A generation that changes more goes in parts, or moves to a new set.
  sizes.slots = std::max(1U, slots + std::max(slots / 24, slots_widest));
  // A cluster's tables get their histories change by change. Room from the start, because moving takes a second: for
  // those of all slots, twice for two generations, and once more for the gaps that runs of growing length leave; of
  // more than two pools of 65,537 slots for less, 4 MiB, which is what 512 of them have left below those 72, and for
  // more of them as much for each. Who moves for histories gets room for twice as many, for two generations: they grow,
  // until every slot has one.
  constexpr std::uint32_t past_lines_per_slots_line = 3 * 4;  // a line of the past covers 8 slots at least
  constexpr std::uint32_t past_from_the_start = (4U << 20) / SLUICE_LINE_BYTES;
  const std::uint32_t past_of_all_slots = past_lines_per_slots_line * slots;
  const std::uint32_t past_at_first = std::min(past_of_all_slots, std::max(past_from_the_start, slots / 16));
  sizes.past = std::max({64U, std::min(4 * past, past_of_all_slots), past_at_first});
  sizes.members = std::max(64U, 2 * members);
  // Line 0 means "none"; a quarter more, and 64, for backends to come before the next growth.
  sizes.backends = std::bit_ceil(backends + backends / 4 + 64);
  sizes.flows = options.workers * flows_lines_of(model);
  const auto services = static_cast<std::uint32_t>(model.services.size());
  const std::uint32_t service_lines = lines_of(std::bit_ceil(services + services / 4 + 64), SLUICE_TRAFFIC_PER_LINE);
  sizes.counters =
      options.workers * (SLUICE_COUNTERS_SERVICES + service_lines + lines_of(sizes.backends, SLUICE_TRAFFIC_PER_LINE));
  return sizes;
}

// A generation in the making; undone as a whole if any step fails.
struct ImageWriter::Pending {
  std::uint64_t generation = 0;
  sluice_hash_key key{};
  SharedVector<std::uint32_t> backend_index;  // by position in ForwardingModel::backends
  std::vector<std::pair<BackendKey, BackendIndex>> new_backends;
  std::vector<BackendKey> gone_backends;
  SharedVector<std::uint32_t> counters;                         // by position in ForwardingModel::services
  std::optional<std::map<ServiceKey, std::uint32_t>> services;  // nothing: as before
  std::vector<std::uint32_t> new_service_counters;
  std::vector<PoolPlace> pools;
  std::vector<bool> waits;  // by position in ForwardingModel::pools: as published, until there is room; may be empty
  std::uint32_t vips_lines = 0;
  Uses slots_uses;
  Uses past_uses;
  Uses members_uses;
  FlowMoves moves;  // lines that leave, and where their flows go
  PublishReport report;
};

ImageWriter::ImageWriter(const sluice_tables& tables, const ImageOptions& options, ReadersMovedOn readers_moved_on)
    : tables_(tables),
      options_(options),
      readers_moved_on_(std::move(readers_moved_on)),
      backend_lines_(tables.backends_lines),
      service_counters_(service_counters_count()),
      vips_({tables.vips, tables.vips_lines}),
      slots_(as_lines(tables.slots, tables.slots_lines)),
      past_(as_lines(tables.past, tables.past_lines)),
      members_(as_lines(tables.members, tables.members_lines)) {
  SLUICE_INVARIANT(options.workers > 0 && tables.counters_lines % options.workers == 0);
  SLUICE_INVARIANT(backend_lines_.take(0, 1));
  if (tables_.control->active.generation != 0) adopt();
}

std::uint32_t ImageWriter::counters_stride() const {
  return tables_.counters_lines / options_.workers;
}

std::uint32_t ImageWriter::counters_backends() const {
  return counters_stride() - lines_of(tables_.backends_lines, SLUICE_TRAFFIC_PER_LINE);
}

std::uint32_t ImageWriter::service_counters_count() const {
  return (counters_backends() - SLUICE_COUNTERS_SERVICES) * SLUICE_TRAFFIC_PER_LINE;
}

Generation ImageWriter::generation() const {
  return Generation(tables_.control->active.generation);
}

std::optional<BackendIndex> ImageWriter::find_backend(const BackendKey& key) const {
  const auto found = backends_.find(key);
  return found == backends_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::uint32_t> ImageWriter::find_service(const ServiceKey& key) const {
  const auto found = services_.find(key);
  return found == services_.end() ? std::nullopt : std::optional(found->second);
}

// Takes over what the active generation uses; everything else is free.
void ImageWriter::adopt() {
  for (std::uint32_t index = 1; index < tables_.backends_lines; ++index) {
    const sluice_backend& line = tables_.backends[index];
    if (line.encapsulation == SLUICE_ENCAP_NONE || !(line.flags & SLUICE_BACKEND_ALIVE)) continue;
    SLUICE_INVARIANT(backend_lines_.take(index, 1));
    const auto [kept, is_new] = backends_.emplace(key_of(line), BackendIndex(index));
    // A writer that died between two steps of a publish left both the old and the new line of a backend.
    if (!is_new) strays_[index] = kept->second.value();
  }
  const sluice_generation& generation = tables_.control->generations[tables_.control->active.generation & 1];
  const std::span<sluice_vip> vips(tables_.vips + generation.vips_line, generation.vips_mask + 1);
  for (const sluice_vip& vip : vips) {
    if (vip.kind == SLUICE_KEY_SERVICE_V4 || vip.kind == SLUICE_KEY_SERVICE_V6) {
      std::array<std::uint8_t, 16> bytes{};
      std::memcpy(bytes.data(), vip.address, bytes.size());
      const IpAddress address = vip.kind == SLUICE_KEY_SERVICE_V6
                                    ? IpAddress::from_v6_bytes(bytes)
                                    : IpAddress::from_v4_bytes({bytes[0], bytes[1], bytes[2], bytes[3]});
      services_.emplace(ServiceKey{address, vip.protocol, PortHost(sluice_swap16(vip.port_be))}, vip.service);
      service_counters_.take(vip.service, 1);
    }
    if (vip.kind == SLUICE_KEY_EMPTY || vip.slots_count == 0 || (vip.flags & SLUICE_VIP_EMPTY)) continue;
    const auto adopt_region = [](RegionStore& store, Uses& uses, std::uint32_t first, std::uint32_t count) {
      if (count == 0) return;
      SLUICE_INVARIANT(store.adopt(first, count));
      uses.push_back(first);
    };
    adopt_region(slots_, slots_uses_, vip.slots_line, lines_of(vip.slots_count, SLUICE_SLOTS_PER_LINE));
    adopt_region(past_, past_uses_, vip.past_line, vip.past_count);
    adopt_region(members_, members_uses_, vip.members_line, vip.members_count);
  }
}

// The line of a backend that the published model has too, the same in everything. Lists of two generations differ in
// few places: `at` goes through the published one beside the new one.
std::optional<std::uint32_t> ImageWriter::unchanged_line(const ForwardingBackend& backend, std::size_t& at) const {
  for (std::size_t next = at; next < published_.backends.size() && next < at + 2; ++next) {
    if (published_.backends[next] != backend) continue;
    at = next + 1;
    return published_.backend_index[next];
  }
  const auto known = backends_.find(backend.key);
  if (known == backends_.end()) return std::nullopt;
  if (!reaches_alike(tables_.backends[known->second.value()], encode_backend(backend))) return std::nullopt;
  return known->second.value();
}

Status ImageWriter::place_backends(const ForwardingModel& model, const NextHopOf& next_hop_of, Pending& pending) {
  pending.moves = strays_;
  if (published_.is_known &&
      (model.backends.is_same(published_.backends) || model.backends.items() == published_.backends.items())) {
    pending.backend_index = published_.backend_index;
    return {};
  }
  std::vector<bool> stays(tables_.backends_lines);
  std::vector<std::uint32_t> indices;
  indices.reserve(model.backends.size());
  std::size_t at = 0;
  for (const ForwardingBackend& backend : model.backends) {
    if (const auto unchanged = unchanged_line(backend, at)) {
      stays[*unchanged] = true;
      indices.push_back(*unchanged);
      continue;
    }
    const auto line = backend_lines_.allocate(1);
    if (!line) return no_room("backends");
    pending.new_backends.emplace_back(backend.key, BackendIndex(*line));
    sluice_backend wanted = encode_backend(backend);
    if (const auto next_hop = next_hop_of ? next_hop_of(backend) : std::nullopt) write_next_hop(wanted, *next_hop);
    clear_traffic(counters_backends(), *line);
    tables_.backends[*line] = wanted;
    indices.push_back(*line);
    // A changed way to the same backend gets a line of its own, so no packet sees half of each; its flows follow.
    if (const auto known = backends_.find(backend.key); known != backends_.end())
      pending.moves[known->second.value()] = *line;
  }
  for (const auto& [key, index] : backends_) {
    if (stays[index.value()] || !pending.moves.emplace(index.value(), 0).second) continue;
    pending.gone_backends.push_back(key);
  }
  pending.backend_index = std::move(indices);
  return {};
}

namespace {

// Lines that are there already, or are written now. Nothing: no room.
std::optional<std::uint32_t> put(RegionStore& store, std::vector<std::uint32_t>& uses,
                                 const std::vector<sluice_line>& lines) {
  const auto first = store.place(lines);
  if (first) uses.push_back(*first);
  return first;
}

void keep(RegionStore& store, std::vector<std::uint32_t>& uses, std::uint32_t first) {
  store.keep(first);
  uses.push_back(first);
}

}  // namespace

Status ImageWriter::place_members(const ForwardingPool& pool, const PublishedPool* before, PoolPlace& place,
                                  Pending& pending) {
  place.members_count = lines_of(pool.members.size(), SLUICE_MEMBERS_PER_LINE);
  if (before != nullptr && pool.members.is_same(before->pool.members) &&
      pending.backend_index.is_same(published_.backend_index)) {
    place.members_line = before->place.members_line;
    keep(members_, pending.members_uses, place.members_line);
    return {};
  }
  std::vector<std::uint32_t> indices;
  indices.reserve(pool.members.size());
  for (const std::uint32_t member : pool.members) indices.push_back(pending.backend_index.at(member));
  const auto members = put(members_, pending.members_uses, encode_members(indices));
  if (!members) return no_room("members");
  place.members_line = *members;
  return {};
}

Status ImageWriter::place_pool(const ForwardingPool& pool, Pending& pending) {
  PoolPlace& place = pending.pools.emplace_back();
  place.chain = pool.chain;
  if (pool.slots.empty()) return {};
  const auto known = published_.positions.find(pool.slots.storage());
  const PublishedPool* before = known == published_.positions.end() ? nullptr : &published_.pools[known->second];
  if (const Status placed = place_members(pool, before, place, pending); !placed) return placed;
  place.slots_count = static_cast<std::uint32_t>(pool.slots.size());
  if (before != nullptr && pool.past.is_same(before->pool.past)) {
    place.past_line = before->place.past_line;
    place.past_count = before->place.past_count;
    place.past_shift = before->place.past_shift;
    place.slots_line = before->place.slots_line;
    if (place.past_count != 0) keep(past_, pending.past_uses, place.past_line);
    keep(slots_, pending.slots_uses, *place.slots_line);
    return {};
  }
  const EncodedPast past = encode_past(pool);
  if (!past.lines.empty()) {
    const auto first = put(past_, pending.past_uses, past.lines);
    if (!first) return no_room("past");
    place.past_line = *first;
    place.past_count = static_cast<std::uint32_t>(past.lines.size());
    place.past_shift = past.shift;
  }
  place.slots_line = put(slots_, pending.slots_uses, encode_slots(pool));
  if (!place.slots_line) return no_room("slots");
  return {};
}

bool ImageWriter::is_as_published(const ForwardingModel& model, std::size_t at) const {
  if (at >= published_.pools.size()) return false;
  const ForwardingPool& pool = model.pools[at];
  const ForwardingPool& now = published_.pools[at].pool;
  return pool.slots.is_same(now.slots) && pool.past.is_same(now.past) && pool.members.is_same(now.members);
}

// Nothing but pools' tables is different: packets of one pool do not see another's.
bool ImageWriter::can_wait(const ForwardingModel& model, const Pending& pending) const {
  return published_.is_known && pending.backend_index.is_same(published_.backend_index) &&
         model.services.is_same(published_.services) && model.hash_secret == published_.hash_secret &&
         std::equal(model.pools.begin(), model.pools.end(), published_.pools.begin(), published_.pools.end(),
                    [](const ForwardingPool& pool, const PublishedPool& now) { return pool.name == now.pool.name; });
}

Status ImageWriter::place_pools(const ForwardingModel& model, Pending& pending) {
  bool has_progress = false;
  for (std::size_t i = 0; i < model.pools.size(); ++i) {
    const ForwardingPool& pool = model.pools[i];
    const bool is_new = !is_as_published(model, i);
    if (pending.waits.empty() || !is_new) {
      const Status placed = place_pool(pool, pending);
      if (placed) {
        has_progress = has_progress || is_new;
        continue;
      }
      if (!is_new || !has_progress || !can_wait(model, pending)) return placed;
      pending.pools.pop_back();
      pending.waits.resize(model.pools.size());
    }
    pending.waits[i] = true;
    if (const Status placed = place_pool(published_.pools[i].pool, pending); !placed) return placed;
  }
  return {};
}

Status ImageWriter::place_counters(const ForwardingModel& model, Pending& pending) {
  if (published_.is_known && model.services.is_same(published_.services)) {
    pending.counters = published_.counters;
    return {};
  }
  std::vector<std::uint32_t> counters;
  counters.reserve(model.services.size());
  auto& services = pending.services.emplace();
  for (const ForwardingService& service : model.services) {
    if (const auto known = services_.find(service.key); known != services_.end()) {
      counters.push_back(known->second);
    } else {
      const auto index = service_counters_.allocate(1);
      if (!index) return no_room("counters");
      pending.new_service_counters.push_back(*index);
      counters.push_back(*index);
      clear_traffic(SLUICE_COUNTERS_SERVICES, *index);
    }
    services.emplace(service.key, counters.back());
  }
  pending.counters = std::move(counters);
  return {};
}

Status ImageWriter::place(const ForwardingModel& model, const NextHopOf& next_hop_of, Pending& pending) {
  if (tables_.flows_lines < options_.workers * flows_lines_of(model)) return no_room("flows");
  if (auto status = place_backends(model, next_hop_of, pending); !status) return status;
  if (auto status = place_pools(model, pending); !status) return status;
  if (auto status = place_counters(model, pending); !status) return status;
  const Result<std::uint32_t> lines = vips_.fill(static_cast<std::uint32_t>(pending.generation & 1),
                                                 {model.services, pending.counters, pending.pools, pending.key});
  if (!lines) return lines.error();
  pending.vips_lines = *lines;
  return {};
}

void ImageWriter::activate(const ForwardingModel& model, const Pending& pending, std::uint64_t now_realtime_ns) {
  sluice_generation& block = tables_.control->generations[pending.generation & 1];
  block = sluice_generation{};
  block.generation = pending.generation;
  block.vips_line = static_cast<std::uint32_t>((pending.generation & 1) * (tables_.vips_lines / 2));
  block.vips_mask = pending.vips_lines - 1;
  block.flows_mask = flows_lines_of(model) - 1;
  block.inserts_per_tick = model.inserts_per_tick;
  block.icmp_per_tick = model.icmp_per_tick;
  block.counters_stride = counters_stride();
  block.counters_backends = counters_backends();
  block.workers = options_.workers;
  block.key = pending.key;
  for (const ForwardingService& service : model.services) {
    if (service.key.port == PortHost(0)) block.flags |= SLUICE_GENERATION_ANY_PORT;
    block.flags |= service.key.address.is_v4() ? SLUICE_GENERATION_HAS_V4 : SLUICE_GENERATION_HAS_V6;
  }
  tables_.control->active.image_version = SLUICE_IMAGE_VERSION;
  tables_.control->active.updated_ns = now_realtime_ns;
  __atomic_store_n(&tables_.control->active.generation, pending.generation, __ATOMIC_RELEASE);
}

// The new generation is live; frees what only the old one used, in an order no packet can notice.
void ImageWriter::retire(const ForwardingModel& model, Pending& pending) {
  readers_moved_on_();
  move_flows(tables_, pending.moves);
  for (const auto& [line, successor] : pending.moves) {
    __atomic_and_fetch(&tables_.backends[line].flags, static_cast<sluice_u8>(~SLUICE_BACKEND_ALIVE), __ATOMIC_RELEASE);
  }
  if (!pending.moves.empty()) {
    // Packets under way may have refreshed an entry meanwhile; after this nobody can any more.
    readers_moved_on_();
    move_flows(tables_, pending.moves);
    // A packet may have found such an entry just before: it goes elsewhere, because the backend is dead, but has yet to
    // look. The line may not be another backend's by then.
    readers_moved_on_();
  }
  for (const auto& [line, successor] : pending.moves) {
    tables_.backends[line] = sluice_backend{};
    backend_lines_.release(line, 1);
  }
  if (pending.services) {
    for (const auto& [key, counters] : services_)
      if (!pending.services->contains(key)) service_counters_.release(counters, 1);
    services_ = std::move(*pending.services);
  }
  for (const std::uint32_t first : slots_uses_) slots_.release(first);
  for (const std::uint32_t first : past_uses_) past_.release(first);
  for (const std::uint32_t first : members_uses_) members_.release(first);
  strays_.clear();
  slots_uses_ = std::move(pending.slots_uses);
  past_uses_ = std::move(pending.past_uses);
  members_uses_ = std::move(pending.members_uses);
  for (const BackendKey& key : pending.gone_backends) backends_.erase(key);
  for (const auto& [key, index] : pending.new_backends) backends_[key] = index;
  remember(model, pending);
}

void ImageWriter::remember(const ForwardingModel& model, Pending& pending) {
  published_.is_known = true;
  published_.backends = model.backends;
  published_.backend_index = std::move(pending.backend_index);
  published_.services = model.services;
  published_.counters = std::move(pending.counters);
  published_.hash_secret = model.hash_secret;
  std::vector<PublishedPool> pools;
  pools.reserve(model.pools.size());
  published_.positions.clear();
  for (std::size_t i = 0; i < model.pools.size(); ++i) {
    const bool waits = !pending.waits.empty() && pending.waits[i];
    pools.push_back({waits ? std::move(published_.pools[i].pool) : model.pools[i], pending.pools[i]});
    const ForwardingPool& pool = pools.back().pool;
    if (!pool.slots.empty()) published_.positions.emplace(pool.slots.storage(), i);
  }
  published_.pools = std::move(pools);
}

// Nothing of `pending` was reachable by a packet, so all of it goes back at once.
void ImageWriter::undo(const Pending& pending) {
  for (const auto& [key, index] : pending.new_backends) {
    tables_.backends[index.value()] = sluice_backend{};
    backend_lines_.release(index.value(), 1);
  }
  for (const std::uint32_t index : pending.new_service_counters) service_counters_.release(index, 1);
  for (const std::uint32_t first : pending.slots_uses) slots_.release(first);
  for (const std::uint32_t first : pending.past_uses) past_.release(first);
  for (const std::uint32_t first : pending.members_uses) members_.release(first);
}

Result<PublishReport> ImageWriter::publish(const ForwardingModel& model, const NextHopOf& next_hop_of,
                                           std::uint64_t now_realtime_ns) {
  PublishReport all;
  std::uint32_t parts = 0;
  for (bool is_whole = false; !is_whole;) {
    if (++parts > parts_max) return no_room("slots");
    const Result<PublishReport> part = publish_part(model, next_hop_of, now_realtime_ns, is_whole);
    if (!part) return part.error();
    all.generation = part->generation;
    all.slots_lines_written += part->slots_lines_written;
    all.backends_added += part->backends_added;
    all.backends_removed += part->backends_removed;
  }
  return all;
}

// `is_whole`: all pools are as `model` says; if not, at least one more is.
Result<PublishReport> ImageWriter::publish_part(const ForwardingModel& model, const NextHopOf& next_hop_of,
                                                std::uint64_t now_realtime_ns, bool& is_whole) {
  Pending pending;
  pending.generation = tables_.control->active.generation + 1;
  pending.key = derive_hash_key(model.hash_secret);
  const std::uint32_t lines_before = slots_.lines_written();
  if (auto status = place(model, next_hop_of, pending); !status) {
    undo(pending);
    return status.error();
  }
  pending.report.generation = Generation(pending.generation);
  pending.report.slots_lines_written = slots_.lines_written() - lines_before;
  pending.report.backends_added = static_cast<std::uint32_t>(pending.new_backends.size());
  pending.report.backends_removed = static_cast<std::uint32_t>(pending.moves.size());
  activate(model, pending, now_realtime_ns);
  is_whole = pending.waits.empty();
  retire(model, pending);
  return pending.report;
}

void ImageWriter::clear_traffic(std::uint32_t line, std::uint32_t index) {
  for (std::uint32_t worker = 0; worker < options_.workers; ++worker) {
    sluice_line& counters = tables_.counters[worker * counters_stride() + line + index / SLUICE_TRAFFIC_PER_LINE];
    auto* traffic = reinterpret_cast<sluice_traffic_counters*>(&counters);
    traffic->traffic[index % SLUICE_TRAFFIC_PER_LINE] = sluice_traffic{};
  }
}

void ImageWriter::set_next_hop(BackendIndex backend, const NextHop& next_hop) {
  if (backend.value() == 0 || backend.value() >= tables_.backends_lines) return;
  write_next_hop(tables_.backends[backend.value()], next_hop);
}

void ImageWriter::clear_next_hop(BackendIndex backend) {
  if (backend.value() == 0 || backend.value() >= tables_.backends_lines) return;
  __atomic_store_n(&tables_.backends[backend.value()].mac_low, 0, __ATOMIC_RELEASE);
}

}  // namespace sluice
