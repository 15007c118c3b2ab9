// SPDX-License-Identifier: Apache-2.0
// Runs seeds of the simulation and closes with one line of JSON. Exit code 0: no violation; 1: at least one; 2: usage.
#include <fmt/format.h>

#include <unistd.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "balancer_simulation.h"
#include "simulation.h"

namespace sluice::sim {
namespace {

constexpr const char* usage =
    "usage: raft_sim [--seeds N] [--from S] [--nodes n] [--only KIND] [--threads T] [--first] [--trace] [--quiet]\n"
    "  --seeds N    so many seeds (1)\n"
    "  --from S     the first of them (1)\n"
    "  --nodes n    clusters of n founders; left out: 1, 2, 3, 4, 5 or 7, as the seed says\n"
    "  --only KIND  of these seeds only the \"cores\" or only the \"balancers\", which are those that 4 divides: "
    "whole\n"
    "               balancers with node, model and planes (docs/simulation.md)\n"
    "  --threads T  at a time (as many as there are processors)\n"
    "  --first      stop at the first violation\n"
    "  --trace      print everything that happens; one thread\n"
    "  --quiet      of each violation only its first line\n";

enum class Kinds : std::uint8_t { all, cores, balancers };

struct Arguments {
  std::uint64_t seeds = 1;
  std::uint64_t from = 1;
  std::uint64_t nodes = 0;
  std::uint64_t threads = std::max(1u, std::thread::hardware_concurrency());
  Kinds kinds = Kinds::all;
  bool stops_at_first = false;
  bool prints_trace = false;
  bool is_quiet = false;
};

bool parse(int count, char** words, Arguments& arguments) {
  const std::map<std::string_view, std::uint64_t Arguments::*> numbers = {{"--seeds", &Arguments::seeds},
                                                                          {"--from", &Arguments::from},
                                                                          {"--nodes", &Arguments::nodes},
                                                                          {"--threads", &Arguments::threads}};
  const std::map<std::string_view, bool Arguments::*> flags = {{"--first", &Arguments::stops_at_first},
                                                               {"--trace", &Arguments::prints_trace},
                                                               {"--quiet", &Arguments::is_quiet}};
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (const auto flag = flags.find(word); flag != flags.end()) {
      arguments.*flag->second = true;
      continue;
    }
    if (word == "--only" && i + 1 < count) {
      const std::string_view kind = words[++i];
      if (kind != "cores" && kind != "balancers") return false;
      arguments.kinds = kind == "cores" ? Kinds::cores : Kinds::balancers;
      continue;
    }
    const auto number = numbers.find(word);
    if (number == numbers.end() || ++i == count) return false;
    const std::string_view value = words[i];
    const auto [end, error] = std::from_chars(value.begin(), value.end(), arguments.*number->second);
    if (error != std::errc() || end != value.end()) return false;
  }
  if (arguments.prints_trace) arguments.threads = 1;
  return arguments.threads > 0 && arguments.nodes <= 7;
}

// An invariant of the core itself may abort the process: say at least which seed that was.
thread_local std::uint64_t seed_now = 0;

void say_seed(int) {
  std::array<char, 256> text{};
  const auto end = fmt::format_to_n(
      text.data(), text.size(),
      "VIOLATION seed {0}: an invariant in the code itself ended the run; raft_sim --from {0} --seeds 1 --trace\n"
      R"({{"seeds": 1, "simulated_hours": 0.00, "violations": 1, "operations": 0}})"
      "\n",
      seed_now);
  [[maybe_unused]] const auto written = write(STDOUT_FILENO, text.data(), end.size);
  _exit(1);
}

class Runner {
 public:
  explicit Runner(const Arguments& arguments) : arguments_(arguments) {}

  int run() {
    std::vector<std::thread> threads;
    for (std::uint64_t i = 1; i < arguments_.threads; ++i) threads.emplace_back([this] { work(); });
    work();
    for (std::thread& thread : threads) thread.join();
    report();
    return violations_ > 0 ? 1 : 0;
  }

