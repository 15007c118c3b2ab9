// SPDX-License-Identifier: Apache-2.0
// A worker at the edges that the packet tests do not reach: full queues, the kernel's frames, odd buffers, other
// drivers, and an image that is replaced while packets flow. No privilege, no huge pages.
#include <gtest/gtest.h>
#include <pcap/pcap.h>
#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ring.h>
#include <sys/socket.h>

#include <cstring>
#include <filesystem>
#include <thread>

#include "port.h"
#include "unique_fd.h"
#include "worker.h"
#include "worker_frames.h"

namespace sluice {
namespace {

using testing::buffer_of;
using testing::Bytes;
using testing::bytes_of;
using testing::Image;
using testing::image_options;
using testing::pool;
using testing::tick;
using testing::vip_frame;

Bytes arp_frame() {
  Bytes frame(42, 0xff);
  frame[12] = 8;
  frame[13] = 6;
  return frame;
}

// Takes its time, so that whoever does not wait for it is caught.
void process_slowly(sluice_tables* tables, std::uint32_t worker, std::uint32_t now, PacketBurst* burst) {
  std::this_thread::sleep_for(std::chrono::microseconds(50));
  burst_function()(tables, worker, now, burst);
}

class WorkerTest : public ::testing::Test {
 protected:
  static constexpr unsigned out_frames = 63;

  WorkerTest() {
    static int number = 0;
    const std::string name = "test" + std::to_string(number++);
    in_ = rte_ring_create((name + "_in").c_str(), 4096, SOCKET_ID_ANY, 0);
    out_ = rte_ring_create((name + "_out").c_str(), out_frames + 1, SOCKET_ID_ANY, 0);
    EXPECT_GE(rte_eth_from_rings(name.c_str(), &in_, 1, &out_, 1, 0), 0);
    PortOptions options;
    options.device = "net_ring_" + name;
    port_.emplace(Port::open(options, pool()).value());
    EXPECT_TRUE(port_->start());
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    kernel_ = UniqueFd(ends[0]);
    worker_kernel_ = UniqueFd(ends[1]);
    tables_.store(&image_.memory.tables());
    make_worker(worker_kernel_.get());
  }

  ~WorkerTest() override {
    worker_.reset();
    port_.reset();
    for (rte_ring* ring : {in_, out_}) {
      void* mbuf = nullptr;
      while (rte_ring_dequeue(ring, &mbuf) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(mbuf));
      rte_ring_free(ring);
    }
    // Whatever happened, no buffer has been lost.
    EXPECT_EQ(rte_mempool_in_use_count(pool()), 0u);
  }

  void make_worker(int kernel_fd, IdleMode idle = IdleMode::adaptive, BurstFunction process = burst_function()) {
    WorkerOptions options;
    options.ports.push_back({port_->id(), 0, {0}, kernel_fd});
    options.pool = pool();
    options.tables = &tables_;
    options.epochs = &epochs_;
    options.process = process;
    options.idle = idle;
    options.tsc_hz = rte_get_tsc_hz();
    worker_ = std::make_unique<Worker>(options);
  }

  void receive(rte_mbuf* mbuf) { ASSERT_EQ(rte_ring_enqueue(in_, mbuf), 0); }

  std::vector<Bytes> sent() {
    std::vector<Bytes> frames;
    void* mbuf = nullptr;
    while (rte_ring_dequeue(out_, &mbuf) == 0) frames.push_back(bytes_of(static_cast<rte_mbuf*>(mbuf)));
    return frames;
  }

  [[nodiscard]] ImageTotals totals() { return read_totals(image_.memory.tables()); }

  rte_ring* in_;
  rte_ring* out_;
  std::optional<Port> port_;
  UniqueFd kernel_;
  UniqueFd worker_kernel_;
  Image image_{testing::model_of({testing::backend("10.3.1.2")})};
  ReaderEpochs epochs_{2};
  std::atomic<sluice_tables*> tables_;
  std::unique_ptr<Worker> worker_;
};

TEST_F(WorkerTest, ForwardsInATunnel) {
  receive(buffer_of(vip_frame()));
  EXPECT_EQ(worker_->poll_once(tick), 1u);
  const auto frames = sent();
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].size(), vip_frame().size() + 20);
  EXPECT_EQ(worker_->poll_once(tick), 0u);
}

TEST_F(WorkerTest, FramesThatThePortDoesNotTakeAreCountedAndFreed) {
  for (std::uint16_t i = 0; i < 100; ++i) receive(buffer_of(vip_frame(i)));
  while (worker_->poll_once(tick) != 0) {
  }
  EXPECT_EQ(sent().size(), out_frames);
  EXPECT_EQ(worker_->counts().tx_unsent, 100 - out_frames);
  EXPECT_EQ(totals().reasons[SLUICE_REASON_forwarded], 100u);
}

TEST_F(WorkerTest, KernelFramesGoUpAsTheyAre) {
  receive(buffer_of(arp_frame()));
  worker_->poll_once(tick);
  Bytes frame(2048);
  frame.resize(static_cast<std::size_t>(recv(kernel_.get(), frame.data(), frame.size(), 0)));
  EXPECT_EQ(frame, arp_frame());
  EXPECT_EQ(worker_->counts().kernel_up, 1u);
  EXPECT_TRUE(sent().empty());
}

