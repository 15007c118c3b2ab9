// SPDX-License-Identifier: Apache-2.0
// What a promise costs. The floor of each figure is one fdatasync of a page on the same disk in the same run: `ratio`
// is p50 against the floor's p50. The disk is that of the working directory, or of SLUICE_BENCH_FOLDER: not one in
// memory.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <filesystem>
#include <string>
#include <vector>

#include "persist_queue.h"
#include "store.h"

namespace {

using namespace sluice;
using Clock = std::chrono::steady_clock;

// As long as a change of one backend's weight in the log.
constexpr std::size_t entry_bytes = 120;

class Folder {
 public:
  Folder() {
    const char* given = getenv("SLUICE_BENCH_FOLDER");
    path_ = std::string(given == nullptr ? "." : given) + "/store-bench-XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) abort();
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + '/' + name; }

 private:
  std::string path_;
};

double us_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::nth_element(values.begin(), values.begin() + std::ptrdiff_t(values.size() / 2), values.end());
  return values[values.size() / 2];
}

// Overwrites in turn, as a log does that starts over: no block is new.
class Floor {
 public:
  explicit Floor(const std::string& path)
      : fd_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)), page_(4096, 'x') {
    for (std::size_t i = 0; i < pages; ++i) write_page(i);
    if (fsync(fd_) != 0) abort();
  }
  ~Floor() { close(fd_); }
  Floor(const Floor&) = delete;
  Floor& operator=(const Floor&) = delete;
  double once() {
    const Clock::time_point start = Clock::now();
    write_page(next_++ % pages);
    if (fdatasync(fd_) != 0) abort();
    return us_since(start);
  }

 private:
  static constexpr std::size_t pages = 1024;
  void write_page(std::size_t page) {
    if (pwrite(fd_, page_.data(), page_.size(), static_cast<off_t>(page * page_.size())) < 0) abort();
  }
  int fd_;
  std::string page_;
  std::size_t next_ = 0;
};

std::unique_ptr<io::Store> make_store(const std::string& path) {
  const io::StoreIdentity identity{"bench", raft::NodeId(1)};
  if (!io::Store::create(path, identity, {})) abort();
  Result<io::OpenedStore> opened = io::Store::open(path, identity);
  if (!opened) abort();
  return std::move(opened->store);
}

raft::Entry make_entry(std::uint64_t index) {
  return {raft::Term(1), raft::LogIndex(index), raft::EntryType::command, std::string(entry_bytes, 'e')};
}

// The trailing entries a node keeps, and what it forgets as it goes.
void forget(raft::WriteBatch& batch, std::uint64_t index) {
  constexpr std::uint64_t every = 10000;
  constexpr std::uint64_t kept = 5000;
  if (index % every >= batch.append.size() || index < every) return;
  const std::uint64_t at = index - batch.append.size();
  batch.compact = raft::Snapshot{{raft::LogIndex(at), raft::Term(1), {}}, std::make_shared<const std::string>("state")};
  batch.first_kept = raft::LogIndex(at - kept);
}

void one_in_flight(benchmark::State& state) {
  Folder folder;
  Floor floor(folder.file("floor"));
  const auto store = make_store(folder.file("store"));
  std::vector<double> floors;
  std::vector<double> commits;
  std::uint64_t index = 0;
  for (auto _ : state) {
    // One of each in turn: both see the same disk at the same time.
    state.PauseTiming();
    floors.push_back(floor.once());
    state.ResumeTiming();
    raft::WriteBatch batch;
    batch.append = {make_entry(++index)};
    forget(batch, index);
    const Clock::time_point start = Clock::now();
    if (!store->write(batch)) abort();
    commits.push_back(us_since(start));
    if (!store->maintain()) abort();
  }
  state.counters["floor_us"] = median(floors);
  state.counters["p50_us"] = median(commits);
  state.counters["ratio"] = median(commits) / median(floors);
}
BENCHMARK(one_in_flight)->UseRealTime();

// As many clients as the argument says, each with one write on its way: what comes while a batch is written becomes the
// next batch.
void group_commit(benchmark::State& state) {
  Folder folder;
  Floor floor(folder.file("floor"));
  const auto store = make_store(folder.file("store"));
  std::vector<double> floors;
  for (int i = 0; i < 50; ++i) floors.push_back(floor.once());
  const auto clients = static_cast<std::size_t>(state.range(0));
  raft::PersistQueue queue;
  std::uint64_t index = 0;
  std::uint64_t sequence = 0;
  for (auto _ : state) {
    for (std::size_t i = 0; i < clients; ++i) {
      queue.add(++sequence, std::nullopt, std::nullopt, {make_entry(++index)}, std::nullopt, {});
    }
    auto batch = queue.next_batch();
    forget(*batch, index);
    if (!store->write(*batch)) abort();
    benchmark::DoNotOptimize(queue.written().sequence);
    if (!store->maintain()) abort();
  }
  state.counters["floor_us"] = median(floors);
  state.SetItemsProcessed(static_cast<std::int64_t>(index));
}
BENCHMARK(group_commit)->Arg(1)->Arg(8)->Arg(64)->Arg(256)->UseRealTime();

// A node's start: everything is read and checked. The argument is the number of entries.
void open_store(benchmark::State& state) {
  Folder folder;
  const std::string path = folder.file("store");
  {
    const auto store = make_store(path);
    raft::WriteBatch batch;
    batch.compact = raft::Snapshot{{raft::LogIndex(0), raft::Term(1), {}},
                                   std::make_shared<const std::string>(std::size_t{10} << 20, 's')};
    for (std::uint64_t i = 1; i <= static_cast<std::uint64_t>(state.range(0)); ++i)
      batch.append.push_back(make_entry(i));
    if (!store->write(batch) || !store->maintain()) abort();
  }
  for (auto _ : state) {
    if (!io::Store::open(path)) abort();
  }
}
BENCHMARK(open_store)->Arg(15000)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
