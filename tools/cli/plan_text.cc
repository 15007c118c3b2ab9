// SPDX-License-Identifier: Apache-2.0
#include "plan_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "text_table.h"

namespace sluice::cli {
namespace {

double percent_of(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
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

}  // namespace

void print_plan(const Context& context, const Plan& plan) {
  if (plan.rehashed) print("hash_key differs: every flow is hashed anew\n\n");
  for (const PoolPlan& pool : plan.pools) print_pool(context, pool, plan.rehashed);
  print_services(context, plan);
}

}  // namespace sluice::cli
