// SPDX-License-Identifier: Apache-2.0
// sluice-bench xdp: net cost of the XDP program per packet, in the kernel, against a floor of the same run.
#include <bpf/libbpf.h>
#include <fmt/core.h>
#include <sched.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstring>
#include <map>

#include "bench_commands.h"
#include "bench_image.h"
#include "image_reader.h"
#include "sluice_packet.h"
#include "xdp_rig.h"

namespace sluice::bench {
namespace {

// A run is timed in stretches of this many packets and the fastest stretch counts: at 100 ns a packet one takes 6.5 ms,
// so that some of them run undisturbed on a busy machine.
constexpr std::uint32_t stretch = 1U << 16;

struct Settings {
  std::uint32_t repeat = 1U << 20;  // one full period of the flow generator at its largest
  std::uint32_t rounds = 3;
  std::uint32_t flows_exponent = 20;
  std::uint32_t backends = 1000;
  std::uint32_t pools_backends = 64;
  std::uint32_t frame_bytes = 128;
  int cpu = -1;
  std::string only;
  std::string object;
  std::string output = "table";
};

// What a case must have done to every packet for its figure to count.
enum class Proof : std::uint8_t { none, forwarded, not_vip, remembered, inserted };

struct Case {
  std::string name;
  std::string program = "sluice_balancer";
  PacketKind packet = PacketKind::tcp4_ack;
  std::uint32_t flows = 1;
  std::uint32_t services = 1;
  std::uint8_t encapsulation = SLUICE_ENCAP_IPIP_V4;
  bool track = false;
  bool chain = false;
  Proof proof = Proof::forwarded;
};

struct Timing {
  std::vector<double> nanoseconds;
  [[nodiscard]] double minimum() const { return *std::min_element(nanoseconds.begin(), nanoseconds.end()); }
  [[nodiscard]] double median() const {
    auto sorted = nanoseconds;
    std::sort(sorted.begin(), sorted.end());
    return sorted[sorted.size() / 2];
  }
};

struct Row {
  std::string name;
  double raw = 0;
  double raw_median = 0;
  double floor = 0;
  double net = 0;
  double ratio = 0;
  double over_blind = 0;
};

std::vector<Case> measured_cases(std::uint32_t many) {
  return {
      {.name = "blind_encap", .program = "sluice_bench_blind", .proof = Proof::none},
      {.name = "parse_only", .program = "sluice_bench_parse", .proof = Proof::none},
      {.name = "not_vip", .packet = PacketKind::tcp4_not_vip, .proof = Proof::not_vip},
      {.name = "tcp4_stateless_1"},
      {.name = "tcp4_stateless_1m", .flows = many},
      {.name = "tcp4_stateless_1m_64vips", .flows = many, .services = 64},
      {.name = "tcp4_tracked_1", .track = true, .proof = Proof::remembered},
      {.name = "tcp4_tracked_1m", .flows = many, .track = true, .proof = Proof::remembered},
      {.name = "tcp4_tracked_new_1m",
       .packet = PacketKind::tcp4_syn,
       .flows = many,
       .track = true,
       .proof = Proof::inserted},
      {.name = "tcp6_stateless_1", .packet = PacketKind::tcp6_ack, .encapsulation = SLUICE_ENCAP_IPIP_V6},
      {.name = "tcp6_in_4_stateless_1", .packet = PacketKind::tcp6_ack},
      {.name = "udp4_stateless_1", .packet = PacketKind::udp4},
      {.name = "vlan_stateless_1", .packet = PacketKind::vlan_tcp4_ack},
      {.name = "gue_stateless_1", .encapsulation = SLUICE_ENCAP_GUE_V4},
      {.name = "l2_stateless_1", .encapsulation = SLUICE_ENCAP_L2},
      {.name = "chain_stateless_1", .encapsulation = SLUICE_ENCAP_GUE_V4, .chain = true},
  };
}

[[noreturn]] void fail(const Error& error) {
  fmt::print(stderr, "sluice-bench xdp: {}\n", error.context);
  throw CLI::RuntimeError(1);
}

template <typename T>
T must(Result<T> result) {
  if (!result) fail(result.error());
  return std::move(*result);
}
void must(const Status& status) {
  if (!status) fail(status.error());
}

class XdpBench {
 public:
  explicit XdpBench(const Settings& settings)
      : settings_(settings), workers_(static_cast<std::uint32_t>(libbpf_num_possible_cpus())) {
    const std::uint32_t flows = 1U << settings.flows_exponent;
    cases_ = measured_cases(flows);
    std::erase_if(cases_, [&](const Case& c) {
      return !settings.only.empty() && c.name != "blind_encap" && c.name.find(settings.only) == std::string::npos;
    });
    ImageSizes sizes;
    for (const Case& c : cases_) {
      if (c.program != "sluice_balancer") continue;
      models_.emplace(c.name, bench_model(options_of(c)));
      const ImageSizes needed = image_sizes_for(models_.at(c.name), {workers_});
      for (auto field : {&ImageSizes::vips, &ImageSizes::slots, &ImageSizes::past, &ImageSizes::members,
                         &ImageSizes::backends, &ImageSizes::flows})
        sizes.*field = std::max(sizes.*field, needed.*field);
      sizes.counters = std::max(sizes.counters, needed.counters);
    }
    // Every model is published over the one before: both must find room at once.
    sizes.slots *= 2;
    sizes.past *= 2;
    sizes.members *= 2;
    sizes.backends *= 2;
    sizes.counters *= 2;
    rig_.emplace(must(XdpRig::open(sizes, settings.object)));
    writer_.emplace(rig_->tables(), ImageOptions{workers_}, [] {});
    image_bytes_ = sizes.bytes();
  }

