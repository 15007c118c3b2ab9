// SPDX-License-Identifier: Apache-2.0
#include "store.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crc32c.h"
#include "store_site.h"
#include "test_seed.h"

namespace sluice::io {
namespace {

OpenedStore must_open(const std::string& path) {
  Result<OpenedStore> opened = Store::open(path);
  if (!opened) {
    ADD_FAILURE() << opened.error().context;
    abort();
  }
  return std::move(opened.value());
}

TEST(Crc32c, KnownAnswers) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);  // RFC 3720's polynomial, the usual check value
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(crc32c("world!!!?", crc32c("hello")), crc32c("helloworld!!!?"));
}

TEST(Store, DiskIsAskedToBeSure) {
  TestFolder folder;
  create_empty(folder.file("store"));
  const OpenedStore opened = must_open(folder.file("store"));
  EXPECT_EQ(opened.store->pragma("synchronous"), "2");  // FULL
  EXPECT_EQ(opened.store->pragma("journal_mode"), "wal");
  EXPECT_EQ(opened.store->pragma("locking_mode"), "exclusive");
  EXPECT_EQ(opened.store->pragma("wal_autocheckpoint"), "0");
  struct stat found {};
  ASSERT_EQ(stat(folder.file("store").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0600U);
}

TEST(Store, CreateKeepsWhatIsThere) {
  TestFolder folder;
  const std::string path = folder.file("store");
  create_empty(path);
  const std::string before = bytes_of(path);
  const Status again = Store::create(path, test_identity(), {});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::conflict);
  EXPECT_EQ(bytes_of(path), before);
}

TEST(Store, HoldsWhatItIsMadeWith) {
  TestFolder folder;
  const std::string path = folder.file("store");
  raft::StoredState state = raft::bootstrap_state(test_configuration(3), std::make_shared<const std::string>("data"));
  state.hard_state = {raft::Term(3), test_identity().node_id};
  const std::uint64_t index = state.snapshot->meta.index.value();
  state.entries = {make_entry(index + 1, 3, "one"), make_entry(index + 2, 3, "")};
  ASSERT_TRUE(Store::create(path, test_identity(), state));
  const OpenedStore opened = must_open(path);
  EXPECT_EQ(opened.identity, test_identity());
  EXPECT_EQ(difference(opened.state, state), "");
}

TEST(Store, ErrorsWithoutAFile) {
  TestFolder folder;
  EXPECT_EQ(Store::open(folder.file("none")).error().code, ErrorCode::not_found);
  write_bytes(folder.file("text"), "this is something else entirely");
  const auto other = Store::open(folder.file("text"));
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().context.find("is not a store"), std::string::npos) << other.error().context;
  EXPECT_FALSE(Store::create(folder.file("no/such/folder"), test_identity(), {}));
}

TEST(Store, AnotherNodesOrClustersFile) {
  TestFolder folder;
  create_empty(folder.file("store"));
  for (const StoreIdentity& identity :
       {StoreIdentity{"c2", test_identity().node_id}, StoreIdentity{"c1", raft::NodeId(8)}}) {
    const auto opened = Store::open(folder.file("store"), identity);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::conflict);
  }
  EXPECT_TRUE(Store::open(folder.file("store"), test_identity()));
}

TEST(Store, NewerFormatStaysUntouched) {
  TestFolder folder;
  const std::string path = folder.file("store");
  create_empty(path);
  {
    const OpenedStore opened = must_open(path);
    raft::WriteBatch batch;
    batch.append = {make_entry(1, 1, "x")};
    ASSERT_TRUE(opened.store->write(batch));
  }
  StoreImage image = StoreImage::read(path);
  image.main[63] = 2;  // the low byte of user_version
  image.write(path);
  const auto opened = Store::open(path);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::unsupported);
  EXPECT_NE(opened.error().context.find("format 2"), std::string::npos) << opened.error().context;
  EXPECT_EQ(StoreImage::read(path), image);
}

TEST(Store, OneProcessAtATime) {
  TestFolder folder;
  const std::string path = folder.file("store");
  create_empty(path);
  const OpenedStore first = must_open(path);
  const pid_t child = fork();
  if (child == 0) {
    const auto second = Store::open(path);
    _exit(!second && second.error().code == ErrorCode::conflict ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  const auto same_process = Store::open(path);
  ASSERT_FALSE(same_process);
  EXPECT_EQ(same_process.error().code, ErrorCode::conflict);
  // Neither has taken the lock away.
  const pid_t third = fork();
  if (third == 0) _exit(Store::open(path) ? 1 : 0);
  waitpid(third, &status, 0);
  EXPECT_EQ(status, 0);
  raft::WriteBatch batch;
  batch.append = {make_entry(1, 1, "x")};
  EXPECT_TRUE(first.store->write(batch));
}

TEST(Store, WrongOrderKillsIt) {
  TestFolder folder;
  create_empty(folder.file("store"));
  const OpenedStore opened = must_open(folder.file("store"));
  raft::WriteBatch gap;
  gap.append = {make_entry(2, 1, "x")};
  EXPECT_EQ(opened.store->write(gap).error().code, ErrorCode::internal);
  raft::WriteBatch good;
  good.append = {make_entry(1, 1, "x")};
  EXPECT_FALSE(opened.store->write(good));
}

// Batches of every kind, the store opened again now and then, with checkpoints between: always what memory says.
TEST(Store, RandomBatches) {
  std::mt19937_64 random(testing::seed());
  for (int round = 0; round < 4; ++round) {
    TestFolder folder;
    const std::string path = folder.file("store");
    create_empty(path);
    OpenedStore opened = must_open(path);
    raft::StoredState expected;
    for (int i = 0; i < 250; ++i) {
      const raft::WriteBatch batch = random_batch(expected, random, 600000);
      const Status status = opened.store->write(batch);
      ASSERT_TRUE(status) << status.error().context;
      ASSERT_TRUE(opened.store->maintain());
      apply_batch(expected, batch);
      if (random() % 16 != 0) continue;
      opened.store.reset();
      opened = must_open(path);
      ASSERT_EQ(difference(opened.state, expected), "") << "round " << round << " batch " << i;
    }
  }
}

// Checkpoints do happen, and the log starts over instead of growing for ever.
TEST(Store, LogStaysSmall) {
  TestFolder folder;
  const std::string path = folder.file("store");
  create_empty(path);
  const OpenedStore opened = must_open(path);
  for (std::uint64_t i = 1; i <= 4000; ++i) {
    raft::WriteBatch batch;
    batch.append = {make_entry(i, 1, std::string(1000, 'x'))};
    ASSERT_TRUE(opened.store->write(batch));
    ASSERT_TRUE(opened.store->maintain());
  }
  EXPECT_LT(bytes_of(path + "-wal").size(), 6U << 20);
  EXPECT_GT(bytes_of(path).size(), 3U << 20);
}

}  // namespace
}  // namespace sluice::io
