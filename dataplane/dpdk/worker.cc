// SPDX-License-Identifier: Apache-2.0
#include "worker.h"

#include <poll.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>

#include "error.h"
#include "mbuf_burst.h"
#include "port_interrupts.h"
#include "sluice_pipeline.h"

namespace sluice {
namespace {

using std::chrono::microseconds;

// Nothing for this long, and an adaptive worker begins to sleep: longer than the pauses within a busy second's traffic,
// so that a loaded worker never pays for a wake-up.
constexpr microseconds spin_time{200};
// Each sleep is twice the last, so that a pause that was just missed costs little. At the longest, a queue of 1024
// overflows only if 10 million packets a second begin within one sleep.
constexpr microseconds sleep_first{10};
constexpr microseconds sleep_longest{100};
// Where every port can wake its worker. Bounded all the same: a frame that comes between the last look and the arming
// of the interrupt is seen no later than this.
constexpr std::chrono::milliseconds woken_sleep_longest{1};
// The host's own traffic (ssh, BGP, ARP) is looked for this often while packets flow; asking costs a system call, which
// so stays below 1 % of the worker's time.
constexpr microseconds kernel_interval{20};

// A tag that the port took off and put aside: packets leave with the tags they came with.
bool put_tag_back(rte_mbuf*& mbuf) {
  return (mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) == 0 || rte_vlan_insert(&mbuf) == 0;
}

// For a frame that the packet path cannot work on: counted like any other, so that rx stays the sum of all reasons.
void count_no_headroom(sluice_tables* tables, std::uint32_t worker, std::uint32_t tick, std::uint32_t bytes) {
  sluice_road road{};
  if (sluice_road_begin(&road, tables, worker, tick) == 0) return;
  sluice_count(&road.head->rx_packets, 1);
  sluice_count(&road.head->rx_bytes, bytes);
  sluice_road_end(&road, SLUICE_REASON_no_headroom);
}

}  // namespace

WorkerCounts& WorkerCounts::operator+=(const WorkerCounts& other) {
  tx_unsent += other.tx_unsent;
  kernel_up += other.kernel_up;
  kernel_up_lost += other.kernel_up_lost;
  kernel_up_freed += other.kernel_up_freed;
  kernel_down += other.kernel_down;
  copied += other.copied;
  return *this;
}

Worker::Worker(const WorkerOptions& options)
    : number_(options.number),
      ports_count_(static_cast<std::uint32_t>(options.ports.size())),
      idle_(options.idle),
      process_(options.process),
      tables_(options.tables),
      epochs_(options.epochs),
      pool_(options.pool),
      clock_(options.tsc_hz) {
  SLUICE_INVARIANT(ports_count_ <= worker_ports_max);
  for (std::uint16_t port = 0; port < ports_count_; ++port) {
    const WorkerPort& given = options.ports[port];
    tx_[port].port_id = given.port_id;
    tx_[port].queue = given.tx_queue;
    for (const std::uint16_t queue : given.rx_queues) queues_.push_back({given.port_id, queue, port, given.kernel_fd});
    if (given.kernel_fd >= 0) kernel_queues_.push_back({given.port_id, 0, port, given.kernel_fd});
  }
}

Worker::~Worker() {
  for (TxBuffer& buffer : tx_) rte_pktmbuf_free_bulk(buffer.mbufs.data(), buffer.count);
}

// One writer, so no locked instruction.
void Worker::add(Count& count, std::uint64_t by) {
  count.store(count.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

WorkerCounts Worker::counts() const {
  const auto read = [](const Count& count) { return count.load(std::memory_order_relaxed); };
  return {read(counts_.tx_unsent),       read(counts_.kernel_up),   read(counts_.kernel_up_lost),
          read(counts_.kernel_up_freed), read(counts_.kernel_down), read(counts_.copied)};
}

std::uint32_t Worker::poll_once(std::uint32_t tick) {
  // One load a round: a larger image takes over between two bursts.
  sluice_tables* tables = tables_->load(std::memory_order_acquire);
  std::uint32_t frames = 0;
  for (const RxQueue& queue : queues_) frames += poll_queue(queue, tables, tick);
  if (frames != 0) flush_all();
  return frames;
}

std::uint32_t Worker::poll_queue(const RxQueue& queue, sluice_tables* tables, std::uint32_t tick) {
  std::array<rte_mbuf*, burst_frames_max> mbufs;
  PacketBurst burst;
  const std::uint16_t received = rte_eth_rx_burst(queue.port_id, queue.queue, mbufs.data(), burst_frames_max);
  if (received == 0) return 0;
  std::uint32_t count = 0;
  for (std::uint16_t i = 0; i < received; ++i) {
    rte_mbuf* mbuf = mbufs[i];
    if (SLUICE_UNLIKELY(!is_ready(mbuf))) {
      const std::uint32_t bytes = mbuf->pkt_len;
      mbuf = make_whole(mbuf);
      if (mbuf == nullptr) {
        count_no_headroom(tables, number_, tick, bytes);
        continue;
      }
    }
    mbufs[count] = mbuf;
    put_frame(burst, count, mbuf);
    ++count;
  }
  burst.count = count;
  burst.headroom_bytes = mbuf_headroom_bytes;
  process_(tables, number_, tick, &burst);
  if (SLUICE_LIKELY(burst.outer_bytes != 0)) {
    for (std::uint32_t i = 0; i < count; ++i) prepend(mbufs[i], burst.outer_bytes);
    flush(tx_[queue.port]);
    send_all(tx_[queue.port], mbufs.data(), count);
    return received;
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    take_frame(burst, i, mbufs[i]);
    finish(queue, mbufs[i], burst.verdicts[i]);
  }
  return received;
}

// The packet path wants a frame in one piece. nullptr: there was no room for that, and the frame is gone.
rte_mbuf* Worker::make_whole(rte_mbuf* mbuf) {
  if ((mbuf->nb_segs == 1 || rte_pktmbuf_linearize(mbuf) == 0) && put_tag_back(mbuf) && is_ready(mbuf)) return mbuf;
  rte_mbuf* copy = rte_pktmbuf_copy(mbuf, pool_, 0, UINT32_MAX);
  rte_pktmbuf_free(mbuf);
  if (copy == nullptr) return nullptr;
  if (put_tag_back(copy) && is_ready(copy)) {
    add(counts_.copied, 1);
    return copy;
  }
  rte_pktmbuf_free(copy);
  return nullptr;
}

void Worker::finish(const RxQueue& queue, rte_mbuf* mbuf, const sluice_verdict& verdict) {
  switch (sluice_class_of(verdict.reason)) {
    case SLUICE_CLASS_TX:
      send(verdict.interface == 0 ? queue.port : verdict.interface - 1, mbuf);
      return;
    case SLUICE_CLASS_KERNEL:
      to_kernel(queue.kernel_fd, mbuf);
      return;
    case SLUICE_CLASS_DROP:
      break;
  }
  rte_pktmbuf_free(mbuf);
}

void Worker::to_kernel(int fd, rte_mbuf* mbuf) {
  if (fd < 0) {
    add(counts_.kernel_up_freed, 1);
  } else {
    const ssize_t written = write(fd, rte_pktmbuf_mtod(mbuf, const void*), mbuf->data_len);
    add(written == mbuf->data_len ? counts_.kernel_up : counts_.kernel_up_lost, 1);
  }
  rte_pktmbuf_free(mbuf);
}

void Worker::send(std::uint32_t port, rte_mbuf* mbuf) {
  if (SLUICE_UNLIKELY(port >= ports_count_)) {  // an image from before the ports were these
    add(counts_.tx_unsent, 1);
    rte_pktmbuf_free(mbuf);
    return;
  }
  TxBuffer& buffer = tx_[port];
  buffer.mbufs[buffer.count++] = mbuf;
  if (buffer.count == buffer.mbufs.size()) flush(buffer);
}

void Worker::flush(TxBuffer& buffer) {
  if (buffer.count == 0) return;
  send_all(buffer, buffer.mbufs.data(), buffer.count);
  buffer.count = 0;
}

// A full queue is not waited for: packets that wait here would only make those behind them late.
void Worker::send_all(const TxBuffer& to, rte_mbuf** mbufs, std::uint32_t count) {
  const std::uint16_t sent = rte_eth_tx_burst(to.port_id, to.queue, mbufs, static_cast<std::uint16_t>(count));
  if (SLUICE_LIKELY(sent == count)) return;
  add(counts_.tx_unsent, count - sent);
  rte_pktmbuf_free_bulk(mbufs + sent, count - sent);
}

void Worker::flush_all() {
  for (std::uint32_t port = 0; port < ports_count_; ++port) flush(tx_[port]);
}

// At most a burst per port: whatever the kernel has to say, the next round of packets is never far.
std::uint32_t Worker::poll_kernel() {
  std::uint32_t frames = 0;
  for (const RxQueue& queue : kernel_queues_) {
    for (std::uint32_t i = 0; i < burst_frames_max; ++i) {
      rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
      if (mbuf == nullptr) break;
      const ssize_t bytes = read(queue.kernel_fd, rte_pktmbuf_mtod(mbuf, void*), rte_pktmbuf_tailroom(mbuf));
      if (bytes <= 0) {
        rte_pktmbuf_free(mbuf);
        break;
      }
      mbuf->data_len = static_cast<std::uint16_t>(bytes);
      mbuf->pkt_len = mbuf->data_len;
      add(counts_.kernel_down, 1);
      ++frames;
      send(queue.port, mbuf);
    }
    flush(tx_[queue.port]);
  }
  return frames;
}

// The kernel's own frames end the sleep at once; what comes by a port waits for its end.
void Worker::sleep(microseconds time) {
  std::array<pollfd, worker_ports_max> waited{};
  nfds_t count = 0;
  for (const RxQueue& queue : kernel_queues_) waited[count++] = {queue.kernel_fd, POLLIN, 0};
  const timespec limit{0, std::chrono::nanoseconds(time).count()};
  epochs_->leave(number_);
  ppoll(waited.data(), count, &limit, nullptr);
  epochs_->enter(number_);
}

bool Worker::arm(PortInterrupts& interrupts) const {
  std::vector<PortInterrupts::Queue> queues;
  std::vector<int> kernel;
  for (const RxQueue& queue : queues_) queues.emplace_back(queue.port_id, queue.queue);
  for (const RxQueue& queue : kernel_queues_) kernel.push_back(queue.kernel_fd);
  return interrupts.arm(queues, kernel);
}

void Worker::sleep_until_woken(PortInterrupts& interrupts) {
  epochs_->leave(number_);
  interrupts.wait(woken_sleep_longest);
  epochs_->enter(number_);
}

void Worker::run(const std::atomic<bool>& stop) {
  // The default slack of 50 us would be half a sleep on top.
  prctl(PR_SET_TIMERSLACK, 1000UL);
  const std::uint64_t spin_cycles = clock_.cycles(spin_time);
  const std::uint64_t kernel_cycles = clock_.cycles(kernel_interval);
  std::uint64_t busy_at = rte_rdtsc();
  std::uint64_t kernel_at = busy_at;
  microseconds sleep_next = sleep_first;
  PortInterrupts interrupts;
  const bool can_be_woken = idle_ == IdleMode::adaptive && arm(interrupts);
  epochs_->enter(number_);
  while (!stop.load(std::memory_order_relaxed)) {
    const std::uint64_t now = rte_rdtsc();
    std::uint32_t frames = poll_once(clock_.tick(now));
    if (now - kernel_at >= kernel_cycles) {
      frames += poll_kernel();
      kernel_at = now;
    }
    epochs_->quiescent(number_);
    if (frames != 0) {
      busy_at = now;
      sleep_next = sleep_first;
    } else if (idle_ == IdleMode::adaptive && now - busy_at >= spin_cycles) {
      if (can_be_woken && sleep_next == sleep_longest)
        sleep_until_woken(interrupts);
      else
        sleep(sleep_next);
      sleep_next = std::min(2 * sleep_next, sleep_longest);
    }
  }
  epochs_->leave(number_);
}

}  // namespace sluice
