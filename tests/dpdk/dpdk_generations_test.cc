// SPDX-License-Identifier: Apache-2.0
// A thousand generations published under a worker that forwards: no packet is lost, none mixes two of them. The times
// printed are for people; none decides.
//
// Every generation has a backend that no other has, under an address, an outer source and a next hop that are its
// number: a packet that went there says which generation it saw, and one made of two of them says two numbers.
#include <gtest/gtest.h>
#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ring.h>

#include <atomic>
#include <chrono>
#include <iostream>
#include <thread>

#include "port.h"
#include "sluice_pipeline.h"
#include "worker.h"
#include "worker_frames.h"

namespace sluice {
namespace {

using std::chrono::steady_clock;
using testing::buffer_of;
using testing::Bytes;
using testing::Image;
using testing::pool;
using testing::put_ipv4_checksum;
using testing::put_word_be;
using testing::tick;
using testing::vip_frame;

constexpr std::uint64_t switches = 1000;
constexpr std::uint32_t flows_count = 256;
constexpr std::uint32_t slots_count = 251;  // prime, about a slot a flow
constexpr std::uint32_t in_flight_max = 128;
// Between two switches at least, or a generation of 5 us would see hardly a packet; more than are under way at once.
constexpr std::uint64_t packets_per_switch = 2 * in_flight_max;
constexpr std::size_t inner_at = 14 + 20;  // in the frame that leaves
constexpr std::size_t number_at = 38;      // in the frame that enters: the TCP sequence number
constexpr auto quiet_time = std::chrono::milliseconds(400);

std::string number_text(std::uint64_t generation) {
  return std::to_string(generation >> 8) + "." + std::to_string(generation & 0xff);
}

// Who stays, and who is here for this generation only. Slots: three parts of four and one of four in turn.
ForwardingModel model_at(std::uint64_t generation) {
  ForwardingBackend own = testing::backend("10.9." + number_text(generation));
  own.source = testing::address("10.8." + number_text(generation));
  ForwardingModel model = testing::model_of({testing::backend("10.3.1.2"), own}, slots_count);
  for (std::uint32_t slot = 0; slot < slots_count; ++slot)
    model.pools[0].slots.edit()[slot] = (slot % 4 == 0) == (generation % 2 == 0) ? 0 : 1;
  return model;
}

// The last two bytes of the backend's address, wherever it goes: 10.9.<generation> or 10.3.1.2.
std::optional<NextHop> next_hop_of(const ForwardingBackend& backend) {
  const std::uint32_t word = backend.key.address.words()[0];
  const auto high = static_cast<std::uint8_t>(word >> 16);
  const auto low = static_cast<std::uint8_t>(word >> 24);
  return NextHop{{2, 0, 0, 0, high, low}, {2, 0, high, low, high, low}, 0};
}

// A header says one thing: the address's last bytes are the next hop's and, for a generation's own backend, the
// source's.
bool is_of_one_piece(const std::uint8_t* frame) {
  const std::uint8_t* destination = frame + 30;
  const bool is_own = destination[1] == 9;
  const auto is_number = [destination](const std::uint8_t* at) { return std::equal(at, at + 2, destination + 2); };
  return is_number(frame + 4) && is_number(frame + 8) && is_number(frame + 10) && (!is_own || is_number(frame + 28));
}

// The packet path as its one worker calls it, with a measure around it. Before each burst the same burst is rehearsed
// many times over, in buffers and with a worker's number of its own: so a switch nearly always finds a burst under way,
// while the threads around could never feed the worker that fast.
struct Path {
  static constexpr int rehearsals_per_burst = 64;
  static constexpr std::uint32_t rehearsing_worker = 1;
  // Longer than any burst takes: the thread had been off the CPU.
  static constexpr std::uint64_t ticks_max = 20000;

  std::atomic<std::uint64_t> packets;
  std::atomic<std::uint64_t> rehearsed;
  std::atomic<std::uint64_t> rehearsals_wrong;
  std::atomic<std::uint64_t> ticks;
  std::atomic<std::uint64_t> packets_measured;
  std::array<std::array<std::uint8_t, 256>, burst_frames_max> rooms;

