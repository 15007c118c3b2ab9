// SPDX-License-Identifier: Apache-2.0
// sluice-bench dpdk: ticks per packet of the burst path, in user space, against loops that do less in the same run.
#include <fmt/core.h>
#include <rte_cycles.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_mbuf.h>
#include <sched.h>

#include <algorithm>
#include <barrier>
#include <boost/json.hpp>
#include <csignal>
#include <fstream>
#include <map>
#include <thread>

#include "bench_commands.h"
#include "dpdk_cases.h"
#include "dpdk_ports.h"
#include "dpdk_rig.h"
#include "image_reader.h"
#include "sluice_flows.h"

namespace sluice::bench {
namespace {

// Buffers of one measuring thread: a receive ring of usual size, and for cold packets more than a second-level cache
// holds (5 lines each: the buffer's own two, and its packet's).
constexpr std::uint32_t ring_buffers = 512;
constexpr std::uint32_t cold_buffers = 8192;
constexpr std::uint32_t workers_max = 2;

// Set by SIGINT and SIGTERM. Looked at between two cases, a second apart at most: huge pages must be given back, and
// DPDK's directory removed.
volatile std::sig_atomic_t ended_by = 0;

void end_if_told() {
  if (ended_by != 0) throw CLI::RuntimeError(128 + ended_by);
}

struct Settings {
  std::uint32_t rounds = 3;
  std::uint32_t bursts = 4000;
  std::uint32_t flows_max = 1U << 23;
  std::string memory = "auto";
  int cpu = -1;
  std::string only;
  std::string pcap_path;
  std::string output = "table";
};

struct Row {
  DpdkCase about;
  double ticks = 0;         // the best round's median burst
  double ticks_median = 0;  // the middle round's
  double ratio = 0;
};

[[noreturn]] void fail(const Error& error) {
  fmt::print(stderr, "sluice-bench dpdk: {}\n", error.context);
  throw CLI::RuntimeError(1);
}

template <typename T>
T must(Result<T> result) {
  if (!result) fail(result.error());
  return std::move(*result);
}

void stay_on(std::uint16_t cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof set, &set);
}

struct HashFree {
  void operator()(rte_hash* hash) const { rte_hash_free(hash); }
};
using Hash = std::unique_ptr<rte_hash, HashFree>;

// Everything a case needs that is made once: its image, and rte_hash's table.
struct Prepared {
  std::optional<DpdkImage> image;
  std::optional<ImageWriter> writer;
  Hash hash;
  std::vector<std::uint64_t> entries;  // by the hash's positions
};

class DpdkBench {
 public:
  explicit DpdkBench(const Settings& settings) : settings_(settings), cpus_(allowed_cpus()) {
    RigOptions options;
    options.buffers = workers_max * cold_buffers + 4 * ring_buffers;
    options.want_huge = settings.memory != "ordinary";
    options.cpu = settings.cpu;
    rig_ = must(DpdkRig::create(options));
    if (settings.memory == "huge" && rig_->memory() != MemoryKind::huge)
      fail(make_error(
          ErrorCode::unsupported,
          "the kernel gave too few huge pages of 2 MiB (a GiB is needed); free memory, or use --memory auto"));
    cases_ = dpdk_cases(settings.flows_max);
    std::erase_if(cases_, [&](const DpdkCase& one) {
      const bool has_cores = one.workers <= cpus_.size();
      const bool is_wanted = one.name == "parse_blind_encap" || one.name.find(settings.only) != std::string::npos;
      return !has_cores || !is_wanted;
    });
    hz_ = rte_get_tsc_hz();
  }

  std::vector<Row> run() {
    std::map<std::string, std::vector<double>> medians;
    // Case by case within a round, round by round: a slow minute hits every case.
    for (std::uint32_t round = 0; round < settings_.rounds; ++round)
      for (const DpdkCase& one : cases_) {
        end_if_told();
        medians[one.name].push_back(time_case(one));
      }
    std::vector<Row> rows;
    for (const DpdkCase& one : cases_) {
      const std::vector<double>& all = medians.at(one.name);
      rows.push_back({one, *std::min_element(all.begin(), all.end()), median_of(all), 0});
    }
    const auto blind =
        std::find_if(rows.begin(), rows.end(), [](const Row& row) { return row.about.name == "parse_blind_encap"; });
    for (Row& row : rows) row.ratio = row.ticks / blind->ticks;
    return rows;
  }

  // Their flows are fixed, so that a run of fewer leaves them out unless they are asked for.
  std::vector<PortRow> run_ports() {
    if (settings_.flows_max < 1024 && settings_.only.empty() && settings_.pcap_path.empty()) return {};
    try {
      return time_ports(*rig_, {settings_.rounds, settings_.bursts, settings_.only, settings_.pcap_path, end_if_told});
    } catch (const std::runtime_error& error) {
      fail(make_error(ErrorCode::io, error.what()));
    }
  }

