// SPDX-License-Identifier: Apache-2.0
#include "replay_report.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdio>

namespace sluice {
namespace {

namespace json = boost::json;

std::string_view class_text(sluice_reason_class reason_class) {
  if (reason_class == SLUICE_CLASS_TX) return "sent";
  return reason_class == SLUICE_CLASS_KERNEL ? "kernel" : "dropped";
}

// 1,234,567
std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t place = text.size(); place > 3; place -= 3) text.insert(place - 3, 1, ',');
  return text;
}

void print_table(const PacketReplay& replay, const ReplayCounts& counts) {
  const ImageTotals totals = replay.totals();
  fmt::print("{:<22} {:<8} {:>12}  {}\n", "REASON", "VERDICT", "FRAMES", "MEANING");
  for (std::size_t i = 0; i < totals.reasons.size(); ++i) {
    if (totals.reasons[i] == 0) continue;
    const ReasonText& reason = reason_texts()[i];
    fmt::print("{:<22} {:<8} {:>12}  {}\n", reason.name, class_text(reason.reason_class), grouped(totals.reasons[i]),
               reason.text);
  }
  if (counts.cut != 0)
    fmt::print("{:<22} {:<8} {:>12}  the capture's snap length cut the frame; capture with tcpdump -s 0\n", "cut",
               "not run", grouped(counts.cut));
  fmt::print("{:<22} {:<8} {:>12}\n", "all", "", grouped(counts.frames));
  bool has_header = false;
  for (const PacketReplay::Backend& backend : replay.backends()) {
    const TrafficTotals traffic = replay.totals_of(backend);
    if (traffic.packets == 0) continue;
    if (!has_header) fmt::print("\n{:<31} {:>12} {:>16} {:>12}\n", "BACKEND", "PACKETS", "BYTES", "NEW FLOWS");
    has_header = true;
    fmt::print("{:<31} {:>12} {:>16} {:>12}\n", backend.name, grouped(traffic.packets), grouped(traffic.bytes),
               grouped(traffic.new_flows));
  }
}

json::object to_json(const PacketReplay& replay, const ReplayCounts& counts) {
  const ImageTotals totals = replay.totals();
  json::object reasons;
  std::array<std::uint64_t, 3> by_class{};
  for (std::size_t i = 0; i < totals.reasons.size(); ++i) {
    by_class[reason_texts()[i].reason_class] += totals.reasons[i];
    if (totals.reasons[i] != 0) reasons[reason_texts()[i].name] = totals.reasons[i];
  }
  json::array backends;
  for (const PacketReplay::Backend& backend : replay.backends()) {
    const TrafficTotals traffic = replay.totals_of(backend);
    backends.push_back({{"name", backend.name},
                        {"packets", traffic.packets},
                        {"bytes", traffic.bytes},
                        {"new_flows", traffic.new_flows}});
  }
  return {{"frames", counts.frames},
          {"cut", counts.cut},
          {"sent", by_class[SLUICE_CLASS_TX]},
          {"kernel", by_class[SLUICE_CLASS_KERNEL]},
          {"dropped", by_class[SLUICE_CLASS_DROP]},
          {"written", counts.written},
          {"reasons", std::move(reasons)},
          {"backends", std::move(backends)}};
}

}  // namespace

void ReplayReport::explain(const ReplayLine& line) {
  if (form_ == Form::table) {
    if (!has_lines_) fmt::print("{:>8}  {:<54} {:<22} {}\n", "FRAME", "FLOW", "REASON", "BACKEND");
    fmt::print("{:>8}  {:<54} {:<22} {}\n", line.number, line.flow, line.reason,
               line.backend.empty() ? "-" : line.backend);
  } else {
    const json::value backend = line.backend.empty() ? json::value() : json::value(line.backend);
    const json::object made = {
        {"frame", line.number}, {"flow", line.flow}, {"reason", line.reason}, {"backend", backend}};
    fmt::print("{}{}", has_lines_ ? ",\n" : "{\"explain\":[\n", json::serialize(made));
  }
  has_lines_ = true;
}

void ReplayReport::print(const PacketReplay& replay, const ReplayCounts& counts) {
  if (form_ == Form::table) {
    if (has_lines_) fmt::print("\n");
    print_table(replay, counts);
    return;
  }
  // One object in all: a long capture's lines have gone out already.
  std::string text = json::serialize(to_json(replay, counts));
  if (has_lines_) text.replace(0, 1, "],\n");
  fmt::print("{}\n", text);
}

}  // namespace sluice
