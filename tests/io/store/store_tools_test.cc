// SPDX-License-Identifier: Apache-2.0
#include "store_tools.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "raft_codec.h"
#include "store_site.h"

namespace sluice::io {
namespace {

Backup some_backup() {
  return {"c1", 1700000000123, make_snapshot(70, 5, std::string(300000, 'd'))};
}

TEST(Backup, RoundTrip) {
  const Backup backup = some_backup();
  const Result<Backup> read = decode_backup(encode_backup(backup));
  ASSERT_TRUE(read) << read.error().context;
  EXPECT_EQ(read->cluster_id, backup.cluster_id);
  EXPECT_EQ(read->taken_unix_ms, backup.taken_unix_ms);
  EXPECT_EQ(read->snapshot.meta, backup.snapshot.meta);
  EXPECT_EQ(*read->snapshot.data, *backup.snapshot.data);
}

TEST(Backup, DamageIsNoticed) {
  Backup backup = some_backup();
  backup.snapshot.data = std::make_shared<const std::string>("short");
  const std::string bytes = encode_backup(backup);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_FALSE(decode_backup(bytes.substr(0, i)));
    std::string flipped = bytes;
    flipped[i] = static_cast<char>(flipped[i] ^ 16);
    EXPECT_FALSE(decode_backup(flipped)) << i;
  }
  std::string newer = bytes;
  newer[14] = '2';
  EXPECT_EQ(decode_backup(newer).error().code, ErrorCode::unsupported);
}

TEST(Backup, FileIsWholeAndNeverReplaced) {
  TestFolder folder;
  const std::string path = folder.file("backup");
  ASSERT_TRUE(write_backup_file(path, "bytes"));
  EXPECT_EQ(read_backup_file(path).value(), "bytes");
  const Status again = write_backup_file(path, "others");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::conflict);
  EXPECT_EQ(read_backup_file(path).value(), "bytes");
  struct stat found {};
  ASSERT_EQ(stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0600U);
}

std::unique_ptr<raft::Raft> start(const StoreIdentity& identity, raft::StoredState state) {
  raft::RaftOptions options;
  options.id = identity.node_id;
  Result<std::unique_ptr<raft::Raft>> made =
      raft::Raft::make(options, std::move(state), [](std::uint32_t bound) { return bound / 2; });
  if (!made) {
    ADD_FAILURE() << made.error().context;
    abort();
  }
  return std::move(made.value());
}

// Does what it says, on the store, until it is the leader and has committed everything.
void run_alone(raft::Raft& raft, Store& store) {
  for (int tick = 0; tick < 200; ++tick) {
    raft.tick();
    while (raft.has_ready()) {
      raft::Ready ready = raft.take_ready();
      raft::WriteBatch batch{
          ready.sequence, ready.hard_state, ready.install, ready.truncate_from, ready.append, {}, {}};
      if (ready.must_persist()) {
        const Status status = store.write(batch);
        ASSERT_TRUE(status) << status.error().context;
      }
      raft.persisted(ready.sequence);
      if (!ready.committed.empty()) raft.applied(ready.committed.back().index);
    }
  }
}

TEST(StoreTools, RestoreBeginsWithOneMember) {
  TestFolder folder;
  const StoreIdentity identity{"c1", raft::NodeId(99)};
  const raft::Member only{identity.node_id, raft::MemberRole::voter, "lb9", "127.0.0.1:9"};
  EXPECT_FALSE(restore_store(folder.file("store"), some_backup(), test_identity(),
                             {test_identity().node_id, raft::MemberRole::voter, "self", ""}))
      << "an id that was used before";
  ASSERT_TRUE(restore_store(folder.file("store"), some_backup(), identity, only));
  Result<OpenedStore> opened = Store::open(folder.file("store"), identity);
  ASSERT_TRUE(opened) << opened.error().context;
  EXPECT_EQ(*opened->state.snapshot->data, *some_backup().snapshot.data);
  EXPECT_EQ(opened->state.snapshot->meta.configuration.members, std::vector<raft::Member>{only});
  EXPECT_EQ(opened->state.snapshot->meta.configuration.removed.size(), 3U);
  const auto raft = start(identity, opened->state);
  run_alone(*raft, *opened->store);
  EXPECT_EQ(raft->status().role, raft::Role::leader);
}

TEST(StoreTools, ForcedRecovery) {
  TestFolder folder;
  const std::string path = folder.file("store");
  create_empty(path);
  {
    const Result<OpenedStore> opened = Store::open(path);
    raft::WriteBatch batch;
    batch.install = make_snapshot(10, 2, "state");
    batch.hard_state = raft::HardState{raft::Term(4), raft::NodeId(1)};
    batch.append = {make_entry(11, 2, "a"), make_entry(12, 4, "never known to be committed")};
    ASSERT_TRUE(opened->store->write(batch));
  }
  const Result<RecoveryReport> report = recover_store(path, "127.0.0.1:77");
  ASSERT_TRUE(report) << report.error().context;
  EXPECT_EQ(report->last, raft::LogIndex(12));
  EXPECT_EQ(report->removed, 2U);
  const Result<StoreSummary> summary = store_summary(path);
  ASSERT_TRUE(summary) << summary.error().context;
  EXPECT_EQ(summary->last, raft::LogIndex(13));
  EXPECT_EQ(summary->last_term, raft::Term(5));
  ASSERT_EQ(summary->configuration.members.size(), 1U);
  EXPECT_EQ(summary->configuration.members[0].address, "127.0.0.1:77");
  EXPECT_EQ(summary->configuration.removed, (std::vector<raft::NodeId>{raft::NodeId(1), raft::NodeId(2)}));

  Result<OpenedStore> opened = Store::open(path);
  const auto raft = start(test_identity(), opened->state);
  run_alone(*raft, *opened->store);
  EXPECT_EQ(raft->status().role, raft::Role::leader);
  EXPECT_GE(raft->status().commit, raft::LogIndex(14));
}

TEST(StoreTools, NoRecoveryOfWhoIsNoMember) {
  TestFolder folder;
  create_empty(folder.file("store"));
  EXPECT_EQ(recover_store(folder.file("store"), "").error().code, ErrorCode::conflict);
}

}  // namespace
}  // namespace sluice::io
