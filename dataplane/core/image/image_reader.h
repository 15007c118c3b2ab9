// SPDX-License-Identifier: Apache-2.0
// Reading an image beside running workers: counters summed over workers, and what would happen to a flow. Any thread;
// sums are of single counters, each exact, taken one after the other.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "forwarding_model.h"
#include "sluice_tables.h"

namespace sluice {

struct ReasonText {
  std::string_view name;
  sluice_reason_class reason_class;
  std::string_view text;
};
// Indexed by enum sluice_reason.
[[nodiscard]] const std::array<ReasonText, SLUICE_REASON_COUNT>& reason_texts();

struct ImageTotals {
  std::uint64_t rx_packets = 0;
  std::uint64_t rx_bytes = 0;
  std::uint64_t flow_hits = 0;
  std::uint64_t flow_inserts = 0;
  std::uint64_t flow_inserts_limited = 0;
  std::uint64_t flow_evictions = 0;
  std::array<std::uint64_t, SLUICE_REASON_COUNT> reasons{};
  friend bool operator==(const ImageTotals&, const ImageTotals&) = default;
};
[[nodiscard]] ImageTotals read_totals(const sluice_tables& tables);

struct TrafficTotals {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint64_t new_flows = 0;
  std::uint64_t drops = 0;
  TrafficTotals& operator+=(const TrafficTotals& other);
  friend bool operator==(const TrafficTotals&, const TrafficTotals&) = default;
};
// `counters` as ImageWriter::find_service says; `backend` a line of backends.
[[nodiscard]] TrafficTotals read_service(const sluice_tables& tables, std::uint32_t counters);
[[nodiscard]] TrafficTotals read_backend(const sluice_tables& tables, BackendIndex backend);

// A flow as an operator names it.
struct FlowQuery {
  IpAddress source;
  PortHost source_port;
  IpAddress destination;
  PortHost destination_port;
  std::uint8_t protocol = 0;
};

// What the image does with a packet in the middle of that flow, by the packet path's own functions.
struct FlowAnswer {
  sluice_reason reason = SLUICE_REASON_not_vip;  // forwarded, no_backend, no_next_hop, not_vip, bad_source
  std::uint64_t generation = 0;
  std::uint64_t flow_hash = 0;
  std::optional<std::uint32_t> service;  // counters index
  std::optional<std::uint32_t> slot;
  std::uint32_t slots_count = 0;
  bool unstable = false;
  std::optional<BackendIndex> backend;       // where the packet goes
  std::vector<BackendIndex> candidates;      // the slot's owner first, then its previous owners
  std::vector<std::uint32_t> remembered_by;  // workers whose flow table names `backend_remembered`
  std::optional<BackendIndex> backend_remembered;
};
// `now` in the plane's ticks.
[[nodiscard]] FlowAnswer explain_flow(const sluice_tables& tables, const FlowQuery& query, std::uint32_t now);

}  // namespace sluice