 private:
  void work() {
    for (;;) {
      const std::uint64_t number = next_++;
      if (number >= arguments_.seeds || (arguments_.stops_at_first && violations_ > 0)) return;
      const std::uint64_t seed = seed_now = arguments_.from + number;
      if (arguments_.kinds != Kinds::all && is_balancer_seed(seed) != (arguments_.kinds == Kinds::balancers)) continue;
      const SimResult result = simulate_seed(seed, arguments_.prints_trace ? TraceMode::print : TraceMode::hash_only);
      const std::lock_guard lock(mutex_);
      add(seed, result);
      if (result.violation) tell(seed, result);
    }
  }

  [[nodiscard]] SimResult simulate_seed(std::uint64_t seed, TraceMode mode) const {
    const auto nodes = static_cast<std::uint32_t>(arguments_.nodes);
    if (is_balancer_seed(seed)) return simulate_balancers(balancer_options_of(seed, nodes), mode);
    return simulate(options_of(seed, nodes), mode);
  }

  [[nodiscard]] std::string text_of_seed(std::uint64_t seed) const {
    const auto nodes = static_cast<std::uint32_t>(arguments_.nodes);
    return is_balancer_seed(seed) ? text_of(balancer_options_of(seed, nodes)) : text_of(options_of(seed, nodes));
  }

  void add(std::uint64_t seed, const SimResult& result) {
    ++seeds_;
    simulated_ += result.simulated;
    operations_ += result.operations;
    chain_checks_ += result.chain_checks;
    events_ += result.events;
    counters_ += result.counters;
    leader_after_ = std::max(leader_after_, {result.leader_after, seed});
    caught_up_after_ = std::max(caught_up_after_, {result.caught_up_after, seed});
  }

  void tell(std::uint64_t seed, const SimResult& result) {
    ++violations_;
    if (arguments_.is_quiet) {
      fmt::print("VIOLATION seed {}: {}\n", seed, result.violation->substr(0, result.violation->find('\n')));
      return;
    }
    fmt::print("VIOLATION seed {}: {}\n  {}\n", seed, *result.violation, text_of_seed(seed));
    if (arguments_.prints_trace) return;
    // The same again, this time with words.
    const SimResult again = simulate_seed(seed, TraceMode::last_lines);
    if (again.trace_hash != result.trace_hash) fmt::print("  (the second run went another way: not deterministic!)\n");
    fmt::print("  the last {} lines of the story:\n", again.last_lines.size());
    for (const std::string& line : again.last_lines) fmt::print("  {}\n", line);
    fmt::print("  all of it: raft_sim --from {} --seeds 1{} --trace\n\n", seed,
               arguments_.nodes == 0 ? "" : fmt::format(" --nodes {}", arguments_.nodes));
  }

  void report() const {
    fmt::print("{} events; {}\n", events_, text_of(counters_));
    fmt::print("after healing, at worst: a leader after {} ms (seed {}), all caught up after {} ms (seed {})\n",
               leader_after_.first.count() / 1000, leader_after_.second, caught_up_after_.first.count() / 1000,
               caught_up_after_.second);
    const double hours = std::chrono::duration<double, std::ratio<3600>>(simulated_).count();
    fmt::print(R"({{"seeds": {}, "simulated_hours": {:.2f}, "violations": {}, "operations": {}, "chain_checks": {}}})"
               "\n",
               seeds_, hours, violations_.load(), operations_, chain_checks_);
  }

  const Arguments arguments_;
  std::atomic<std::uint64_t> next_ = 0;
  std::atomic<std::uint64_t> violations_ = 0;
  std::mutex mutex_;
  std::uint64_t seeds_ = 0;
  Time simulated_{};
  std::uint64_t operations_ = 0;
  std::uint64_t chain_checks_ = 0;
  std::uint64_t events_ = 0;
  Counters counters_;
  std::pair<Time, std::uint64_t> leader_after_;  // the longest, and of which seed
  std::pair<Time, std::uint64_t> caught_up_after_;
};

}  // namespace
}  // namespace sluice::sim

int main(int count, char** words) {
  sluice::sim::Arguments arguments;
  if (!sluice::sim::parse(count, words, arguments)) {
    std::fputs(sluice::sim::usage, stderr);
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // what was said before such an end is not lost
  std::signal(SIGABRT, sluice::sim::say_seed);
  return sluice::sim::Runner(arguments).run();
}