  [[nodiscard]] std::uint64_t hz() const { return hz_; }
  [[nodiscard]] std::string memory_text() const { return rig_->memory_text(); }

 private:
  static std::string image_key(const DpdkCase& one) {
    return fmt::format("{} {} {} {} {} {}", one.services, one.backends, one.encapsulation, static_cast<int>(one.packet),
                       one.track ? one.flows : 0, one.workers);
  }

  Prepared& prepared_for(const DpdkCase& one) {
    Prepared& prepared = prepared_[image_key(one)];
    if (prepared.image) return prepared;
    ModelOptions options;
    options.services = one.services;
    options.backends_per_pool = one.backends;
    options.encapsulation = one.encapsulation;
    options.protocol = one.packet == PacketKind::udp4 ? SLUICE_PROTO_UDP : SLUICE_PROTO_TCP;
    options.is_v6 = one.packet == PacketKind::tcp6_ack;
    options.track = one.track;
    // Half full with every flow: the load a table is meant for. A small one is emptier: chance would fill some of its
    // few buckets.
    if (one.track) options.flows_per_worker = std::max(4096U, 2 * one.flows);
    const ForwardingModel model = bench_model(options);
    const ImageOptions workers{workers_max};
    prepared.image.emplace(must(DpdkImage::create(image_sizes_for(model, workers), rig_->memory())));
    prepared.writer.emplace(prepared.image->tables(), workers, [] {});
    if (const auto published = prepared.writer->publish(model, bench_next_hop, 0); !published) fail(published.error());
    if (one.track)
      for (std::uint32_t worker = 0; worker < one.workers; ++worker) open_flows(one, prepared, worker);
    return prepared;
  }

  // Every flow once, as a SYN.
  void open_flows(const DpdkCase& one, Prepared& prepared, std::uint32_t worker) {
    Traffic traffic({one.packet, one.flows, one.services, one.frame_bytes});
    BufferRing ring(rig_->pool(), ring_buffers);
    LoopContext context = context_of(one, prepared, worker);
    std::array<rte_mbuf*, burst_frames_max> out{};
    for (std::uint32_t done = 0; done < one.flows; done += burst_frames_max) {
      const std::span<rte_mbuf*> burst(&ring.mbufs()[done % ring_buffers], burst_frames_max);
      traffic.fill_syns(burst);
      loop_of(LoopKind::sluice)(context, burst.data(), burst_frames_max, out.data());
    }
  }

  static LoopContext context_of(const DpdkCase& one, Prepared& prepared, std::uint32_t worker) {
    LoopContext context;
    context.tables = &prepared.image->tables();
    context.worker = worker;
    context.process = burst_function(one.form);
    context.hash = prepared.hash.get();
    context.entries = prepared.entries.data();
    return context;
  }

  // The five-tuples of every flow, and beside them its backend and time.
  void make_hash(const DpdkCase& one, Prepared& prepared) {
    rte_hash_parameters parameters{};
    const std::string name = "flows" + std::to_string(one.flows);
    parameters.name = name.c_str();
    // As full as our own table at that many flows.
    parameters.entries = std::max(2048U, 2 * one.flows);
    parameters.key_len = sizeof(FiveTuple);
    parameters.hash_func = rte_hash_crc;
    Hash hash(rte_hash_create(&parameters));
    if (!hash) fail(make_error(ErrorCode::out_of_capacity, "no memory for an rte_hash of that many flows"));
    prepared.entries.assign(static_cast<std::size_t>(rte_hash_max_key_id(hash.get())) + 1, 0);
    Traffic traffic({one.packet, one.flows, one.services, one.frame_bytes});
    BufferRing ring(rig_->pool(), burst_frames_max);
    for (std::uint32_t done = 0; done < one.flows; done += burst_frames_max) {
      traffic.fill(ring.mbufs());
      for (rte_mbuf* mbuf : ring.mbufs()) {
        const FiveTuple key = five_tuple_of(rte_pktmbuf_mtod(mbuf, const std::uint8_t*));
        const int position = rte_hash_add_key(hash.get(), &key);
        if (position < 0) fail(make_error(ErrorCode::out_of_capacity, "rte_hash is full"));
        const auto backend = static_cast<std::uint32_t>(1 + key.ports_and_protocol % one.backends);
        prepared.entries.at(static_cast<std::size_t>(position)) = sluice_flow_entry(0, backend, 1);
      }
    }
    prepared.hash = std::move(hash);
  }