  std::vector<Row> run() {
    std::vector<Case> all = {{.name = "floor", .program = "sluice_bench_floor", .proof = Proof::none}};
    all.insert(all.end(), cases_.begin(), cases_.end());
    for (std::uint32_t round = 0; round < settings_.rounds; ++round)
      for (const Case& c : all) time_case(c);
    return rows();
  }
  [[nodiscard]] std::uint64_t image_bytes() const { return image_bytes_; }

 private:
  [[nodiscard]] ModelOptions options_of(const Case& c) const {
    ModelOptions options;
    options.services = c.services;
    options.backends_per_pool = c.services > 1 ? settings_.pools_backends : settings_.backends;
    options.encapsulation = c.encapsulation;
    options.protocol = c.packet == PacketKind::udp4 ? SLUICE_PROTO_UDP : SLUICE_PROTO_TCP;
    options.is_v6 = c.packet == PacketKind::tcp6_ack;
    options.track = c.track;
    options.chain = c.chain;
    // Half full with every flow of the largest case: the load a table of this size is meant for.
    if (c.track) options.flows_per_worker = 2U << settings_.flows_exponent;
    return options;
  }

  FrontCase front_of(const Case& c, const std::vector<std::uint8_t>& frame) const {
    FrontCase front;
    std::copy_n(frame.begin(), front.header.size(), front.header.begin());
    front.length = static_cast<std::uint32_t>(frame.size());
    front.flows_mask = c.flows - 1;
    front.services_mask = c.services - 1;
    front.l3_offset = c.packet == PacketKind::vlan_tcp4_ack ? 18 : 14;
    front.is_v6 = c.packet == PacketKind::tcp6_ack;
    return front;
  }

  // One time per stretch; the flow generator carries on from one to the next.
  std::vector<double> run_once(const Case& c, PacketKind packet, std::uint32_t repeat) {
    const auto frame = bench_frame(packet, settings_.frame_bytes);
    must(rig_->set_case(front_of(c, frame)));
    std::vector<double> nanoseconds;
    for (std::uint32_t done = 0; done < repeat; done += stretch)
      nanoseconds.push_back(must(rig_->run(frame, std::min(stretch, repeat - done))).nanoseconds);
    return nanoseconds;
  }

  void time_case(const Case& c) {
    must(rig_->aim(c.program));
    if (c.program == "sluice_balancer") {
      const sluice_tables& tables = rig_->tables();
      must(writer_->publish(models_.at(c.name), bench_next_hop, 0));
      std::memset(tables.flows, 0, std::size_t{tables.flows_lines} * SLUICE_LINE_BYTES);
      if (c.proof == Proof::remembered) run_once(c, PacketKind::tcp4_syn, c.flows);
    }
    // A full period of insertions fits an empty table only once, so that case has no warm-up of its own.
    if (c.proof != Proof::inserted) run_once(c, c.packet, std::min(c.flows, settings_.repeat));
    const ImageTotals before = read_totals(rig_->tables());
    const std::vector<double> nanoseconds = run_once(c, c.packet, settings_.repeat);
    prove(c, before, read_totals(rig_->tables()));
    auto& all = timings_[c.name].nanoseconds;
    all.insert(all.end(), nanoseconds.begin(), nanoseconds.end());
  }

  void prove(const Case& c, const ImageTotals& before, const ImageTotals& after) const {
    const auto grew = [&](std::uint64_t now, std::uint64_t then, double share, const char* what) {
      if (static_cast<double>(now - then) < share * settings_.repeat)
        fail(make_error(ErrorCode::internal, fmt::format("{}: only {} of {} packets were {}; the figure would be a lie",
                                                         c.name, now - then, settings_.repeat, what)));
    };
    const auto reason = [](const ImageTotals& totals, sluice_reason r) { return totals.reasons[r]; };
    if (c.proof == Proof::none) return;
    if (c.proof == Proof::not_vip) {
      grew(reason(after, SLUICE_REASON_not_vip), reason(before, SLUICE_REASON_not_vip), 1, "handed to the kernel");
      return;
    }
    grew(reason(after, SLUICE_REASON_forwarded), reason(before, SLUICE_REASON_forwarded), 1, "forwarded");
    // A bucket of eight overflows now and then at half load: Poisson(4) exceeds 8 in 2.1 % of the buckets.
    if (c.proof == Proof::remembered) grew(after.flow_hits, before.flow_hits, 0.99, "found in the flow table");
    if (c.proof == Proof::inserted) grew(after.flow_inserts, before.flow_inserts, 1, "entered into the flow table");
  }

