// SPDX-License-Identifier: Apache-2.0
#include "accounts.h"

#include <array>

namespace sluice {
namespace {

std::string difference(const char* what, std::uint64_t left, std::uint64_t right) {
  if (left == right) return {};
  return std::string(what) + ": " + std::to_string(left) + " and " + std::to_string(right) + "; ";
}

}  // namespace

std::string accounts_text(const PacketPlane& plane) {
  const ImageTotals totals = read_totals(plane.tables());
  std::array<std::uint64_t, 3> by_class{};
  std::uint64_t reasons = 0;
  for (std::size_t reason = 0; reason < totals.reasons.size(); ++reason) {
    reasons += totals.reasons[reason];
    by_class[reason_texts()[reason].reason_class] += totals.reasons[reason];
  }
  TrafficTotals services;
  TrafficTotals backends;
  const std::uint32_t stride = static_cast<std::uint32_t>(plane.counters().size());
  const sluice_control& control = *plane.tables().control;
  const std::uint32_t first_backend = control.generations[control.active.generation & 1].counters_backends;
  for (std::uint32_t i = 0; i < (first_backend - SLUICE_COUNTERS_SERVICES) * SLUICE_TRAFFIC_PER_LINE; ++i)
    services += read_service(plane.tables(), i);
  for (std::uint32_t i = 0; i < (stride - first_backend) * SLUICE_TRAFFIC_PER_LINE; ++i)
    backends += read_backend(plane.tables(), BackendIndex(i));
  const std::uint64_t forwarded =
      totals.reasons[SLUICE_REASON_forwarded] + totals.reasons[SLUICE_REASON_forwarded_icmp_error];
  std::string text = difference("frames and reasons", totals.rx_packets, reasons);
  text += difference("forwarded and services", forwarded, services.packets);
  text += difference("forwarded and backends", forwarded, backends.packets);
  text += difference("drops and services", by_class[SLUICE_CLASS_DROP], services.drops);
  text += difference("bytes of services and backends", services.bytes, backends.bytes);
  text += difference("new flows of services and backends", services.new_flows, backends.new_flows);
  return text.empty() ? "exact" : text;
}

}  // namespace sluice
