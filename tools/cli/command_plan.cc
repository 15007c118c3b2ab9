// SPDX-License-Identifier: Apache-2.0
// sluice plan: what a change would move, before it is made.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "commands.h"
#include "config_file.h"
#include "plan_model.h"
#include "static_model.h"
#include "text_table.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

double percent_of(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

// Four digits after the point tell one slot of 655,373.
double rounded_percent(double share) {
  return std::round(share * 1e6) / 1e4;
}

std::string weight_text(const std::optional<std::uint32_t>& weight) {
  return weight ? grouped(*weight) : std::string("-");
}

Color row_color(const BackendPlan& backend) {
  if (!backend.weight_before) return Color::green;
  if (!backend.weight_after) return Color::red;
  return backend.slots_before == backend.slots_after ? Color::none : Color::yellow;
}

std::string movement_text(const Movement& movement) {
  if (movement.moved_slots == 0U) return "moves nothing";
  if (!movement.moved_slots || !movement.minimum_slots) {
    return fmt::format("moves {:.2f}% of the flows; the fewest possible are {:.2f}%", movement.moved * 100,
                       movement.minimum * 100);
  }
  return fmt::format("moves {} ({:.2f}%); the fewest possible are {} ({:.2f}%)",
                     count_text(*movement.moved_slots, "slot"), movement.moved * 100, grouped(*movement.minimum_slots),
                     movement.minimum * 100);
}

std::string pool_note(const PoolPlan& pool, bool rehashed) {
  if (!pool.slots_before) return "new pool";
  if (!pool.slots_after) return "the pool goes";
  if (pool.table_before == 0 && pool.table_after == 0) return "empty before and after: no backend with a weight";
  if (pool.table_after == 0) return "becomes empty: every packet will be dropped (no_backend)";
  if (pool.table_before == 0) return "was empty, and serves from now on";
  if (rehashed) return fmt::format("{:.2f}% of the flows get another backend", pool.movement.moved * 100);
  return movement_text(pool.movement);
}

void print_pool(const Context& context, const PoolPlan& pool, bool rehashed) {
  const auto slots = [](const std::optional<std::uint32_t>& count) { return count ? grouped(*count) : "none"; };
  print(fmt::format("{}  {} slots\n", colored(context.color_out, Color::bold, "pool " + pool.name),
                    change_text(slots(pool.slots_before), slots(pool.slots_after))));
  TextTable table({{"BACKEND", Align::left},
                   {"ADDRESS", Align::left},
                   {"WEIGHT", Align::right},
                   {"SHARE", Align::right},
                   {"SLOTS", Align::right},
                   {"CHANGE", Align::right}});
  for (const BackendPlan& backend : pool.backends) {
    const auto change =
        static_cast<std::int64_t>(backend.slots_after) - static_cast<std::int64_t>(backend.slots_before);
    const auto size = static_cast<std::uint64_t>(std::abs(change));
    table.add_row({backend.name, backend.address,
                   change_text(weight_text(backend.weight_before), weight_text(backend.weight_after)),
                   change_text(percent_text(percent_of(backend.slots_before, pool.table_before)),
                               percent_text(percent_of(backend.slots_after, pool.table_after))),
                   change_text(grouped(backend.slots_before), grouped(backend.slots_after)),
                   change == 0 ? "" : (change > 0 ? "+" : "-") + grouped(size)},
                  row_color(backend));
  }
  if (!table.empty()) print(table.text(context.color_out));
  print(pool_note(pool, rehashed) + "\n\n");
}

void print_services(const Context& context, const Plan& plan) {
  TextTable table({{"SERVICE", Align::left},
                   {"ADDRESS", Align::left},
                   {"POOL", Align::left},
                   {"FLOWS MOVED", Align::right},
                   {"REMEMBERED FLOWS", Align::left}});
  for (const ServicePlan& service : plan.services) {
    const bool moves = service.movement.moved > 0 || service.pool_before != service.pool_after;
    if (!moves) continue;
    const bool stays = service.pool_before && service.pool_after;
    std::string fate = service.tracked ? "stay" : "none kept: not tracked";
    if (!service.pool_before) fate = "new service";
    if (!service.pool_after) fate = "the service goes";
    table.add_row({service.name, service.address,
                   change_text(service.pool_before.value_or("-"), service.pool_after.value_or("-")),
                   stays ? fmt::format("{:.2f}%", service.movement.moved * 100) : "", fate});
  }
  print(table.empty() ? std::string("no service's flows move\n") : table.text(context.color_out));
}

json::value optional_json(const auto& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

void add_movement(json::object& object, const Movement& movement) {
  object["moved_percent"] = rounded_percent(movement.moved);
  object["minimum_percent"] = rounded_percent(movement.minimum);
  object["moved"] = optional_json(movement.moved_slots);
  object["minimum"] = optional_json(movement.minimum_slots);
}

json::object plan_json(const Plan& plan) {
  json::array pools;
  for (const PoolPlan& pool : plan.pools) {
    json::array backends;
    for (const BackendPlan& backend : pool.backends) {
      backends.push_back({{"name", backend.name},
                          {"address", backend.address},
                          {"weight_before", optional_json(backend.weight_before)},
                          {"weight_after", optional_json(backend.weight_after)},
                          {"slots_before", backend.slots_before},
                          {"slots_after", backend.slots_after},
                          {"share_before", rounded_percent(percent_of(backend.slots_before, pool.table_before) / 100)},
                          {"share_after", rounded_percent(percent_of(backend.slots_after, pool.table_after) / 100)}});
    }
    json::object row = {{"pool", pool.name},
                        {"slots_before", optional_json(pool.slots_before)},
                        {"slots_after", optional_json(pool.slots_after)}};
    add_movement(row, pool.movement);
    row["backends"] = std::move(backends);
    pools.push_back(std::move(row));
  }
  json::array services;
  for (const ServicePlan& service : plan.services) {
    json::object row = {{"service", service.name},
                        {"vip", service.address},
                        {"pool_before", optional_json(service.pool_before)},
                        {"pool_after", optional_json(service.pool_after)},
                        {"tracked", service.tracked}};
    add_movement(row, service.movement);
    services.push_back(std::move(row));
  }
  return {{"rehashed", plan.rehashed}, {"pools", std::move(pools)}, {"services", std::move(services)}};
}

}  // namespace

ExitCode run_plan(const Context& context, const PlanOptions& options) {
  const Outcome<Config> before = options.before ? load_config(context, *options.before) : running_config(context);
  if (!before) return report(context, before.error());
  const Outcome<Config> after = load_config(context, options.after);
  if (!after) return report(context, after.error());
  const Result<ForwardingModel> model_before = forwarding_model_of(before.value());
  if (!model_before) return report(context, failure_of(model_before.error()));
  const Result<ForwardingModel> model_after = forwarding_model_of(after.value());
  if (!model_after) return report(context, failure_of(model_after.error()));

  const Plan plan = make_plan({&before.value(), &model_before.value()}, {&after.value(), &model_after.value()});
  if (context.json()) {
    print_json(plan_json(plan));
    return ExitCode::ok;
  }
  if (plan.rehashed) print("hash_key differs: every flow is hashed anew\n\n");
  for (const PoolPlan& pool : plan.pools) print_pool(context, pool, plan.rehashed);
  print_services(context, plan);
  return ExitCode::ok;
}

}  // namespace sluice::cli