TEST_F(WorkerTest, KernelFramesThatTheKernelDoesNotTakeAreCounted) {
  // More than any socket's queue.
  for (int i = 0; i < 1500; ++i) receive(buffer_of(arp_frame()));
  while (worker_->poll_once(tick) != 0) {
  }
  const WorkerCounts counts = worker_->counts();
  EXPECT_GT(counts.kernel_up, 0u);
  EXPECT_GT(counts.kernel_up_lost, 0u);
  EXPECT_EQ(counts.kernel_up + counts.kernel_up_lost, 1500u);
}

TEST_F(WorkerTest, KernelFramesOfAPortWithoutKernelInterfaceAreCounted) {
  make_worker(-1);
  receive(buffer_of(arp_frame()));
  worker_->poll_once(tick);
  EXPECT_EQ(worker_->counts().kernel_up_freed, 1u);
  EXPECT_EQ(totals().reasons[SLUICE_REASON_not_ip], 1u);
  EXPECT_EQ(worker_->poll_kernel(), 0u);
}

TEST_F(WorkerTest, TheKernelsOwnFramesLeaveAsTheyAreABurstAtATime) {
  std::vector<Bytes> frames;
  for (std::uint16_t i = 0; i < burst_frames_max + 8; ++i) {
    frames.push_back(vip_frame(i));  // not even frames to a VIP are looked at
    ASSERT_EQ(::send(kernel_.get(), frames.back().data(), frames.back().size(), 0),
              static_cast<ssize_t>(frames.back().size()));
  }
  EXPECT_EQ(worker_->poll_kernel(), burst_frames_max);
  EXPECT_EQ(worker_->poll_kernel(), 8u);
  EXPECT_EQ(worker_->poll_kernel(), 0u);
  EXPECT_EQ(sent(), frames);
  EXPECT_EQ(worker_->counts().kernel_down, frames.size());
  EXPECT_EQ(totals().rx_packets, 0u);
}

TEST_F(WorkerTest, AnInterfaceThatIsNoPortIsCounted) {
  image_.writer.set_next_hop(*image_.writer.find_backend(testing::backend("10.3.1.2").key), {{2}, {2}, 5});
  receive(buffer_of(vip_frame()));
  worker_->poll_once(tick);
  EXPECT_EQ(worker_->counts().tx_unsent, 1u);
  EXPECT_TRUE(sent().empty());
}

TEST_F(WorkerTest, ATagThatThePortTookOffIsPutBack) {
  rte_mbuf* mbuf = buffer_of(vip_frame());
  mbuf->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
  mbuf->vlan_tci = 0x2005;
  receive(mbuf);
  worker_->poll_once(tick);
  const auto frames = sent();
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].size(), vip_frame().size() + 4 + 20);
  EXPECT_EQ(worker_->counts().copied, 0u);
  EXPECT_EQ(Bytes(frames[0].begin() + 12, frames[0].begin() + 18), (Bytes{0x81, 0, 0x20, 5, 8, 0}));
}

// Longer than any buffer: cannot be made one piece, and is counted like every other frame.
TEST_F(WorkerTest, AFrameThatFitsNoBufferIsADropWithItsReason) {
  rte_mbuf* chain = buffer_of(vip_frame());
  for (int i = 0; i < 6; ++i) ASSERT_EQ(rte_pktmbuf_chain(chain, buffer_of(Bytes(1000))), 0);
  receive(chain);
  receive(buffer_of(vip_frame()));
  EXPECT_EQ(worker_->poll_once(tick), 2u);
  EXPECT_EQ(totals().reasons[SLUICE_REASON_no_headroom], 1u);
  EXPECT_EQ(totals().reasons[SLUICE_REASON_forwarded], 1u);
  EXPECT_EQ(totals().rx_packets, 2u);
  EXPECT_EQ(totals().rx_bytes, 2 * vip_frame().size() + 6000);
}

TEST_F(WorkerTest, NothingPublishedYetMeansEverythingIsTheKernels) {
  DpdkImage empty = DpdkImage::create(image_sizes_for({}, image_options()), MemoryKind::ordinary).value();
  tables_.store(&empty.tables());
  receive(buffer_of(vip_frame()));
  worker_->poll_once(tick);
  EXPECT_EQ(worker_->counts().kernel_up, 1u);
  worker_.reset();
}

