// SPDX-License-Identifier: Apache-2.0
#include "dpdk_ports.h"

#include <pcap/pcap.h>
#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ring.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <map>
#include <numeric>
#include <stdexcept>

#include "port.h"
#include "worker.h"

namespace sluice::bench {
namespace {

constexpr std::uint32_t file_flows = 1000;  // what testpmd is compared with runs over the same file
constexpr std::uint32_t ring_flows = 1024;

template <typename T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().context);
  return std::move(*result);
}

// A file of its own, gone at the end unless somebody wants it.
class CaptureOfFlows {
 public:
  CaptureOfFlows(rte_mempool* pool, std::uint32_t flows, const std::string& kept_path)
      : is_kept_(!kept_path.empty()),
        path_(is_kept_
                  ? std::filesystem::path(kept_path)
                  : std::filesystem::temp_directory_path() / ("sluice-bench-" + std::to_string(getpid()) + ".pcap")) {
    pcap_t* link = pcap_open_dead(DLT_EN10MB, 65535);
    pcap_dumper_t* file = pcap_dump_open(link, path_.c_str());
    if (file == nullptr) throw std::runtime_error("cannot write " + path_.string());
    Traffic traffic({PacketKind::tcp4_ack, 1024, 1, 64});
    BufferRing ring(pool, 32);
    for (std::uint32_t done = 0; done < flows;) {
      traffic.fill(ring.mbufs());
      for (rte_mbuf* mbuf : ring.mbufs()) {
        if (done++ >= flows) break;
        pcap_pkthdr header{};
        header.caplen = header.len = mbuf->data_len;
        pcap_dump(reinterpret_cast<u_char*>(file), &header, rte_pktmbuf_mtod(mbuf, const u_char*));
      }
    }
    pcap_dump_close(file);
    pcap_close(link);
  }
  CaptureOfFlows(const CaptureOfFlows&) = delete;
  CaptureOfFlows& operator=(const CaptureOfFlows&) = delete;
  ~CaptureOfFlows() {
    if (is_kept_) return;
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  [[nodiscard]] std::string device() const { return "net_pcap_bench,rx_pcap=" + path_.string() + ",infinite_rx=1"; }

 private:
  bool is_kept_;
  std::filesystem::path path_;
};

// The packet path as a worker runs it, over one port.
class WorkerLoop {
 public:
  WorkerLoop(DpdkRig& rig, std::uint16_t port_id)
      : model_(bench_model({})),
        image_(must(DpdkImage::create(image_sizes_for(model_, ImageOptions{1}), rig.memory()))),
        writer_(image_.tables(), ImageOptions{1}, [] {}),
        epochs_(1) {
    if (const auto published = writer_.publish(model_, bench_next_hop, 0); !published)
      throw std::runtime_error(published.error().context);
    tables_.store(&image_.tables());
    WorkerOptions options;
    options.ports = {{port_id, 0, {0}, -1}};
    options.pool = rig.pool();
    options.tables = &tables_;
    options.epochs = &epochs_;
    options.process = burst_function();
    options.tsc_hz = rte_get_tsc_hz();
    worker_.emplace(options);
  }
  std::uint32_t operator()() { return worker_->poll_once(1); }

