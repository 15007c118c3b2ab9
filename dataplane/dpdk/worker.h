// SPDX-License-Identifier: Apache-2.0
// One polling thread's work, run to completion: a burst in, the packet path over it, everything out or gone, next.
//
// A worker shares no line that anybody writes while packets flow: its counters and flows in the image, its send buffers
// and its counts are its own. What it reads of others changes only with a publish.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "config.h"
#include "packet_burst.h"
#include "reader_epochs.h"
#include "tsc_clock.h"

namespace sluice {

class PortInterrupts;

// Two lines: processors fetch lines in pairs, so a neighbour's line travels along with the own one.
inline constexpr std::size_t worker_alignment = std::size_t{2} * RTE_CACHE_LINE_SIZE;
// RTE_MAX_ETHPORTS of the distribution's build.
inline constexpr std::size_t worker_ports_max = 32;

// A port as one worker uses it.
struct WorkerPort {
  std::uint16_t port_id = 0;
  std::uint16_t tx_queue = 0;
  std::vector<std::uint16_t> rx_queues;
  int kernel_fd = -1;  // this worker's queue of the port's kernel interface (kernel_interface.h); -1: has none
};

struct WorkerOptions {
  std::uint32_t number = 0;       // among the image's workers
  std::vector<WorkerPort> ports;  // NextHop::interface counts them from 1; at most worker_ports_max
  rte_mempool* pool = nullptr;
  // What to forward by; may be replaced at any time, and lives until ReaderEpochs::wait() has returned after that.
  const std::atomic<sluice_tables*>* tables = nullptr;
  ReaderEpochs* epochs = nullptr;
  BurstFunction process = nullptr;
  IdleMode idle = IdleMode::adaptive;
  std::uint64_t tsc_hz = 0;
};

// Frames, beyond what the image counts.
struct WorkerCounts {
  std::uint64_t tx_unsent = 0;        // counted as sent on by the image, but the port's queue was full
  std::uint64_t kernel_up = 0;        // given to the kernel interface
  std::uint64_t kernel_up_lost = 0;   // the kernel's queue was full, or the interface is down
  std::uint64_t kernel_up_freed = 0;  // class KERNEL on a port without a kernel interface
  std::uint64_t kernel_down = 0;      // from the kernel, sent on by the port
  std::uint64_t copied = 0;           // came in several pieces and had to be copied into one

  WorkerCounts& operator+=(const WorkerCounts& other);
};

class alignas(worker_alignment) Worker {
 public:
  explicit Worker(const WorkerOptions& options);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  // Frees what has not been sent.
  ~Worker();

  // Until `stop`. On a thread of its own, an lcore.
  void run(const std::atomic<bool>& stop);

  // One round over the queues. Returns the number of frames. `tick` in seconds.
  std::uint32_t poll_once(std::uint32_t tick);
  // One round over what the kernel wants to send.
  std::uint32_t poll_kernel();

  // By any thread.
  [[nodiscard]] WorkerCounts counts() const;

 private:
  using Count = std::atomic<std::uint64_t>;
  struct TxBuffer {
    std::uint16_t port_id = 0;
    std::uint16_t queue = 0;
    std::uint16_t count = 0;
    std::array<rte_mbuf*, burst_frames_max> mbufs{};
  };
  struct RxQueue {
    std::uint16_t port_id;
    std::uint16_t queue;
    std::uint16_t port;  // index among the worker's ports
    int kernel_fd;
  };
  struct alignas(worker_alignment) Counts {
    Count tx_unsent, kernel_up, kernel_up_lost, kernel_up_freed, kernel_down, copied;
  };

  static void add(Count& count, std::uint64_t by);
  std::uint32_t poll_queue(const RxQueue& queue, sluice_tables* tables, std::uint32_t tick);
  rte_mbuf* make_whole(rte_mbuf* mbuf);
  void finish(const RxQueue& queue, rte_mbuf* mbuf, const sluice_verdict& verdict);
  void to_kernel(int fd, rte_mbuf* mbuf);
  void send(std::uint32_t port, rte_mbuf* mbuf);
  void flush(TxBuffer& buffer);
  void send_all(const TxBuffer& to, rte_mbuf** mbufs, std::uint32_t count);
  void flush_all();
  void sleep(std::chrono::microseconds time);
  bool arm(PortInterrupts& interrupts) const;
  void sleep_until_woken(PortInterrupts& interrupts);

  std::uint32_t number_;
  std::uint32_t ports_count_;
  IdleMode idle_;
  BurstFunction process_;
  const std::atomic<sluice_tables*>* tables_;
  ReaderEpochs* epochs_;
  rte_mempool* pool_;
  TscClock clock_;
  std::vector<RxQueue> queues_;
  std::vector<RxQueue> kernel_queues_;
  std::array<TxBuffer, worker_ports_max> tx_{};
  Counts counts_{};
};

}  // namespace sluice