  [[nodiscard]] std::vector<Row> rows() {
    const double floor = timings_.at("floor").minimum();
    std::vector<Row> rows;
    for (const Case& c : cases_) {
      const Timing& timing = timings_.at(c.name);
      Row row{c.name, timing.minimum(), timing.median(), floor, timing.minimum() - floor, 0, 0};
      rows.push_back(row);
    }
    for (Row& row : rows) {
      row.ratio = row.net / rows.front().net;
      row.over_blind = row.raw - rows.front().raw;
    }
    return rows;
  }

  Settings settings_;
  std::uint32_t workers_;
  std::vector<Case> cases_;
  std::map<std::string, ForwardingModel> models_;
  std::map<std::string, Timing> timings_;
  std::optional<XdpRig> rig_;
  std::optional<ImageWriter> writer_;
  std::uint64_t image_bytes_ = 0;
};

void pin_to(int cpu) {
  if (cpu < 0) cpu = sched_getcpu();
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0)
    fail(make_error(ErrorCode::invalid_argument, fmt::format("cannot run on CPU {}", cpu)));
}

void print_table(const Settings& settings, const XdpBench& bench, const std::vector<Row>& rows) {
  fmt::print("XDP program by the kernel's test-run, {} repetitions x {} rounds, frames of {} B, one core\n",
             settings.repeat, settings.rounds, settings.frame_bytes);
  fmt::print("M = 65,537; {} backends (64 services: {} each); 1m = {} flows; image {:.1f} MiB\n", settings.backends,
             settings.pools_backends, 1U << settings.flows_exponent,
             static_cast<double>(bench.image_bytes()) / (1 << 20));
  fmt::print("floor: the same front before \"return XDP_TX\"\n\n");
  fmt::print("{:<28} {:>8} {:>8} {:>8} {:>8} {:>8} {:>11}\n", "CASE", "RAW ns", "MEDIAN", "FLOOR", "NET ns", "RATIO",
             "OVER BLIND");
  for (const Row& row : rows)
    fmt::print("{:<28} {:>8.1f} {:>8.1f} {:>8.1f} {:>8.1f} {:>8.2f} {:>8.1f} ns\n", row.name, row.raw, row.raw_median,
               row.floor, row.net, row.ratio, row.over_blind);
  fmt::print(
      "\nRAW: the fastest stretch of 65,536 packets. NET: RAW - FLOOR. RATIO: NET / NET of blind_encap.\n"
      "NET of every case that moves the head, blind_encap too, includes the front's taking it back (one\n"
      "bpf_xdp_adjust_head). OVER BLIND is free of that and of the floor: RAW less blind_encap's RAW.\n");
}

void print_json(const std::vector<Row>& rows) {
  boost::json::array cases;
  for (const Row& row : rows)
    cases.push_back({{"name", row.name},
                     {"raw_ns", row.raw},
                     {"raw_median_ns", row.raw_median},
                     {"floor_ns", row.floor},
                     {"net_ns", row.net},
                     {"ratio", row.ratio},
                     {"over_blind_ns", row.over_blind}});
  fmt::print("{}\n", boost::json::serialize(boost::json::object{{"cases", std::move(cases)}}));
}

}  // namespace

void add_xdp_command(CLI::App& app) {
  auto settings = std::make_shared<Settings>();
  CLI::App* command = app.add_subcommand("xdp", "Net cost per packet of the XDP program, in the kernel (root)");
  command->add_option("--repeat", settings->repeat, "packets per timed run")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  command->add_option("--rounds", settings->rounds, "timed runs per case")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--flows-exponent", settings->flows_exponent, "the ..._1m cases have 2^N flows")
      ->check(CLI::Range(1, 20))
      ->capture_default_str();
  command->add_option("--backends", settings->backends, "backends of the single pool")
      ->check(CLI::Range(4, 30000))
      ->capture_default_str();
  command->add_option("--frame-bytes", settings->frame_bytes, "frame length")
      ->check(CLI::Range(96, 1400))
      ->capture_default_str();
  command->add_option("--cpu", settings->cpu, "core to run on; default: the present one");
  command->add_option("--only", settings->only, "cases whose name contains this");
  command->add_option("--object", settings->object, "another build of bpf/balancer.bpf.c to measure");
  add_output_option(*command, settings->output);
  command->callback([settings] {
    pin_to(settings->cpu);
    XdpBench bench(*settings);
    const std::vector<Row> rows = bench.run();
    if (settings->output == "json")
      print_json(rows);
    else
      print_table(*settings, bench, rows);
  });
}

}  // namespace sluice::bench