  double time_case(const DpdkCase& one) {
    Prepared& prepared = prepared_for(one);
    if (one.loop == LoopKind::rte_hash_bulk) make_hash(one, prepared);
    const ImageTotals before = read_totals(prepared.image->tables());
    std::vector<double> medians(one.workers);
    if (one.workers == 1) {
      medians[0] = time_worker(one, prepared, 0);
    } else {
      std::barrier together(static_cast<std::ptrdiff_t>(one.workers));
      std::vector<std::jthread> threads;
      for (std::uint32_t worker = 0; worker < one.workers; ++worker)
        threads.emplace_back([&, worker] {
          stay_on(cpus_.at(worker));
          together.arrive_and_wait();
          medians[worker] = time_worker(one, prepared, worker);
        });
    }
    prove(one, before, read_totals(prepared.image->tables()));
    prepared.hash.reset();
    return *std::max_element(medians.begin(), medians.end());
  }

  double time_worker(const DpdkCase& one, Prepared& prepared, std::uint32_t worker) {
    BufferRing ring(rig_->pool(), one.cold ? cold_buffers : ring_buffers);
    if (ring.mbufs().empty()) fail(make_error(ErrorCode::out_of_capacity, "too few packet buffers"));
    Traffic traffic({one.packet, one.flows, one.services, one.frame_bytes, one.flows / 2});
    LoopContext context = context_of(one, prepared, worker);
    TimingOptions timing;
    timing.bursts = settings_.bursts;
    if (one.cold) timing.ahead = cold_buffers / burst_frames_max;
    const double ticks = median_of(time_loop(loop_of(one.loop), context, traffic, ring, timing));
    if (one.loop == LoopKind::rte_hash_bulk && context.hits != std::uint64_t{settings_.bursts} * burst_frames_max)
      fail(make_error(ErrorCode::internal, one.name + ": not every flow was found in rte_hash"));
    return ticks;
  }

  // A figure counts only if every packet met the fate the case is named after.
  void prove(const DpdkCase& one, const ImageTotals& before, const ImageTotals& after) const {
    if (one.loop != LoopKind::sluice && one.loop != LoopKind::rte_hash_bulk) return;
    const std::uint64_t packets = std::uint64_t{settings_.bursts} * burst_frames_max * one.workers;
    const sluice_reason reason =
        one.packet == PacketKind::tcp4_not_vip ? SLUICE_REASON_not_vip : SLUICE_REASON_forwarded;
    const std::uint64_t met = after.reasons[reason] - before.reasons[reason];
    const std::uint64_t hits = after.flow_hits - before.flow_hits;
    // Buckets of eight overflow now and then at half load: by Poisson(4) 0.8 % of the flows, of the first half more.
    const bool found = !one.track || static_cast<double>(hits) >= 0.98 * static_cast<double>(packets);
    if (met == packets && found) return;
    fail(make_error(ErrorCode::internal, fmt::format("{}: of {} packets {} ended as {} and {} were found in the flow "
                                                     "table; the figure would be a lie",
                                                     one.name, packets, met, reason_texts()[reason].name, hits)));
  }