  // One writer each.
  static void add(std::atomic<std::uint64_t>& count, std::uint64_t by) {
    count.store(count.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }

  void rehearse(sluice_tables* tables, std::uint32_t now, const PacketBurst& given) {
    PacketBurst burst;
    burst.count = given.count;
    burst.headroom_bytes = given.headroom_bytes;
    for (std::uint32_t i = 0; i < given.count; ++i) {
      burst.data[i] = rooms[i].data() + given.headroom_bytes;
      burst.bytes[i] = given.bytes[i];
      std::memcpy(burst.data[i], given.data[i], given.bytes[i]);
    }
    const std::uint64_t begin = rte_rdtsc();
    burst_function()(tables, rehearsing_worker, now, &burst);
    if (const std::uint64_t took = rte_rdtsc() - begin; took <= ticks_max) {
      add(ticks, took);
      add(packets_measured, burst.count);
    }
    settle(&burst);
    for (std::uint32_t i = 0; i < burst.count; ++i) {
      if (burst.verdicts[i].reason != SLUICE_REASON_forwarded || !is_of_one_piece(burst.data[i]))
        add(rehearsals_wrong, 1);
    }
    add(rehearsed, burst.count);
  }
};
Path path;

void process_rehearsed(sluice_tables* tables, std::uint32_t worker, std::uint32_t now, PacketBurst* burst) {
  for (int i = 0; i < Path::rehearsals_per_burst; ++i) path.rehearse(tables, now, *burst);
  burst_function()(tables, worker, now, burst);
  Path::add(path.packets, burst->count);
}

// Where a generation may have sent a flow.
class Truth {
 public:
  Truth() {
    Image reference(model_at(1));
    for (std::uint16_t flow = 0; flow < flows_count; ++flow)
      slots_[flow] = explain_flow(reference.memory.tables(), testing::query(flow), tick).slot.value();
  }
  // Of the backend that only this generation has.
  [[nodiscard]] bool is_own(std::uint32_t flow, std::uint64_t generation) const {
    const std::uint32_t slot = slots_[flow];
    return model_of_parity_[generation % 2].pools[0].slots[slot] == 1;
  }

 private:
  std::array<std::uint32_t, flows_count> slots_{};
  std::array<ForwardingModel, 2> model_of_parity_ = {model_at(2), model_at(1)};
};

struct Rate {
  double packets = 0;
  double seconds = 0;
  double path_ticks = 0;
  double path_packets = 0;
};
std::ostream& operator<<(std::ostream& out, const Rate& rate) {
  return out << rate.packets / rate.seconds / 1e6 << " million packets a second, "
             << rate.path_ticks / rate.path_packets << " ticks a packet in the packet path";
}

class GenerationsTest : public ::testing::Test {
 protected:
  GenerationsTest() {
    in_ = rte_ring_create("storm_in", 2 * in_flight_max, SOCKET_ID_ANY, 0);
    out_ = rte_ring_create("storm_out", 2 * in_flight_max, SOCKET_ID_ANY, 0);
    EXPECT_GE(rte_eth_from_rings("storm", &in_, 1, &out_, 1, 0), 0);
    PortOptions options;
    options.device = "net_ring_storm";
    port_.emplace(Port::open(options, pool()).value());
    EXPECT_TRUE(port_->start());
    WorkerOptions worker;
    worker.ports.push_back({port_->id(), 0, {0}, -1});
    worker.pool = pool();
    worker.tables = &tables_;
    worker.epochs = &epochs_;
    worker.process = process_rehearsed;
    worker.idle = IdleMode::adaptive;
    worker.tsc_hz = rte_get_tsc_hz();
    worker_ = std::make_unique<Worker>(worker);
    for (std::uint16_t flow = 0; flow < flows_count; ++flow) frames_[flow] = vip_frame(flow);
    const ForwardingBackend staying = model_at(1).backends[0];
    image_.writer.set_next_hop(image_.writer.find_backend(staying.key).value(), next_hop_of(staying).value());
    EXPECT_TRUE(image_.writer.publish(model_at(2), next_hop_of, 1));
  }

  ~GenerationsTest() override {
    worker_.reset();
    port_.reset();
    rte_ring_free(in_);
    rte_ring_free(out_);
    EXPECT_EQ(rte_mempool_in_use_count(pool()), 0u);
  }

  [[nodiscard]] std::uint64_t generation_now() const { return sluice_read_active(image_.writer.tables().control); }

  void feed_one() {
    const auto flow = static_cast<std::uint32_t>(fed_ % flows_count);
    rte_mbuf* mbuf = buffer_of(frames_[flow]);
    put_word_be(rte_pktmbuf_mtod_offset(mbuf, std::uint8_t*, number_at), static_cast<std::uint32_t>(fed_));
    entered_[fed_ % in_flight_max] = generation_now();
    ASSERT_EQ(rte_ring_enqueue(in_, mbuf), 0);
    ++fed_;
  }

