// SPDX-License-Identifier: Apache-2.0
// sluice-bench table: how long filling and stepping a slot table takes, and how many slots a change moves.
#include <fmt/core.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cmath>
#include <map>
#include <numeric>

#include "bench_commands.h"
#include "maglev.h"
#include "slot_table.h"

namespace sluice::bench {
namespace {

struct Settings {
  std::uint32_t slots = 65537;
  std::uint32_t timed_backends = 1000;
  std::uint32_t moved_backends = 100;
  std::uint32_t rounds = 31;
  std::string output = "table";
};

struct MoveCase {
  std::string change;
  std::uint32_t moved = 0;
  std::uint32_t minimum = 0;
  std::uint32_t refill_moved = 0;  // by a plain Maglev fill before and after
};

struct Report {
  double fill_ms = 0;
  double step_ms = 0;
  double share_error_slots = 0;
  std::vector<MoveCase> moves;
};

using Members = std::vector<SlotMember>;
using Owners = std::vector<std::string>;  // by slot

Members equal_members(std::uint32_t count) {
  Members members;
  for (std::uint32_t i = 0; i < count; ++i) members.push_back({"backend-" + std::to_string(i), 100});
  return members;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

template <typename Work>
double milliseconds(Work work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

double time_fill(const Settings& settings) {
  const Members members = equal_members(settings.timed_backends);
  std::vector<double> times;
  for (std::uint32_t i = 0; i < settings.rounds; ++i)
    times.push_back(milliseconds([&] { (void)maglev_fill(members, settings.slots).value(); }));
  return median(times);
}

// One backend after the other leaves and returns, so that the table has histories as in life.
double time_step(const Settings& settings) {
  const Members all = equal_members(settings.timed_backends);
  SlotTable table = SlotTable::make({.slots_count = settings.slots}).value();
  (void)table.step(all).value();
  std::vector<double> times;
  for (std::uint32_t i = 0; i < settings.rounds; ++i) {
    Members less = all;
    less[i % less.size()].weight = 0;
    for (const Members& next : {less, all}) times.push_back(milliseconds([&] { (void)table.step(next).value(); }));
  }
  return median(times);
}

Owners owners_of(const SlotTable& table) {
  Owners owners;
  for (const std::uint16_t id : table.owners()) owners.push_back(table.members()[id].identity);
  return owners;
}

Owners refilled(const Members& members, std::uint32_t slots) {
  Owners owners;
  for (const std::uint16_t index : maglev_fill(members, slots).value().owners)
    owners.push_back(members[index].identity);
  return owners;
}

std::uint32_t differences(const Owners& before, const Owners& after) {
  std::uint32_t count = 0;
  for (std::size_t slot = 0; slot < before.size(); ++slot) count += before[slot] != after[slot] ? 1 : 0;
  return count;
}

// What any table with these shares must move: what each gained.
std::uint32_t fewest_moves(const Owners& before, const Owners& after) {
  std::map<std::string, std::uint32_t> had, has;
  for (const std::string& name : before) ++had[name];
  for (const std::string& name : after) ++has[name];
  std::uint32_t gained = 0;
  for (const auto& [name, count] : has) gained += count - std::min(count, had[name]);
  return gained;
}

// The largest distance of a member's slots from its exact share.
double share_error(const Owners& owners, const Members& members) {
  std::map<std::string, double> counts;
  for (const std::string& name : owners) ++counts[name];
  const double sum = std::accumulate(members.begin(), members.end(), 0.0,
                                     [](double so_far, const SlotMember& member) { return so_far + member.weight; });
  double worst = 0;
  for (const SlotMember& member : members) {
    const double exact = member.weight * static_cast<double>(owners.size()) / sum;
    worst = std::max(worst, std::abs(counts[member.identity] - exact));
  }
  return worst;
}

// The changes are made each to a fresh table of equal backends, but for the return, which needs the leaving before it.
void count_moves(const Settings& settings, Report& report) {
  const Members all = equal_members(settings.moved_backends);
  Members left = all, at_99 = all, at_50 = all, joined = all;
  const std::size_t middle = all.size() / 2;
  left.erase(left.begin() + static_cast<std::ptrdiff_t>(middle));
  at_99[middle].weight = 99;
  at_50[middle].weight = 50;
  joined.push_back({"backend-new", 100});
  const auto count = [&](const char* change, SlotTable& table, const Members& before, const Members& after) {
    const Owners owners_before = owners_of(table);
    (void)table.step(after).value();
    const Owners owners_after = owners_of(table);
    report.share_error_slots = std::max(report.share_error_slots, share_error(owners_after, after));
    report.moves.push_back({change, differences(owners_before, owners_after), fewest_moves(owners_before, owners_after),
                            differences(refilled(before, settings.slots), refilled(after, settings.slots))});
  };
  SlotTable fresh = SlotTable::make({.slots_count = settings.slots}).value();
  (void)fresh.step(all).value();
  report.share_error_slots = std::max(report.share_error_slots, share_error(owners_of(fresh), all));
  SlotTable table = fresh;
  count("leaves", table, all, left);
  count("returns", table, left, all);
  count("weight_100_to_99", table = fresh, all, at_99);
  count("weight_100_to_50", table = fresh, all, at_50);
  count("joins", table = fresh, all, joined);
}

// Weights of every size: the shares of the fill and of a step.
void check_uneven_shares(const Settings& settings, Report& report) {
  Members members = equal_members(settings.timed_backends);
  for (std::size_t i = 0; i < members.size(); ++i) members[i].weight = static_cast<std::uint32_t>(1 + i * i % 997);
  SlotTable table = SlotTable::make({.slots_count = settings.slots}).value();
  for (int step = 0; step < 3; ++step) {
    (void)table.step(members).value();
    report.share_error_slots = std::max(report.share_error_slots, share_error(owners_of(table), members));
    members[0].weight += 5000;
  }
}

void print_json(const Settings& settings, const Report& report) {
  boost::json::array moves;
  for (const MoveCase& move : report.moves)
    moves.push_back({{"change", move.change},
                     {"moved", move.moved},
                     {"minimum", move.minimum},
                     {"maglev_refill_moved", move.refill_moved}});
  const boost::json::object all = {{"fill_ms", report.fill_ms},
                                   {"step_ms", report.step_ms},
                                   {"share_error_slots", report.share_error_slots},
                                   {"moves", moves},
                                   {"slots", settings.slots},
                                   {"timed_backends", settings.timed_backends},
                                   {"moved_backends", settings.moved_backends}};
  fmt::print("{}\n", boost::json::serialize(all));
}

void print_table(const Settings& settings, const Report& report) {
  fmt::print("{} slots; times: medians with {} equal backends\n\n", settings.slots, settings.timed_backends);
  fmt::print("Maglev fill              {:.2f} ms\nstep of the rule         {:.2f} ms\n", report.fill_ms,
             report.step_ms);
  fmt::print("largest share error      {:.4f} slots\n\n", report.share_error_slots);
  fmt::print("one of {} backends       slots moved     minimum   Maglev refill\n", settings.moved_backends);
  for (const MoveCase& move : report.moves)
    fmt::print("{:<23}{:>13}{:>12}{:>16}\n", move.change, move.moved, move.minimum, move.refill_moved);
}

void run(const Settings& settings) {
  Report report;
  report.fill_ms = time_fill(settings);
  report.step_ms = time_step(settings);
  count_moves(settings, report);
  check_uneven_shares(settings, report);
  if (settings.output == "json")
    print_json(settings, report);
  else
    print_table(settings, report);
}

}  // namespace

void add_table_command(CLI::App& app) {
  auto settings = std::make_shared<Settings>();
  CLI::App& command = *app.add_subcommand("table", "Times slot tables and counts the slots a change moves");
  command.add_option("--slots", settings->slots)->check(CLI::IsMember({16381, 65537, 655373}))->capture_default_str();
  command.add_option("--timed-backends", settings->timed_backends, "backends of the timed fill and step")
      ->check(CLI::Range(2, 4000))
      ->capture_default_str();
  command.add_option("--backends", settings->moved_backends, "backends of the counted changes")
      ->check(CLI::Range(2, 4000))
      ->capture_default_str();
  command.add_option("--rounds", settings->rounds, "timings each median is taken from")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  add_output_option(command, settings->output);
  command.callback([settings] { run(*settings); });
}

}  // namespace sluice::bench
