// SPDX-License-Identifier: Apache-2.0
#include "storage_thread.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

namespace sluice::io {
namespace {

using Clock = std::chrono::steady_clock;

// statvfs(3) takes a microsecond; a disk that fills at 1 GB/s loses 100 MB in this time, so nothing shorter helps.
constexpr std::chrono::milliseconds space_age_max{100};

std::uint64_t us_since(Clock::time_point start) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count());
}

}  // namespace

StorageThread::StorageThread(std::unique_ptr<Store> store, boost::asio::any_io_executor executor, OnDead on_dead)
    : store_(std::move(store)), executor_(std::move(executor)), on_dead_(std::move(on_dead)) {
  measure_space();
  thread_ = std::thread([this] { run(); });
}

StorageThread::~StorageThread() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void StorageThread::write(raft::WriteBatch batch, Done done) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back({std::move(batch), std::move(done)});
  }
  wake_.notify_one();
}

StorageThread::Statistics StorageThread::statistics() {
  const std::lock_guard lock(mutex_);
  const Statistics now = statistics_;
  statistics_.write_us_max = 0;
  return now;
}

void StorageThread::run() {
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return is_ending_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    if (Status status = work_off(std::move(job)); !status) {
      boost::asio::post(executor_, [on_dead = std::move(on_dead_), error = status.error()] { on_dead(error); });
      return;
    }
  }
}

Status StorageThread::work_off(Job job) {
  if (!job.batch.is_empty()) {
    const Clock::time_point start = Clock::now();
    if (Status status = store_->write(job.batch); !status) return status;
    const std::uint64_t us = us_since(start);
    const std::lock_guard lock(mutex_);
    ++statistics_.batches;
    statistics_.entries += job.batch.append.size();
    statistics_.write_us_total += us;
    statistics_.write_us_max = std::max(statistics_.write_us_max, us);
  }
  boost::asio::post(executor_, std::move(job.done));
  measure_space();
  return store_->maintain();
}

void StorageThread::measure_space() {
  const Clock::time_point now = Clock::now();
  if (space_measured_ != Clock::time_point() && now - space_measured_ < space_age_max) return;
  space_measured_ = now;
  // Who cannot be asked has none.
  const Result<std::uint64_t> bytes = store_->free_bytes();
  free_bytes_.store(bytes ? bytes.value() : 0, std::memory_order_relaxed);
}

}  // namespace sluice::io
