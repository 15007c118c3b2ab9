// SPDX-License-Identifier: Apache-2.0
#include "image_carry.h"

#include <cstring>

#include "image_reader.h"
#include "sluice_flows.h"

namespace sluice {
namespace {

const sluice_generation& generation_of(const sluice_tables& tables) {
  return tables.control->generations[tables.control->active.generation & 1];
}

sluice_line* carried_lines(const sluice_tables& tables) {
  const sluice_generation& generation = generation_of(tables);
  return tables.counters + std::size_t{generation.workers - 1} * generation.counters_stride;
}

void store(sluice_u64& counter, std::uint64_t value) {
  __atomic_store_n(&counter, value, __ATOMIC_RELAXED);
}

void store_traffic(sluice_line* lines, std::uint32_t first, std::uint32_t index, const TrafficTotals& totals) {
  auto* counters = reinterpret_cast<sluice_traffic_counters*>(lines + first + index / SLUICE_TRAFFIC_PER_LINE);
  sluice_traffic& traffic = counters->traffic[index % SLUICE_TRAFFIC_PER_LINE];
  store(traffic.packets, totals.packets);
  store(traffic.bytes, totals.bytes);
  store(traffic.new_flows, totals.new_flows);
  store(traffic.drops, totals.drops);
}

}  // namespace

void continue_numbering(const sluice_tables& tables, Generation generation) {
  tables.control->active.image_version = SLUICE_IMAGE_VERSION;
  tables.control->generations[generation.value() & 1].generation = generation.value();
  tables.control->active.generation = generation.value();
}

ImageCarry::ImageCarry(const ImageWriter& from, const ImageWriter& to, const ForwardingModel& model)
    : from_(from), to_(to), model_(model), backends_(from.tables().backends_lines, 0) {
  for (const ForwardingBackend& backend : model.backends) {
    const auto before = from.find_backend(backend.key);
    const auto after = to.find_backend(backend.key);
    if (before && after) backends_.at(before->value()) = after->value();
  }
}

bool ImageCarry::same_flow_shape() const {
  const sluice_generation& before = generation_of(from_.tables());
  const sluice_generation& after = generation_of(to_.tables());
  return before.flows_mask == after.flows_mask && before.workers == after.workers &&
         std::memcmp(&before.key, &after.key, sizeof before.key) == 0;
}

std::uint64_t ImageCarry::translated(std::uint64_t entry) const {
  const std::uint32_t before = sluice_flow_backend(entry);
  const std::uint32_t after = before < backends_.size() ? backends_[before] : 0;
  if (after == 0) return 0;
  return sluice_flow_entry(static_cast<sluice_u32>(entry >> 32), after,
                           static_cast<sluice_u32>(entry) & SLUICE_FLOW_TIME_MASK);
}

std::uint64_t ImageCarry::copy_flows() {
  if (!same_flow_shape()) return 0;
  const sluice_generation& generation = generation_of(to_.tables());
  const std::uint32_t lines = generation.workers * (generation.flows_mask + 1);
  std::uint64_t count = 0;
  for (std::uint32_t line = 0; line < lines; ++line) {
    for (std::size_t place = 0; place < SLUICE_FLOWS_PER_LINE; ++place) {
      const std::uint64_t entry = __atomic_load_n(&from_.tables().flows[line].entry[place], __ATOMIC_RELAXED);
      const std::uint64_t wanted = entry == 0 ? 0 : translated(entry);
      if (wanted == 0) continue;
      to_.tables().flows[line].entry[place] = wanted;
      ++count;
    }
  }
  return count;
}

std::uint64_t ImageCarry::copy_late_flows() {
  if (!same_flow_shape()) return 0;
  const sluice_generation& generation = generation_of(to_.tables());
  const std::uint32_t lines = generation.workers * (generation.flows_mask + 1);
  std::uint64_t count = 0;
  for (std::uint32_t line = 0; line < lines; ++line) {
    for (std::size_t place = 0; place < SLUICE_FLOWS_PER_LINE; ++place) {
      const std::uint64_t entry = from_.tables().flows[line].entry[place];
      const std::uint64_t wanted = entry == 0 ? 0 : translated(entry);
      // Whatever stands there by now is either the copy or the new program's own, which knows better.
      std::uint64_t empty = 0;
      if (wanted != 0 && __atomic_compare_exchange_n(&to_.tables().flows[line].entry[place], &empty, wanted, false,
                                                     __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ++count;
    }
  }
  return count;
}

void ImageCarry::copy_counters() {
  const ImageTotals totals = read_totals(from_.tables());
  sluice_line* lines = carried_lines(to_.tables());
  auto* head = reinterpret_cast<sluice_worker_head*>(lines);
  store(head->rx_packets, totals.rx_packets);
  store(head->rx_bytes, totals.rx_bytes);
  store(head->flow_hits, totals.flow_hits);
  store(head->flow_inserts, totals.flow_inserts);
  store(head->flow_inserts_limited, totals.flow_inserts_limited);
  store(head->flow_evictions, totals.flow_evictions);
  for (std::size_t reason = 0; reason < totals.reasons.size(); ++reason) {
    auto* line =
        reinterpret_cast<sluice_reason_counters*>(lines + SLUICE_COUNTERS_REASONS + reason / SLUICE_REASONS_PER_LINE);
    store(line->packets[reason % SLUICE_REASONS_PER_LINE], totals.reasons[reason]);
  }
  for (const ForwardingService& service : model_.services) {
    const auto before = from_.find_service(service.key);
    const auto after = to_.find_service(service.key);
    if (before && after) store_traffic(lines, SLUICE_COUNTERS_SERVICES, *after, read_service(from_.tables(), *before));
  }
  const std::uint32_t first = generation_of(to_.tables()).counters_backends;
  for (const ForwardingBackend& backend : model_.backends) {
    const auto before = from_.find_backend(backend.key);
    const auto after = to_.find_backend(backend.key);
    if (before && after) store_traffic(lines, first, after->value(), read_backend(from_.tables(), *before));
  }
}

}  // namespace sluice
