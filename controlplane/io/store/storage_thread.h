// SPDX-License-Identifier: Apache-2.0
// The one thread that writes to disk. Batches are written in the order they come; what is done is told on the caller's
// executor, in the same order. The event loop never waits for a disk.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "error.h"
#include "persist_queue.h"
#include "store.h"

namespace sluice::io {

class StorageThread {
 public:
  using Done = std::function<void()>;
  // Both are called on `executor`. `on_dead` at most once; after it no batch is done any more. The process must end.
  using OnDead = std::function<void(const Error& error)>;

  StorageThread(std::unique_ptr<Store> store, boost::asio::any_io_executor executor, OnDead on_dead);
  // Writes what it was given, then ends. Completions that are posted but not run yet stay with the executor.
  ~StorageThread();
  StorageThread(const StorageThread&) = delete;
  StorageThread& operator=(const StorageThread&) = delete;

  // From any thread. An empty batch asks the disk nothing but keeps its place.
  void write(raft::WriteBatch batch, Done done);

  struct Statistics {
    std::uint64_t batches = 0;
    std::uint64_t entries = 0;
    std::uint64_t write_us_total = 0;  // time within Store::write
    std::uint64_t write_us_max = 0;    // since the last call of statistics()
  };
  [[nodiscard]] Statistics statistics();
  // At most 100 ms old. Under store_reserve_bytes the node should refuse proposals.
  [[nodiscard]] std::uint64_t free_bytes() const { return free_bytes_.load(std::memory_order_relaxed); }

 private:
  struct Job {
    raft::WriteBatch batch;
    Done done;
  };
  void run();
  [[nodiscard]] Status work_off(Job job);
  void measure_space();

  std::unique_ptr<Store> store_;
  boost::asio::any_io_executor executor_;
  OnDead on_dead_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  Statistics statistics_;
  bool is_ending_ = false;
  std::atomic<std::uint64_t> free_bytes_;
  std::chrono::steady_clock::time_point space_measured_{};
  std::thread thread_;
};

}  // namespace sluice::io
