// SPDX-License-Identifier: Apache-2.0
#include "report_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <set>

namespace sluice::bench {
namespace {

namespace json = boost::json;

constexpr std::string_view shapes_text = "one of sluice-bench xdp, veth, dpdk, table or churn, each by -o json";

std::string_view view_of(const json::string& text) {
  return {text.data(), text.size()};
}

// Reads one object of a file. The first thing that is wrong is noted, and all that follows reads as zero: the caller
// looks at `wrong` once, at the end.
class Fields {
 public:
  Fields(const json::object& object, std::string place, std::string& wrong)
      : object_(object), place_(std::move(place)), wrong_(wrong) {}

  double finite(std::string_view key) { return checked(key, true, -HUGE_VAL).value_or(0); }
  double number(std::string_view key) { return checked(key, true, 0).value_or(0); }
  std::optional<double> maybe_number(std::string_view key) { return checked(key, false, 0); }

  double percent(std::string_view key) {
    const double value = number(key);
    if (value > 100) refuse(fmt::format("{}{} is {}, which no share can be; 0 to 100 is allowed", place_, key, value));
    return value;
  }

  std::string maybe_text(std::string_view key) {
    const json::value* value = find(key);
    if (value == nullptr) return {};
    if (const json::string* text = value->if_string()) return std::string(view_of(*text));
    refuse(fmt::format("{}{} is not a text; leave it out or write it in quotes", place_, key));
    return {};
  }

  std::string name(std::string_view key) {
    std::string text = maybe_text(key);
    if (text.empty()) refuse(fmt::format("{}{} is missing, and a figure needs its name", place_, key));
    return text;
  }

  void refuse(std::string why) {
    if (wrong_.empty()) wrong_ = std::move(why);
  }

 private:
  const json::value* find(std::string_view key) const {
    const json::value* value = object_.if_contains(json::string_view(key.data(), key.size()));
    return value == nullptr || value->is_null() ? nullptr : value;
  }

  std::optional<double> checked(std::string_view key, bool required, double lowest) {
    const json::value* value = find(key);
    if (value == nullptr) {
      if (required) refuse(fmt::format("{}{} is missing; a number is needed", place_, key));
      return {};
    }
    if (!value->is_number()) {
      refuse(fmt::format("{}{} is not a number; write it without quotes", place_, key));
      return {};
    }
    const auto number = value->to_number<double>();
    if (!std::isfinite(number)) {
      refuse(fmt::format("{}{} is not finite; the run divided by nothing: measure again", place_, key));
      return {};
    }
    if (number < lowest) {
      refuse(fmt::format("{}{} is {}, and this cannot be negative; 0 or more is allowed", place_, key, number));
      return {};
    }
    return number;
  }

