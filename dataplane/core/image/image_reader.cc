// SPDX-License-Identifier: Apache-2.0
#include "image_reader.h"

#include <algorithm>

#include "sluice_pipeline.h"

namespace sluice {
namespace {

const sluice_generation* active_generation(const sluice_tables& tables) {
  const sluice_u64 active = sluice_read_active(tables.control);
  return active == 0 ? nullptr : &tables.control->generations[active & 1];
}

std::uint64_t load(const sluice_u64& counter) {
  return __atomic_load_n(&counter, __ATOMIC_RELAXED);
}

template <typename Line>
const Line& counter_line(const sluice_tables& tables, std::uint32_t line) {
  static_assert(sizeof(Line) == sizeof(sluice_line));
  return *reinterpret_cast<const Line*>(&tables.counters[line]);
}

TrafficTotals read_traffic(const sluice_tables& tables, std::uint32_t first_line, std::uint32_t index) {
  TrafficTotals totals;
  const sluice_generation* generation = active_generation(tables);
  if (generation == nullptr) return totals;
  for (std::uint32_t worker = 0; worker < generation->workers; ++worker) {
    const std::uint32_t line = worker * generation->counters_stride + first_line + index / SLUICE_TRAFFIC_PER_LINE;
    if (line >= tables.counters_lines) break;
    const sluice_traffic& traffic =
        counter_line<sluice_traffic_counters>(tables, line).traffic[index % SLUICE_TRAFFIC_PER_LINE];
    totals += {load(traffic.packets), load(traffic.bytes), load(traffic.new_flows), load(traffic.drops)};
  }
  return totals;
}

// Fills in who the slot's owners are, beside what the packet path chose.
void explain_slot(sluice_tables& tables, const sluice_road& road, FlowAnswer& answer) {
  const sluice_vip& vip = *road.vip;
  if (vip.flags & SLUICE_VIP_EMPTY) return;
  const std::uint32_t slot = sluice_slot_of(road.flow_hash, vip.slots_count);
  const std::uint32_t entry = sluice_slot_entry(&tables, &vip, slot);
  answer.slot = slot;
  answer.slots_count = vip.slots_count;
  answer.unstable = (entry & SLUICE_SLOT_UNSTABLE) != 0;
  answer.candidates.emplace_back(sluice_member_backend(&tables, vip.members_line, entry & SLUICE_MEMBER_NONE));
  if (!answer.unstable) return;
  const sluice_past* line = sluice_at_past(&tables, vip.past_line + (slot >> vip.past_shift));
  if (line == nullptr) return;
  for (const sluice_past_entry& past : line->entry) {
    if (past.slot_low != static_cast<std::uint16_t>(slot) || past.member[0] == SLUICE_MEMBER_NONE) continue;
    for (const sluice_u16 member : past.member)
      if (member != SLUICE_MEMBER_NONE)
        answer.candidates.emplace_back(sluice_member_backend(&tables, vip.members_line, member));
    return;
  }
}

void explain_memory(sluice_road road, FlowAnswer& answer) {
  if (!(road.vip->flags & SLUICE_VIP_TRACK)) return;
  for (std::uint32_t worker = 0; worker < road.generation->workers; ++worker) {
    road.worker = worker;
    road.flow_line = sluice_flow_line(&road);
    if (road.flow_line == nullptr) return;
    road.flow_place = sluice_flow_find(road.flow_line, sluice_flow_tag(road.memory_hash));
    const std::uint32_t index = sluice_flow_recall(&road);
    if (index == 0) continue;
    answer.remembered_by.push_back(worker);
    answer.backend_remembered = BackendIndex(index);
  }
}

}  // namespace

const std::array<ReasonText, SLUICE_REASON_COUNT>& reason_texts() {
#define SLUICE_REASON_TEXT(name, class_, text) ReasonText{#name, SLUICE_CLASS_##class_, text},
  static constexpr std::array<ReasonText, SLUICE_REASON_COUNT> texts = {SLUICE_REASONS(SLUICE_REASON_TEXT)};
#undef SLUICE_REASON_TEXT
  return texts;
}

TrafficTotals& TrafficTotals::operator+=(const TrafficTotals& other) {
  packets += other.packets;
  bytes += other.bytes;
  new_flows += other.new_flows;
  drops += other.drops;
  return *this;
}

ImageTotals read_totals(const sluice_tables& tables) {
  ImageTotals totals;
  const sluice_generation* generation = active_generation(tables);
  if (generation == nullptr) return totals;
  for (std::uint32_t worker = 0; worker < generation->workers; ++worker) {
    const std::uint32_t base = worker * generation->counters_stride;
    const auto& head = counter_line<sluice_worker_head>(tables, base);
    totals.rx_packets += load(head.rx_packets);
    totals.rx_bytes += load(head.rx_bytes);
    totals.flow_hits += load(head.flow_hits);
    totals.flow_inserts += load(head.flow_inserts);
    totals.flow_inserts_limited += load(head.flow_inserts_limited);
    totals.flow_evictions += load(head.flow_evictions);
    for (std::uint32_t reason = 0; reason < SLUICE_REASON_COUNT; ++reason) {
      const auto& line = counter_line<sluice_reason_counters>(
          tables, base + SLUICE_COUNTERS_REASONS + reason / SLUICE_REASONS_PER_LINE);
      totals.reasons[reason] += load(line.packets[reason % SLUICE_REASONS_PER_LINE]);
    }
  }
  return totals;
}

TrafficTotals read_service(const sluice_tables& tables, std::uint32_t counters) {
  return read_traffic(tables, SLUICE_COUNTERS_SERVICES, counters);
}

TrafficTotals read_backend(const sluice_tables& tables, BackendIndex backend) {
  const sluice_generation* generation = active_generation(tables);
  return generation == nullptr ? TrafficTotals{} : read_traffic(tables, generation->counters_backends, backend.value());
}

FlowAnswer explain_flow(const sluice_tables& const_tables, const FlowQuery& query, std::uint32_t now) {
  FlowAnswer answer;
  sluice_tables tables = const_tables;
  sluice_road road{};
  if (!sluice_road_begin(&road, &tables, 0, now)) return answer;
  answer.generation = road.generation->generation;
  if (query.source.family() != query.destination.family()) return answer;
  const int is_v6 = !query.destination.is_v4();
  const auto source = query.source.words();
  const auto destination = query.destination.words();
  std::copy(source.begin(), source.end(), std::begin(road.packet.source));
  std::copy(destination.begin(), destination.end(), std::begin(road.packet.destination));
  road.packet.protocol = query.protocol;
  road.use = SLUICE_FLOW_PEEK;
  if (!sluice_find_service(&road, road.packet.source, query.source_port.value(), road.packet.destination,
                           query.destination_port.value(), query.protocol, is_v6))
    return answer;
  answer.service = road.vip->service;
  answer.flow_hash = road.flow_hash;
  if (sluice_source_is_bad(&road.packet, is_v6)) {
    answer.reason = SLUICE_REASON_bad_source;
    return answer;
  }
  explain_slot(tables, road, answer);
  explain_memory(road, answer);
  answer.reason = sluice_choose_backend(&road);
  // The worker that remembers the flow is the one its packets arrive at.
  if (answer.backend_remembered) {
    answer.reason = SLUICE_REASON_forwarded;
    answer.backend = answer.backend_remembered;
  } else if (answer.reason == SLUICE_REASON_forwarded) {
    answer.backend = BackendIndex(road.backend_index);
  }
  if (answer.backend && tables.backends[answer.backend->value()].mac_low == 0)
    answer.reason = SLUICE_REASON_no_next_hop;
  return answer;
}

}  // namespace sluice