 private:
  ForwardingModel model_;
  DpdkImage image_;
  ImageWriter writer_;
  ReaderEpochs epochs_;
  std::atomic<sluice_tables*> tables_;
  std::optional<Worker> worker_;
};

// A loop of dpdk_loops.h between receive and send.
std::uint32_t run_plain(std::uint16_t port_id, Loop loop) {
  std::array<rte_mbuf*, burst_frames_max> in{};
  std::array<rte_mbuf*, burst_frames_max> out{};
  LoopContext context;
  const std::uint16_t received = rte_eth_rx_burst(port_id, 0, in.data(), burst_frames_max);
  const std::uint32_t count = loop(context, in.data(), received, out.data());
  const std::uint16_t sent = rte_eth_tx_burst(port_id, 0, out.data(), static_cast<std::uint16_t>(count));
  if (sent < count) rte_pktmbuf_free_bulk(out.data() + sent, count - sent);
  return received;
}

using Step = std::function<std::uint32_t()>;

// Ticks per packet of every step; `before` each, untimed.
std::vector<double> time_steps(const Step& step, const std::function<void()>& before, std::uint32_t bursts) {
  std::vector<double> ticks;
  while (ticks.size() < bursts) {
    if (before) before();
    const std::uint64_t began = rte_rdtsc_precise();
    const std::uint32_t packets = step();
    const std::uint64_t ended = rte_rdtsc_precise();
    if (packets == 0) throw std::runtime_error("a port has stopped giving packets");
    ticks.push_back(static_cast<double>(ended - began) / packets);
  }
  return ticks;
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// The same, timed as a whole, as testpmd's figure is: no fence holds one burst's end from the next one's beginning.
double time_stretch(const Step& step, std::uint32_t bursts) {
  std::uint64_t packets = 0;
  const std::uint64_t began = rte_rdtsc_precise();
  for (std::uint32_t burst = 0; burst < bursts; ++burst) packets += step();
  const std::uint64_t ended = rte_rdtsc_precise();
  if (packets == 0) throw std::runtime_error("a port has stopped giving packets");
  return static_cast<double>(ended - began) / static_cast<double>(packets);
}

struct PortCase {
  std::string name;
  std::string port;
  std::uint32_t flows;
  Step step;
  std::function<void()> before;  // each burst; empty: nothing needs to be done
};

// Two rings as one port: what goes in at one end by hand, comes out at the other.
class RingPort {
 public:
  RingPort(rte_mempool* pool, std::uint32_t size) : pool_(pool) {
    in_ = rte_ring_create("bench_in", size, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    out_ = rte_ring_create("bench_out", size, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    if (in_ == nullptr || out_ == nullptr || rte_eth_from_rings("bench", &in_, 1, &out_, 1, 0) < 0)
      throw std::runtime_error("no ring port");
  }
  RingPort(const RingPort&) = delete;
  RingPort& operator=(const RingPort&) = delete;
  ~RingPort() {
    empty(in_);
    empty(out_);
    rte_ring_free(in_);
    rte_ring_free(out_);
  }
  void refill() {
    empty(out_);
    std::array<rte_mbuf*, burst_frames_max> mbufs{};
    if (rte_pktmbuf_alloc_bulk(pool_, mbufs.data(), burst_frames_max) != 0) throw std::runtime_error("no buffers");
    traffic_.fill(mbufs);
    rte_ring_enqueue_bulk(in_, reinterpret_cast<void**>(mbufs.data()), burst_frames_max, nullptr);
  }

 private:
  static void empty(rte_ring* ring) {
    void* mbuf = nullptr;
    while (rte_ring_dequeue(ring, &mbuf) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(mbuf));
  }

  rte_mempool* pool_;
  rte_ring* in_ = nullptr;
  rte_ring* out_ = nullptr;
  Traffic traffic_{{PacketKind::tcp4_ack, ring_flows, 1, 64}};
};

Port open_port(DpdkRig& rig, const std::string& device) {
  PortOptions options;
  options.device = device;
  Port port = must(Port::open(options, rig.pool()));
  if (const Status started = port.start(); !started) throw std::runtime_error(started.error().context);
  return port;
}

}  // namespace

std::vector<PortRow> time_ports(DpdkRig& rig, const PortTiming& timing) {
  const CaptureOfFlows capture(rig.pool(), file_flows, timing.pcap_path);
  RingPort rings(rig.pool(), 1024);
  Port pcap = open_port(rig, capture.device());
  Port null = open_port(rig, "net_null_bench");
  Port ring = open_port(rig, "net_ring_bench");
  const auto refill = [&rings] { rings.refill(); };
  std::vector<PortCase> cases;
  std::vector<std::unique_ptr<WorkerLoop>> workers;
  for (const auto& [name, port, flows, before] :
       {std::tuple<std::string, Port*, std::uint32_t, std::function<void()>>{"pcap_1k", &pcap, file_flows, {}},
        {"ring_1k", &ring, ring_flows, refill},
        {"null", &null, 0, {}}}) {
    const std::uint16_t id = port->id();
    for (const auto& [text, kind] : {std::pair{"_io", LoopKind::io}, std::pair{"_5tswap", LoopKind::five_tuple_swap}})
      cases.push_back({name + text, name, flows, [id, loop = loop_of(kind)] { return run_plain(id, loop); }, before});
    WorkerLoop* worker = workers.emplace_back(std::make_unique<WorkerLoop>(rig, id)).get();
    cases.push_back({name + "_sluice", name, flows, [worker] { return (*worker)(); }, before});
  }
  std::erase_if(cases, [&](const PortCase& one) { return one.name.find(timing.only) == std::string::npos; });
  std::map<std::string, std::vector<double>> medians;
  std::map<std::string, std::vector<double>> means;
  for (std::uint32_t round = 0; round < timing.rounds; ++round)
    for (const PortCase& one : cases) {
      timing.before_each();
      const std::vector<double> ticks = time_steps(one.step, one.before, timing.bursts);
      medians[one.name].push_back(median_of(ticks));
      means[one.name].push_back(one.before ? mean_of(ticks) : time_stretch(one.step, timing.bursts));
    }
  const auto least = [](const std::vector<double>& values) { return *std::min_element(values.begin(), values.end()); };
  std::vector<PortRow> rows;
  for (const PortCase& one : cases) {
    const auto swap = medians.find(one.port + "_5tswap");
    const double ticks = least(medians.at(one.name));
    rows.push_back({one.name, ticks, median_of(medians.at(one.name)), least(means.at(one.name)),
                    swap != medians.end() ? ticks / least(swap->second) : 0, one.flows});
  }
  return rows;
}

}  // namespace sluice::bench
