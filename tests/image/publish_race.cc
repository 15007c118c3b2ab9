// SPDX-License-Identifier: Apache-2.0
// Two workers forward bursts while the writer publishes, resolves, sweeps and reads, in a build of ThreadSanitizer's:
// it reports every access that nothing orders. Every packet is looked at besides: none may be made of two generations.
//
//   publish_race                   as the planes do it: 0 reports
//   publish_race without-waiting   the writer waits for nobody: this has to fail
//
// No DPDK in here, whose own synchronisation ThreadSanitizer cannot see: workers say between two bursts that they hold
// nothing, by an atomic number.
#include <array>
#include <atomic>
#include <cstring>
#include <iostream>
#include <string_view>
#include <thread>

#include "image_memory.h"
#include "image_reader.h"
#include "image_writer.h"
#include "packet_burst.h"
#include "tcp_frame.h"

namespace sluice {
namespace {

constexpr std::uint32_t workers_count = 2;
constexpr std::uint32_t generations = 200;
constexpr std::uint32_t headroom_bytes = 128;
constexpr std::uint32_t frame_bytes = testing::tcp_frame_bytes;
constexpr std::uint32_t slots_count = 61;

IpAddress address(const std::string& text) {
  return IpAddress::parse(text).value();
}

// 10.9.<number>, reached from 10.8.<number>: a header made of two backends says two numbers.
ForwardingBackend backend(std::uint32_t number) {
  const std::string text = std::to_string(number >> 8) + "." + std::to_string(number & 0xff);
  ForwardingBackend backend;
  backend.key = {address("10.9." + text), SLUICE_ENCAP_IPIP_V4, 0};
  backend.source = address("10.8." + text);
  backend.inner_mtu = 1480;
  return backend;
}

NextHop next_hop(std::uint8_t interface) {
  return {{2, 0, 0, 0, 0, 9}, {2, 0, 0, 0, 0, 1}, interface};
}

// One backend stays, one is of this generation only, and one changes its way (its path's MTU) every second generation,
// so that flows are moved to its new line. Services 80 (remembers flows) and, in every third generation, 81.
ForwardingModel model_at(std::uint32_t generation) {
  ForwardingModel model;
  model.hash_secret = {1, 2, 3};
  model.inserts_per_tick = 100000;
  model.icmp_per_tick = 1000;
  model.flows_per_worker = 1024;
  model.backends = {backend(1), backend(2), backend(256 + generation)};
  if (generation % 2 == 0) model.backends.edit()[1].inner_mtu = 1400;
  ForwardingPool pool;
  pool.name = "web";
  pool.members = {0, 1, 2};
  for (std::uint32_t slot = 0; slot < slots_count; ++slot)
    pool.slots.push_back(static_cast<std::uint16_t>((slot + slot / 7 * generation) % 3));
  model.pools.push_back(pool);
  ForwardingService service;
  service.name = "web";
  service.key = {address("203.0.113.10"), 6, PortHost(80)};
  service.track = true;
  model.services.push_back(service);
  service.key.port = PortHost(81);
  service.track = false;
  if (generation % 3 == 0) model.services.push_back(service);
  return model;
}

class Epochs {
 public:
  void quiescent(std::uint32_t worker) { seen_[worker].store(epoch_.load()); }
  void leave(std::uint32_t worker) { seen_[worker].store(UINT64_MAX); }
  void wait() {
    const std::uint64_t epoch = ++epoch_;
    for (const auto& seen : seen_)
      while (seen.load() < epoch) std::this_thread::yield();
  }

 private:
  std::atomic<std::uint64_t> epoch_ = 0;
  std::array<std::atomic<std::uint64_t>, workers_count> seen_{};
};

using Room = std::array<std::uint8_t, headroom_bytes + frame_bytes>;

// Source and destination are one backend's; the checksum is right for both.
bool is_of_one_piece(const std::uint8_t* frame) {
  std::uint32_t sum = 0;
  for (std::size_t i = 14; i < 34; i += 2) sum += static_cast<std::uint32_t>(frame[i] << 8 | frame[i + 1]);
  return (sum & 0xffff) + (sum >> 16) == 0xffff && frame[27] == 8 && frame[31] == 9 &&
         std::memcmp(frame + 28, frame + 32, 2) == 0;
}

struct Worker {
  std::uint32_t number;
  std::uint64_t packets = 0;
  std::uint64_t wrong = 0;
  std::array<Room, burst_frames_max> rooms{};