  Settings settings_;
  std::vector<std::uint16_t> cpus_;  // asked before EAL keeps this thread on one of them
  std::unique_ptr<DpdkRig> rig_;
  std::vector<DpdkCase> cases_;
  std::map<std::string, Prepared> prepared_;
  std::uint64_t hz_ = 0;
};

std::string cpu_text() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

void print_table(const DpdkBench& bench, const Settings& settings, const std::vector<Row>& rows,
                 const std::vector<PortRow>& ports) {
  fmt::print("Burst path in user space: {}, {}, bursts of {}, {} bursts x {} rounds, {}\n", cpu_text(),
             burst_level_text(), burst_frames_max, settings.bursts, settings.rounds, bench.memory_text());
  fmt::print("ticks of {:.2f} GHz; M = 65,537; 1k = 1,024 and so on\n\n", static_cast<double>(bench.hz()) / 1e9);
  fmt::print("{:<34} {:>8} {:>8} {:>7} {:>7} {:>8} {:>9} {:>6} {:>6}\n", "CASE", "TICKS", "MEDIAN", "RATIO", "ns",
             "Mpps", "FLOWS", "VIPS", "BYTES");
  for (const Row& row : rows) {
    const double ns = row.ticks / static_cast<double>(bench.hz()) * 1e9;
    fmt::print("{:<34} {:>8.1f} {:>8.1f} {:>7.2f} {:>7.1f} {:>8.1f} {:>9} {:>6} {:>6}\n", row.about.name, row.ticks,
               row.ticks_median, row.ratio, ns, 1e3 / ns * row.about.workers, row.about.flows, row.about.services,
               row.about.frame_bytes);
  }
  if (!ports.empty()) fmt::print("\nWhole loops, receive and send included:\n");
  for (const PortRow& row : ports)
    fmt::print("{:<34} {:>8.1f} {:>8.1f}   {:.2f} of the port's own 5tswap\n", row.name, row.ticks, row.ticks_median,
               row.ratio);
  fmt::print(
      "\nTICKS: the best round's median burst, a packet's share; MEDIAN: the middle round's. RATIO: to\n"
      "parse_blind_encap of the same run. Buffer to buffer, counters included; without receive and send. Mpps: of all\n"
      "workers together, if they did nothing else.\n");
}

boost::json::object to_json(const Row& row, std::uint64_t hz) {
  const double ns = row.ticks / static_cast<double>(hz) * 1e9;
  return {{"name", row.about.name},
          {"group", row.about.group},
          {"ticks", row.ticks},
          {"ticks_median", row.ticks_median},
          {"ratio", row.ratio},
          {"ns", ns},
          {"mpps", 1e3 / ns * row.about.workers},
          {"flows", row.about.flows},
          {"vips", row.about.services},
          {"backends", row.about.backends},
          {"frame_bytes", row.about.frame_bytes},
          {"workers", row.about.workers}};
}

boost::json::object to_json(const PortRow& row, std::uint64_t hz) {
  const double ns = row.ticks / static_cast<double>(hz) * 1e9;
  boost::json::object object{{"name", row.name},
                             {"group", "ports"},
                             {"ticks", row.ticks},
                             {"ticks_median", row.ticks_median},
                             {"ticks_mean", row.ticks_mean},
                             {"ratio", row.ratio},
                             {"ns", ns},
                             {"mpps", 1e3 / ns}};
  if (row.flows > 0) object["flows"] = row.flows;
  return object;
}

void print_json(const DpdkBench& bench, const std::vector<Row>& rows, const std::vector<PortRow>& ports) {
  boost::json::array cases;
  for (const Row& row : rows) cases.push_back(to_json(row, bench.hz()));
  for (const PortRow& row : ports) cases.push_back(to_json(row, bench.hz()));
  fmt::print("{}\n", boost::json::serialize(boost::json::object{{"tsc_hz", bench.hz()},
                                                                {"cpu", cpu_text()},
                                                                {"level", burst_level_text()},
                                                                {"memory", bench.memory_text()},
                                                                {"burst", burst_frames_max},
                                                                {"cases", std::move(cases)}}));
}

}  // namespace

void add_dpdk_command(CLI::App& app) {
  auto settings = std::make_shared<Settings>();
  CLI::App* command = app.add_subcommand("dpdk", "Ticks per packet of the DPDK plane's path, in user space");
  command->add_option("--rounds", settings->rounds, "timed rounds over all cases")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--bursts", settings->bursts, "timed bursts per case and round")
      ->check(CLI::Range(32, 1 << 20))
      ->capture_default_str();
  command->add_option("--flows-max", settings->flows_max, "no case has more flows (a power of two)")
      ->check(CLI::Range(32, 1 << 23))
      ->check([](const std::string& text) {
        const unsigned long value = std::strtoul(text.c_str(), nullptr, 10);
        return (value & (value - 1)) == 0 ? std::string() : "allowed: powers of two";
      })
      ->capture_default_str();
  command
      ->add_option("--memory", settings->memory,
                   "huge: reserves 2 MiB pages meanwhile; ordinary; auto: huge if they "
                   "are to be had")
      ->check(CLI::IsMember({"auto", "huge", "ordinary"}))
      ->capture_default_str();
  command->add_option("--cpu", settings->cpu, "core to run on; default: the last one");
  command->add_option("--only", settings->only, "cases whose name contains this");
  command->add_option("--write-pcap", settings->pcap_path,
                      "keep the capture that the loops over net_pcap run over, 1,000 flows, in this file");
  add_output_option(*command, settings->output);
  command->callback([settings] {
    // Before minutes are spent.
    if (!settings->pcap_path.empty() && !std::ofstream(settings->pcap_path, std::ios::app))
      fail(make_error(ErrorCode::io,
                      "--write-pcap: cannot write " + settings->pcap_path + "; name a file in a folder that exists"));
    for (const int number : {SIGINT, SIGTERM}) std::signal(number, [](int which) { ended_by = which; });
    DpdkBench bench(*settings);
    const std::vector<Row> rows = bench.run();
    const std::vector<PortRow> ports = bench.run_ports();
    if (settings->output == "json")
      print_json(bench, rows, ports);
    else
      print_table(bench, *settings, rows, ports);
  });
}

}  // namespace sluice::bench
