// SPDX-License-Identifier: Apache-2.0
#include "backend_status.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <string_view>
#include <vector>

#include "image_reader.h"

namespace sluice::backend {
namespace {

bool is_of_backend(sluice_reason reason) {
  return reason == SLUICE_REASON_delivered || reason == SLUICE_REASON_not_tunnel ||
         reason == SLUICE_REASON_tunnel_source || reason == SLUICE_REASON_tunnel_inner ||
         reason == SLUICE_REASON_tunnel_malformed;
}

std::string_view class_text(sluice_reason_class reason_class) {
  switch (reason_class) {
    case SLUICE_CLASS_TX:
      return "tx";
    case SLUICE_CLASS_KERNEL:
      return "kernel";
    case SLUICE_CLASS_DROP:
      break;
  }
  return "drop";
}

std::vector<sluice_reason> shown(const sluice_decap_counters& counters) {
  std::vector<sluice_reason> reasons;
  for (std::size_t i = 0; i < SLUICE_REASON_COUNT; ++i) {
    const auto reason = static_cast<sluice_reason>(i);
    if (is_of_backend(reason) || counters.reasons[i] != 0) reasons.push_back(reason);
  }
  return reasons;
}

}  // namespace

std::string status_table(const sluice_decap_counters& counters) {
  std::string text = fmt::format("{:<18} {:<7} {:>16}\n", "REASON", "CLASS", "PACKETS");
  for (const sluice_reason reason : shown(counters)) {
    const ReasonText& about = reason_texts()[reason];
    text += fmt::format("{:<18} {:<7} {:>16}  {}\n", about.name, class_text(about.reason_class),
                        counters.reasons[reason], about.text);
  }
  return text + fmt::format("{:<18} {:<7} {:>16}  {} bytes\n", "received", "", counters.rx_packets, counters.rx_bytes);
}

std::string status_json(const sluice_decap_counters& counters) {
  boost::json::array reasons;
  for (const sluice_reason reason : shown(counters)) {
    const ReasonText& about = reason_texts()[reason];
    reasons.emplace_back(boost::json::object{{"name", about.name},
                                             {"class", class_text(about.reason_class)},
                                             {"packets", counters.reasons[reason]},
                                             {"text", about.text}});
  }
  return boost::json::serialize(boost::json::object{
             {"rx_packets", counters.rx_packets}, {"rx_bytes", counters.rx_bytes}, {"reasons", std::move(reasons)}}) +
         "\n";
}

}  // namespace sluice::backend