  void burst(sluice_tables* tables, std::uint32_t round) {
    PacketBurst burst;
    burst.count = burst_frames_max;
    burst.headroom_bytes = headroom_bytes;
    for (std::uint32_t i = 0; i < burst.count; ++i) {
      const std::uint32_t flow = (round * 7 + i) % 512;
      const bool is_stateless = round % 4 == 3;
      testing::put_tcp_frame(rooms[i].data() + headroom_bytes, static_cast<std::uint16_t>(flow), is_stateless ? 81 : 80,
                             round % 4 == 0 ? SLUICE_TCP_SYN : SLUICE_TCP_ACK);
      burst.data[i] = rooms[i].data() + headroom_bytes;
      burst.bytes[i] = frame_bytes;
    }
    burst_function()(tables, number, 10 + round / 64, &burst);
    settle(&burst);
    for (std::uint32_t i = 0; i < burst.count; ++i) {
      const sluice_reason reason = burst.verdicts[i].reason;
      // Service 81 comes and goes.
      const bool is_right = reason == SLUICE_REASON_forwarded ? is_of_one_piece(burst.data[i])
                                                              : round % 4 == 3 && reason == SLUICE_REASON_not_vip;
      if (!is_right) ++wrong;
    }
    packets += burst.count;
  }
};

struct Race {
  explicit Race(bool is_waiting)
      : writer(memory.tables(), ImageOptions{workers_count}, [this, is_waiting] {
          if (is_waiting) epochs.wait();
        }) {}

  bool publish(std::uint32_t generation) {
    const auto next_hop_of = [](const ForwardingBackend&) { return std::optional(next_hop(0)); };
    if (const auto done = writer.publish(model_at(generation), next_hop_of, 1); !done) {
      std::cerr << "publish: " << done.error().context << '\n';
      return false;
    }
    return true;
  }

  void work(Worker& worker) {
    sluice_tables tables = memory.tables();
    for (std::uint32_t round = 0; !stop.load(std::memory_order_relaxed); ++round) {
      worker.burst(&tables, round);
      epochs.quiescent(worker.number);
    }
    epochs.leave(worker.number);
  }

  // What a plane's control thread does beside publishing.
  void control(std::uint32_t generation) {
    const BackendIndex staying = writer.find_backend(backend(1).key).value();
    writer.set_next_hop(staying, next_hop(static_cast<std::uint8_t>(generation % 4)));
    read = read_totals(memory.tables());
    (void)read_backend(memory.tables(), staying);
    const FlowQuery query = {address("198.51.100.7"), PortHost(static_cast<std::uint16_t>(generation % 512)),
                             address("203.0.113.10"), PortHost(80), 6};
    remembered += explain_flow(memory.tables(), query, 10).remembered_by.size();
  }

  ImageMemory memory{image_sizes_for(model_at(3), ImageOptions{workers_count})};
  Epochs epochs;
  ImageWriter writer;
  std::atomic<bool> stop = false;
  ImageTotals read;
  std::uint64_t remembered = 0;
};

int run(bool is_waiting) {
  Race race(is_waiting);
  std::array<Worker, workers_count> workers = {Worker{0}, Worker{1}};
  for (Worker& worker : workers) race.epochs.leave(worker.number);
  bool published = race.publish(1);
  // Waited for from before their first burst on.
  for (Worker& worker : workers) race.epochs.quiescent(worker.number);
  std::array<std::thread, workers_count> threads;
  for (std::uint32_t i = 0; i < workers_count; ++i) threads[i] = std::thread([&, i] { race.work(workers[i]); });
  for (std::uint32_t generation = 2; generation <= generations && published; ++generation) {
    published = race.publish(generation);
    race.control(generation);
    std::this_thread::yield();
  }
  race.stop = true;
  for (std::thread& thread : threads) thread.join();
  const std::uint64_t packets = workers[0].packets + workers[1].packets;
  const std::uint64_t wrong = workers[0].wrong + workers[1].wrong;
  const ImageTotals totals = read_totals(race.memory.tables());
  std::cout << generations << " generations, " << packets << " packets, " << wrong << " wrong, " << totals.flow_hits
            << " flow hits, " << race.remembered << " flows seen by explain\n";
  const bool has_seen_all = totals.flow_hits > 0 && totals.flow_inserts > 0 && race.remembered > 0;
  return published && wrong == 0 && totals.rx_packets == packets && has_seen_all ? 0 : 1;
}

}  // namespace
}  // namespace sluice

int main(int count, char** arguments) {
  const bool is_waiting = count < 2 || std::string_view(arguments[1]) != "without-waiting";
  return sluice::run(is_waiting);
}