  const json::object& object_;
  std::string place_;
  std::string& wrong_;
};

// Reads `key`, a list of objects, by `read(Fields&)`.
template <typename Item, typename Read>
std::vector<Item> list_of(const json::object& object, std::string_view key, std::string& wrong, Read read) {
  std::vector<Item> items;
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  const json::array* list = value == nullptr ? nullptr : value->if_array();
  if (list == nullptr || list->empty()) {
    if (wrong.empty()) wrong = fmt::format("{} is no list, or an empty one: nothing to draw; run it again", key);
    return items;
  }
  for (std::size_t i = 0; i < list->size(); ++i) {
    const json::object* entry = (*list)[i].if_object();
    if (entry == nullptr) {
      if (wrong.empty()) wrong = fmt::format("{}[{}] is not an object; {} is", key, i, shapes_text);
      return items;
    }
    Fields fields(*entry, fmt::format("{}[{}].", key, i), wrong);
    items.push_back(read(fields));
  }
  return items;
}

// Figures of the same name would be drawn over each other, and nobody could tell which is which.
template <typename Item, typename Name>
void refuse_twice(const std::vector<Item>& items, std::string& wrong, Name name) {
  std::set<std::string> seen;
  for (const Item& item : items)
    if (!seen.insert(name(item)).second && wrong.empty())
      wrong = fmt::format("\"{}\" occurs twice; each case is allowed once", name(item));
}

DpdkCase read_dpdk_case(Fields& fields) {
  DpdkCase c;
  c.name = fields.name("name");
  c.group = fields.name("group");
  c.ticks = fields.maybe_number("ticks");
  c.ticks_median = fields.maybe_number("ticks_median");
  c.ratio = fields.maybe_number("ratio");
  c.ns = fields.maybe_number("ns");
  c.mpps = fields.maybe_number("mpps");
  c.flows = fields.maybe_number("flows");
  c.vips = fields.maybe_number("vips");
  c.backends = fields.maybe_number("backends");
  c.frame_bytes = fields.maybe_number("frame_bytes");
  return c;
}

DpdkResult read_dpdk(const json::object& object, std::string& wrong) {
  Fields fields(object, "", wrong);
  DpdkResult result;
  result.tsc_hz = fields.maybe_number("tsc_hz");
  result.burst = fields.maybe_number("burst");
  result.cpu = fields.maybe_text("cpu");
  result.level = fields.maybe_text("level");
  result.memory = fields.maybe_text("memory");
  result.cases = list_of<DpdkCase>(object, "cases", wrong, read_dpdk_case);
  // Different groups may look at the same case.
  refuse_twice(result.cases, wrong, [](const DpdkCase& c) { return c.group + " / " + c.name; });
  return result;
}

KernelResult read_kernel(const json::object& object, KernelBench bench, std::string& wrong) {
  KernelResult result;
  result.bench = bench;
  result.cases = list_of<KernelCase>(object, "cases", wrong, [](Fields& fields) {
    return KernelCase{
        fields.name("name"),     fields.number("raw_ns"), fields.number("raw_median_ns"), fields.number("floor_ns"),
        fields.finite("net_ns"), fields.finite("ratio"),  fields.finite("over_blind_ns"), fields.maybe_number("mpps")};
  });
  refuse_twice(result.cases, wrong, [](const KernelCase& c) { return c.name; });
  return result;
}

TableResult read_table(const json::object& object, std::string& wrong) {
  Fields fields(object, "", wrong);
  TableResult result;
  result.fill_ms = fields.number("fill_ms");
  result.step_ms = fields.number("step_ms");
  result.share_error_slots = fields.number("share_error_slots");
  result.slots = fields.number("slots");
  result.timed_backends = fields.number("timed_backends");
  result.moved_backends = fields.number("moved_backends");
  result.moves = list_of<TableMove>(object, "moves", wrong, [](Fields& move) {
    return TableMove{move.name("change"), move.number("moved"), move.number("minimum"),
                     move.number("maglev_refill_moved")};
  });
  refuse_twice(result.moves, wrong, [](const TableMove& move) { return move.change; });
  return result;
}

ChurnRun read_churn_run(Fields& fields) {
  ChurnRun run{fields.name("scenario"), fields.name("scheme"), fields.percent("broken_percent")};
  if (const auto k = fields.maybe_number("k")) run.scheme += fmt::format(" k={}", *k);
  return run;
}

ChurnResult read_churn(const json::object& object, std::string& wrong) {
  Fields fields(object, "", wrong);
  ChurnResult result;
  result.flows = fields.number("flows");
  result.slots = fields.number("slots");
  result.backends = fields.number("backends");
  result.balancers = fields.number("balancers");
  result.histories = fields.number("histories");
  result.seed = fields.number("seed");
  result.runs = list_of<ChurnRun>(object, "runs", wrong, read_churn_run);
  refuse_twice(result.runs, wrong, [](const ChurnRun& run) { return run.scenario + " / " + run.scheme; });
  return result;
}

bool first_case_has(const json::object& object, json::string_view key) {
  const json::value* cases = object.if_contains("cases");
  const json::array* list = cases == nullptr ? nullptr : cases->if_array();
  const json::object* first = list == nullptr || list->empty() ? nullptr : list->front().if_object();
  return first != nullptr && first->contains(key);
}

BenchResult read_by_shape(const json::object& object, std::string& wrong) {
  if (object.contains("runs")) return read_churn(object, wrong);
  if (object.contains("moves")) return read_table(object, wrong);
  if (object.contains("tsc_hz") || object.contains("burst") || first_case_has(object, "ticks"))
    return read_dpdk(object, wrong);
  if (first_case_has(object, "raw_ns"))
    return read_kernel(object, first_case_has(object, "mpps") ? KernelBench::veth : KernelBench::xdp, wrong);
  if (object.contains("cases"))
    (void)list_of<int>(object, "cases", wrong, [](Fields&) { return 0; });  // says so where it is empty
  if (wrong.empty()) wrong = fmt::format("is JSON of an unknown shape; allowed is {}", shapes_text);
  return {};
}

// "1k", "8m", "64": the parts of a name that count flows.
bool is_flows_part(std::string_view part) {
  const std::size_t digits = std::min(part.find_first_not_of("0123456789"), part.size());
  const std::string_view unit = part.substr(digits);
  return digits != 0 && part.front() != '0' && (unit.empty() || unit == "k" || unit == "m");
}

}  // namespace

// The last such part between underscores goes, but never the first: that is the kind.
std::string family_of_name(std::string_view name) {
  for (std::size_t end = name.size(); end != 0;) {
    const std::size_t underscore = name.rfind('_', end - 1);
    if (underscore == std::string_view::npos) break;
    if (is_flows_part(name.substr(underscore + 1, end - underscore - 1)))
      return std::string(name.substr(0, underscore)) + std::string(name.substr(end));
    end = underscore;
  }
  return std::string(name);
}

Result<BenchResult> read_bench_result(std::string_view text) {
  boost::system::error_code error;
  const json::value value = json::parse(json::string_view(text.data(), text.size()), error);
  if (error)
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("is not JSON ({}); allowed is {}", error.message(), shapes_text));
  std::string wrong;
  BenchResult result;
  if (const json::object* object = value.if_object())
    result = read_by_shape(*object, wrong);
  else
    wrong = fmt::format("is not a JSON object; allowed is {}", shapes_text);
  if (!wrong.empty()) return make_error(ErrorCode::invalid_argument, wrong);
  return result;
}

}  // namespace sluice::bench