  // The packets come out in the order in which they went in.
  void check_one(rte_mbuf* mbuf) {
    const std::uint64_t left = generation_now();
    const auto flow = static_cast<std::uint32_t>(checked_ % flows_count);
    const auto* frame = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
    if (mbuf->data_len != frames_[flow].size() + 20 || !is_inner_right(frame + inner_at, flow)) {
      ++wrong_inner_;
    } else {
      check_outer(frame, flow, entered_[checked_ % in_flight_max], left);
    }
    rte_pktmbuf_free(mbuf);
    ++checked_;
  }

  // As it entered, but for the TTL and the checksum that follows it.
  [[nodiscard]] bool is_inner_right(const std::uint8_t* inner, std::uint32_t flow) const {
    Bytes wanted(frames_[flow].begin() + 14, frames_[flow].end());
    put_word_be(wanted.data() + number_at - 14, static_cast<std::uint32_t>(checked_));
    wanted[8] -= 1;
    put_ipv4_checksum(wanted.data());
    return std::memcmp(inner, wanted.data(), wanted.size()) == 0;
  }

  // Rebuilt from the destination alone: every other byte has to follow from it.
  void check_outer(const std::uint8_t* frame, std::uint32_t flow, std::uint64_t entered, std::uint64_t left) {
    const std::uint8_t high = frame[32];
    const std::uint8_t low = frame[33];
    const bool is_own = frame[31] == 9;
    Bytes wanted = {
        2, 0, 0, 0, high, low, 2, 0, high, low, high, low, 8, 0, 0x45, 0, 0, 60, 0, 0, 0x40, 0, SLUICE_OUTER_TTL,
        4, 0, 0};
    if (is_own)
      wanted.insert(wanted.end(), {10, 8, high, low, 10, 9, high, low});
    else
      wanted.insert(wanted.end(), {10, 0, 0, 1, 10, 3, 1, 2});
    put_ipv4_checksum(wanted.data() + 14);
    if (!std::equal(wanted.begin(), wanted.end(), frame)) {
      ++mixed_;
      return;
    }
    const auto may_be = [&](std::uint64_t generation) {
      const std::uint64_t number = high << 8 | low;
      return truth_.is_own(flow, generation) == is_own && (!is_own || number == generation);
    };
    std::uint64_t generation = entered;
    while (generation <= left && !may_be(generation)) ++generation;
    if (generation > left) ++out_of_time_;
    if (entered == left) ++certain_;
    if (is_own) ++own_;
  }

  void pump() {
    for (int i = 0; i < 64 && fed_ - checked_ < in_flight_max; ++i) feed_one();
    void* mbufs[64];
    const unsigned count = rte_ring_dequeue_burst(out_, mbufs, 64, nullptr);
    for (unsigned i = 0; i < count; ++i) check_one(static_cast<rte_mbuf*>(mbufs[i]));
    if (count == 0) give_up_if_lost();
  }

  // A packet that is lost never comes, and whoever lost it has counted it.
  void give_up_if_lost() {
    std::this_thread::yield();
    const WorkerCounts counts = worker_->counts();
    const std::uint64_t lost = counts.tx_unsent + counts.kernel_up_freed + dropped();
    if (lost != 0 && rte_ring_count(in_) == 0 && rte_ring_count(out_) == 0) is_lost_ = true;
  }
  [[nodiscard]] std::uint64_t dropped() const {
    const ImageTotals totals = read_totals(image_.writer.tables());
    std::uint64_t sum = 0;
    for (std::uint32_t reason = 0; reason < SLUICE_REASON_COUNT; ++reason)
      if (reason != SLUICE_REASON_forwarded) sum += totals.reasons[reason];
    return sum;
  }

  template <typename Until>
  Rate pump_until(Until until) {
    const std::uint64_t checked = checked_;
    const std::uint64_t ticks = path.ticks;
    const std::uint64_t packets = path.packets_measured;
    const auto begin = steady_clock::now();
    while (!until() && !is_lost_) pump();
    const std::chrono::duration<double> took = steady_clock::now() - begin;
    return {static_cast<double>(checked_ - checked), took.count(), static_cast<double>(path.ticks - ticks),
            static_cast<double>(path.packets_measured - packets)};
  }
  Rate pump_for(steady_clock::duration time) {
    const auto end = steady_clock::now() + time;
    return pump_until([end] { return steady_clock::now() >= end; });
  }

