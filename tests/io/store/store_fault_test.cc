// SPDX-License-Identifier: Apache-2.0
// A disk that refuses: the store says so once and is dead, and whoever opens it again finds every acknowledged write.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <iostream>

#include "faulty_vfs.h"
#include "store.h"
#include "store_site.h"
#include "test_seed.h"

namespace sluice::io {
namespace {

struct Outcome {
  raft::StoredState acknowledged;
  raft::StoredState with_last;  // and the batch whose write failed
  Error error;
};

// Writes until something fails.
Outcome write_until_it_fails(const std::string& path, const std::string& vfs, std::mt19937_64& random, int batches) {
  Outcome outcome;
  Result<OpenedStore> opened = Store::open(path, std::nullopt, {vfs});
  if (!opened) {
    outcome.error = opened.error();
    return outcome;
  }
  outcome.acknowledged = opened->state;
  for (int i = 0; i < batches; ++i) {
    const raft::WriteBatch batch = random_batch(outcome.acknowledged, random, 400000);
    outcome.with_last = outcome.acknowledged;
    apply_batch(outcome.with_last, batch);
    Status status = opened->store->write(batch);
    if (status) {
      outcome.acknowledged = outcome.with_last;
      status = opened->store->maintain();
    }
    if (status) continue;
    outcome.error = status.error();
    // Dead for good, although the disk works again.
    FaultyVfs::disarm();
    EXPECT_FALSE(opened->store->write(batch));
    return outcome;
  }
  return outcome;
}

void expect_nothing_lost(const std::string& path, const Outcome& outcome) {
  const Result<OpenedStore> opened = Store::open(path);
  ASSERT_TRUE(opened) << opened.error().context;
  if (difference(opened->state, outcome.acknowledged).empty()) return;
  EXPECT_EQ(difference(opened->state, outcome.with_last), "");
}

constexpr std::uint64_t calls_max = 50;

class StoreFault : public ::testing::TestWithParam<Fault> {};

TEST_P(StoreFault, EveryCallInTurn) {
  std::mt19937_64 random(testing::seed());
  for (std::uint64_t n = 1; n <= calls_max; ++n) {
    SCOPED_TRACE("call " + std::to_string(n));
    TestFolder folder;
    const std::string path = folder.file("store");
    create_empty(path);
    FaultyVfs::arm(GetParam(), n);
    const Outcome outcome = write_until_it_fails(path, FaultyVfs::name(), random, 400);
    const bool has_failed = !outcome.error.context.empty();
    FaultyVfs::disarm();
    ASSERT_TRUE(has_failed);
    EXPECT_NE(outcome.error.context.find("this node must stop"), std::string::npos) << outcome.error.context;
    expect_nothing_lost(path, outcome);
    if (HasFailure()) return;
  }
}

// Failures of the checkpoint too, which SQLite by itself would not tell.
TEST_P(StoreFault, AtAnyCall) {
  std::mt19937_64 random(testing::seed());
  for (int round = 0; round < 40; ++round) {
    TestFolder folder;
    const std::string path = folder.file("store");
    create_empty(path);
    FaultyVfs::arm(GetParam(), random() % (GetParam() == Fault::sync ? 300 : 6000) + 1);
    const Outcome outcome = write_until_it_fails(path, FaultyVfs::name(), random, 300);
    FaultyVfs::disarm();
    expect_nothing_lost(path, outcome);
    if (HasFailure()) return;
  }
}

std::string fault_name(const ::testing::TestParamInfo<Fault>& tested) {
  switch (tested.param) {
    case Fault::sync:
      return "sync";
    case Fault::write:
      return "write";
    case Fault::disk_full:
      return "disk_full";
    case Fault::torn_write:
      return "torn_write";
    case Fault::none:
      break;
  }
  return "none";
}

constexpr Fault every_fault[] = {Fault::sync, Fault::write, Fault::disk_full, Fault::torn_write};
INSTANTIATE_TEST_SUITE_P(Faults, StoreFault, ::testing::ValuesIn(every_fault), fault_name);

// In a child with mounts of its own. 77: the machine does not allow that.
int fill_a_small_disk(const std::string& folder) {
  constexpr int not_allowed = 77;
  if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return not_allowed;
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return not_allowed;
  if (mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=3m,mode=0700") != 0) return not_allowed;
  const std::string path = folder + "/store";
  create_empty(path);
  std::mt19937_64 random(testing::seed());
  const Outcome outcome = write_until_it_fails(path, "", random, 2000);
  std::cout << outcome.error.context << '\n';
  EXPECT_NE(outcome.error.context.find("full"), std::string::npos);
  // Reading it back needs no space.
  expect_nothing_lost(path, outcome);
  return ::testing::Test::HasFailure() ? 1 : 0;
}

TEST(StoreSpace, DiskFull) {
  TestFolder folder;
  ASSERT_EQ(mkdir(folder.file("disk").c_str(), 0700), 0);
  std::cout.flush();
  const pid_t child = fork();
  if (child == 0) {
    const int code = fill_a_small_disk(folder.file("disk"));
    std::cout.flush();
    _exit(code);
  }
  int status = -1;
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) GTEST_SKIP() << "no mount namespaces here";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace sluice::io