// The writer replaces the image under a running worker and overwrites the old one at once.
TEST_F(WorkerTest, AnImageIsReplacedWhilePacketsFlow) {
  constexpr int replacements = 200;
  constexpr int batch = 20;
  const auto model = testing::model_of({testing::backend("10.3.1.2")});
  for (const IdleMode idle : {IdleMode::spin, IdleMode::adaptive}) {
    make_worker(worker_kernel_.get(), idle, process_slowly);
    auto live = std::make_unique<Image>(model);
    tables_.store(&live->memory.tables());
    std::atomic<bool> stop = false;
    std::thread thread([&] { worker_->run(stop); });
    std::size_t frames = 0;
    for (int i = 0; i < replacements; ++i) {
      for (int k = 0; k < batch; ++k) receive(buffer_of(vip_frame(static_cast<std::uint16_t>(k))));
      auto next = std::make_unique<Image>(model);
      tables_.store(&next->memory.tables(), std::memory_order_release);
      epochs_.wait();
      std::memset(static_cast<void*>(live->memory.tables().control), 0xee, live->memory.bytes());
      live = std::move(next);
      while (rte_ring_count(in_) != 0) std::this_thread::yield();
      frames += sent().size();
    }
    stop = true;
    thread.join();
    epochs_.wait();  // for nobody: an ended worker is not inside
    frames += sent().size();
    const WorkerCounts counts = worker_->counts();
    EXPECT_EQ(frames + counts.tx_unsent, std::size_t{replacements * batch});
    EXPECT_EQ(counts.kernel_up + counts.kernel_up_lost, 0u);
  }
  tables_.store(&image_.memory.tables());
}

TEST(ReaderEpochs, WaitsForThoseInsideAndForNobodyElse) {
  ReaderEpochs epochs(3);
  epochs.wait();
  epochs.enter(1);
  std::atomic<bool> has_returned = false;
  std::thread writer([&] {
    epochs.wait();
    has_returned = true;
  });
  // It may not return before the worker says so, however long that takes.
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(has_returned);
  epochs.quiescent(1);
  writer.join();
  epochs.leave(1);
  epochs.wait();
}

TEST(OtherPorts, NullPortTakesAndGives) {
  PortOptions options;
  options.device = "net_null0";
  auto port = Port::open(options, pool());
  ASSERT_TRUE(port) << port.error().context;
  ASSERT_TRUE(port->start());
  EXPECT_EQ(port->driver(), "net_null");
}

TEST(OtherPorts, CaptureFilesInAndOut) {
  const auto directory = std::filesystem::temp_directory_path() / ("sluice-t-dpdk-" + std::to_string(getpid()));
  std::filesystem::create_directory(directory);
  const std::string in = directory / "in.pcap";
  const std::string out = directory / "out.pcap";
  pcap_t* format = pcap_open_dead(DLT_EN10MB, 65535);
  pcap_dumper_t* file = pcap_dump_open(format, in.c_str());
  for (std::uint16_t i = 0; i < 50; ++i) {
    const Bytes frame = i % 5 == 0 ? arp_frame() : vip_frame(i);
    const auto size = static_cast<bpf_u_int32>(frame.size());
    const pcap_pkthdr header{{}, size, size};
    pcap_dump(reinterpret_cast<u_char*>(file), &header, frame.data());
  }
  pcap_dump_close(file);
  pcap_close(format);
  Image image(testing::model_of({testing::backend("10.3.1.2")}));
  std::atomic<sluice_tables*> tables = &image.memory.tables();
  {
    PortOptions options;
    options.device = "net_pcap0,rx_pcap=" + in + ",tx_pcap=" + out;
    auto port = Port::open(options, pool());
    ASSERT_TRUE(port) << port.error().context;
    ASSERT_TRUE(port->start());
    WorkerOptions worker_options;
    worker_options.ports.push_back({port->id(), 0, {0}, -1});
    worker_options.pool = pool();
    worker_options.tables = &tables;
    worker_options.process = burst_function();
    worker_options.tsc_hz = rte_get_tsc_hz();
    Worker worker(worker_options);
    while (worker.poll_once(tick) != 0) {
    }
    EXPECT_EQ(worker.counts().kernel_up_freed, 10u);
  }
  char error[PCAP_ERRBUF_SIZE];
  pcap_t* written = pcap_open_offline(out.c_str(), error);
  ASSERT_NE(written, nullptr) << error;
  int frames = 0;
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  while (pcap_next_ex(written, &header, &data) == 1) {
    ++frames;
    EXPECT_EQ(header->caplen, vip_frame().size() + 20);
  }
  pcap_close(written);
  EXPECT_EQ(frames, 40);
  std::filesystem::remove_all(directory);
}

std::string refusal(const PortOptions& options) {
  const auto port = Port::open(options, pool());
  return port ? "" : port.error().context;
}

TEST(PortRefusals, SayWhatAndWhatNext) {
  PortOptions options;
  options.device = "net_nonsense7";
  EXPECT_NE(refusal(options).find("port net_nonsense7: there is no driver of this name"), std::string::npos);
  options.device = "0000:00:1f.7";
  EXPECT_NE(refusal(options).find("no DPDK driver has taken this PCI device"), std::string::npos);
  EXPECT_NE(refusal(options).find("dpdk-devbind.py --status"), std::string::npos);
  options.device = "net_null1";
  options.tx_queues = 2000;
  const std::string queues = refusal(options);
  EXPECT_NE(queues.find("port net_null1: too few queues: it has "), std::string::npos) << queues;
  EXPECT_EQ(queues.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace sluice

int main(int count, char** arguments) {
  return sluice::testing::run_with_eal(count, arguments);
}