  // One generation after the other into `writer`, as fast as grace periods and packets_per_switch allow.
  Rate pump_while_publishing(ImageWriter& writer) {
    std::atomic<bool> has_ended = false;
    std::thread thread([&] {
      for (std::uint64_t i = 0; i < switches; ++i) {
        const std::uint64_t next = writer.generation().value() + 1;
        const std::uint64_t packets = path.packets;
        EXPECT_TRUE(writer.publish(model_at(next), next_hop_of, 1));
        while (path.packets < packets + packets_per_switch && !is_lost_)
          std::this_thread::sleep_for(std::chrono::microseconds(20));
      }
      has_ended = true;
    });
    const Rate rate = pump_until([&] { return has_ended.load(); });
    thread.join();
    return rate;
  }

  ReaderEpochs epochs_{1};
  Image image_{model_at(1), [this] { epochs_.wait(); }};
  std::atomic<sluice_tables*> tables_ = &image_.memory.tables();
  rte_ring* in_;
  rte_ring* out_;
  std::optional<Port> port_;
  std::unique_ptr<Worker> worker_;
  Truth truth_;
  std::array<Bytes, flows_count> frames_;
  std::array<std::uint64_t, in_flight_max> entered_{};
  std::uint64_t fed_ = 0;
  std::uint64_t checked_ = 0;
  std::uint64_t wrong_inner_ = 0;
  std::uint64_t mixed_ = 0;
  std::uint64_t out_of_time_ = 0;
  std::uint64_t certain_ = 0;
  std::uint64_t own_ = 0;
  std::atomic<bool> is_lost_ = false;
};

TEST_F(GenerationsTest, AThousandSwitchesLoseNothingAndMixNothing) {
  // The same work for the writer's thread, in an image that no packet looks at: what is left is the switches' own cost.
  Image aside(model_at(1));
  std::atomic<bool> stop = false;
  std::thread thread([&] { worker_->run(stop); });
  pump_for(quiet_time / 4);
  const Rate quiet = pump_for(quiet_time);
  const Rate beside = pump_while_publishing(aside.writer);
  certain_ = own_ = 0;
  const std::uint64_t fed_before = fed_;
  const std::uint64_t rehearsed_before = path.rehearsed;
  const Rate storm = pump_while_publishing(image_.writer);
  const std::uint64_t in_storm = fed_ - fed_before;
  while (checked_ < fed_ && !is_lost_) {
    void* mbuf = nullptr;
    if (rte_ring_dequeue(out_, &mbuf) == 0)
      check_one(static_cast<rte_mbuf*>(mbuf));
    else
      give_up_if_lost();
  }
  stop = true;
  thread.join();
  std::cout << "no switches:                " << quiet << "\nswitches of another image:  " << beside << "\n"
            << switches << " switches:              " << storm << ", " << in_storm << " packets in " << storm.seconds
            << " s, " << path.rehearsed - rehearsed_before << " rehearsed, " << certain_ << " within one generation, "
            << own_ << " to the generation's own backend\n";

  EXPECT_EQ(checked_, fed_);
  EXPECT_EQ(wrong_inner_, 0u);
  EXPECT_EQ(path.rehearsals_wrong, 0u);
  EXPECT_EQ(mixed_, 0u) << "headers made of two generations";
  EXPECT_EQ(out_of_time_, 0u) << "packets sent by a generation that was not current between entry and exit";
  // Or the test has seen nothing of what it is about.
  EXPECT_GT(certain_, 0u);
  EXPECT_GT(own_, 0u);
  EXPECT_EQ(image_.writer.generation().value(), 2 + switches);
  const ImageTotals totals = read_totals(image_.memory.tables());
  const std::uint64_t all = fed_ + path.rehearsed;
  EXPECT_EQ(totals.rx_packets, all);
  EXPECT_EQ(totals.rx_bytes, all * frames_[0].size());
  EXPECT_EQ(totals.reasons[SLUICE_REASON_forwarded], all);
  const TrafficTotals service =
      read_service(image_.memory.tables(), image_.writer.find_service(model_at(1).services[0].key).value());
  EXPECT_EQ(service.packets, all);
  EXPECT_EQ(service.drops, 0u);
  EXPECT_EQ(worker_->counts().tx_unsent, 0u);
}

}  // namespace
}  // namespace sluice

int main(int count, char** arguments) {
  return sluice::testing::run_with_eal(count, arguments);
}
