// SPDX-License-Identifier: Apache-2.0
#include "storage_thread.h"

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "faulty_vfs.h"
#include "store_site.h"

namespace sluice::io {
namespace {

namespace asio = boost::asio;

std::unique_ptr<Store> must_open(const std::string& path, const std::string& vfs = {}) {
  Result<OpenedStore> opened = Store::open(path, std::nullopt, {vfs});
  if (!opened) abort();
  return std::move(opened->store);
}

raft::WriteBatch one_entry(std::uint64_t index) {
  raft::WriteBatch batch;
  batch.append = {make_entry(index, 1, "entry")};
  return batch;
}

TEST(StorageThread, DoneInOrderAndOnTheExecutor) {
  TestFolder folder;
  const std::string path = folder.file("store");
  create_empty(path);
  asio::io_context context;
  std::vector<int> done;
  constexpr int count = 100;
  {
    StorageThread storage(must_open(path), context.get_executor(), [](const Error& error) { FAIL() << error.context; });
    EXPECT_GT(storage.free_bytes(), 0U);
    for (int i = 0; i < count; ++i) {
      // Every third has nothing to write and must not overtake the others.
      storage.write(i % 3 == 0 ? raft::WriteBatch() : one_entry(static_cast<std::uint64_t>(i - i / 3)),
                    [&done, i] { done.push_back(i); });
    }
    const auto work = asio::make_work_guard(context);
    while (done.size() < count) context.run_one();
    EXPECT_EQ(storage.statistics().entries, 66U);
  }
  for (int i = 0; i < count; ++i) EXPECT_EQ(done[static_cast<std::size_t>(i)], i);
  EXPECT_EQ(must_open(path)->last_index(), raft::LogIndex(66));
}

TEST(StorageThread, WritesWhatItHasBeforeItEnds) {
  TestFolder folder;
  const std::string path = folder.file("store");
  create_empty(path);
  asio::io_context context;
  int done = 0;
  {
    StorageThread storage(must_open(path), context.get_executor(), [](const Error&) { FAIL(); });
    for (std::uint64_t i = 1; i <= 50; ++i) storage.write(one_entry(i), [&done] { ++done; });
  }
  context.run();
  EXPECT_EQ(done, 50);
  EXPECT_EQ(must_open(path)->last_index(), raft::LogIndex(50));
}

TEST(StorageThread, DeadOnceAndForAll) {
  TestFolder folder;
  const std::string path = folder.file("store");
  create_empty(path);
  asio::io_context context;
  std::vector<std::uint64_t> done;
  int deaths = 0;
  auto store = must_open(path, FaultyVfs::name());
  FaultyVfs::arm(Fault::sync, 12);
  {
    StorageThread storage(std::move(store), context.get_executor(), [&deaths](const Error& error) {
      ++deaths;
      EXPECT_NE(error.context.find("must stop"), std::string::npos);
    });
    for (std::uint64_t i = 1; i <= 50; ++i) storage.write(one_entry(i), [&done, i] { done.push_back(i); });
  }
  FaultyVfs::disarm();
  context.run();
  EXPECT_EQ(deaths, 1);
  ASSERT_LT(done.size(), 50U);
  EXPECT_GE(must_open(path)->last_index().value(), done.size());
}

}  // namespace
}  // namespace sluice::io
