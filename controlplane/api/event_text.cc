// SPDX-License-Identifier: Apache-2.0
#include "event_text.h"

#include <fmt/format.h>

#include <boost/json.hpp>

namespace sluice::api {

namespace json = boost::json;

std::string time_text(std::chrono::system_clock::time_point time) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(days);
  const auto since_midnight = std::chrono::floor<std::chrono::milliseconds>(time - days);
  const std::chrono::hh_mm_ss clock(since_midnight);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

json::object event_json(const node::Event& event) {
  json::object fields;
  for (const auto& [key, value] : event.fields) fields[key] = value;
  return {{"index", event.index},
          {"time", time_text(event.time)},
          {"kind", event.kind},
          {"text", event.text},
          {"fields", std::move(fields)}};
}

// JSON has no line break outside of its strings' escapes: one data line is enough.
std::string event_text(const node::Event& event) {
  return fmt::format("id: {}\nevent: {}\ndata: {}\n\n", event.index, event.kind, json::serialize(event_json(event)));
}

std::string now_text() {
  return "event: now\ndata: {}\n\n";
}

std::string gap_text(std::uint64_t asked, std::uint64_t oldest) {
  return fmt::format("event: gap\ndata: {}\n\n", json::serialize(json::object{{"asked", asked}, {"oldest", oldest}}));
}

}  // namespace sluice::api
