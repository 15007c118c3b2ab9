// SPDX-License-Identifier: Apache-2.0
// What scripts (script_test.cc) do not say well: what is refused at start, and bounds.
#include "raft.h"

#include <gtest/gtest.h>

#include "raft_codec.h"

namespace sluice::raft {
namespace {

std::shared_ptr<const std::string> text(std::string value) {
  return std::make_shared<const std::string>(std::move(value));
}

Configuration voters(std::uint64_t count) {
  Configuration configuration;
  for (std::uint64_t id = 1; id <= count; ++id)
    configuration.members.push_back({NodeId(id), MemberRole::voter, "n" + std::to_string(id), ""});
  return configuration;
}

RaftOptions options_of(std::uint64_t id) {
  RaftOptions options;
  options.id = NodeId(id);
  options.heartbeat_ticks = 2;
  options.election_ticks = 10;
  return options;
}

std::uint32_t lowest(std::uint32_t) {
  return 0;
}

// A disk without delay.
std::vector<Entry> settle(Raft& raft) {
  std::vector<Entry> committed;
  while (raft.has_ready()) {
    Ready ready = raft.take_ready();
    raft.persisted(ready.sequence);
    committed.insert(committed.end(), ready.committed.begin(), ready.committed.end());
    if (!committed.empty()) raft.applied(committed.back().index);
  }
  return committed;
}

std::unique_ptr<Raft> single(RaftOptions options = options_of(1)) {
  auto raft = Raft::make(options, bootstrap_state(voters(1), text("empty")), lowest).value();
  for (int tick = 0; tick < 10; ++tick) raft->tick();
  settle(*raft);
  return raft;
}

TEST(Raft, OneNodeElectsItselfAndCommits) {
  const auto raft = single();
  EXPECT_EQ(raft->status().role, Role::leader);
  EXPECT_EQ(raft->status().term, Term(2));
  EXPECT_EQ(raft->propose("a").value(), LogIndex(3));
  const std::vector<Entry> committed = settle(*raft);
  ASSERT_EQ(committed.size(), 1U);
  EXPECT_EQ(committed[0].data, "a");
  EXPECT_FALSE(raft->has_ready());
}

TEST(Raft, CommittedOnlyWhatIsStable) {
  const auto raft = single();
  raft->propose("a").value();
  const Ready ready = raft->take_ready();
  EXPECT_EQ(ready.append.size(), 1U);
  EXPECT_TRUE(ready.committed.empty());
  EXPECT_EQ(raft->status().commit, LogIndex(2));
  raft->persisted(ready.sequence);
  EXPECT_EQ(raft->status().commit, LogIndex(3));
}

TEST(Raft, OptionsThatCannotWorkAreRefused) {
  const auto refused = [](RaftOptions options, const RandomBelow& random) {
    const auto made = Raft::make(options, {}, random);
    return !made && made.error().code == ErrorCode::invalid_argument;
  };
  EXPECT_FALSE(refused(options_of(1), lowest));
  EXPECT_TRUE(refused(options_of(0), lowest));
  EXPECT_TRUE(refused(options_of(1), nullptr));
  RaftOptions options = options_of(1);
  options.election_ticks = options.heartbeat_ticks;
  EXPECT_TRUE(refused(options, lowest));
  options = options_of(1);
  options.snapshot_chunk_bytes = 0;
  EXPECT_TRUE(refused(options, lowest));
}

Entry entry(std::uint64_t index, std::uint64_t term) {
  return {Term(term), LogIndex(index), EntryType::command, "x"};
}

StoredState stored(std::vector<Entry> entries) {
  StoredState state = bootstrap_state(voters(1), text("empty"));
  state.hard_state.term = Term(5);
  state.entries = std::move(entries);
  return state;
}

bool is_refused(StoredState state) {
  const auto made = Raft::make(options_of(1), std::move(state), lowest);
  return !made && made.error().code == ErrorCode::conflict && made.error().context.find("index") != std::string::npos;
}

TEST(Raft, ADiskThatContradictsItselfIsRefused) {
  EXPECT_FALSE(is_refused(stored({})));
  EXPECT_FALSE(is_refused(stored({entry(2, 2), entry(3, 5)})));
  EXPECT_TRUE(is_refused(stored({entry(3, 2)}))) << "2 is missing";
  EXPECT_TRUE(is_refused(stored({entry(2, 2), entry(4, 2)}))) << "a gap";
  EXPECT_TRUE(is_refused(stored({entry(2, 3), entry(3, 2)}))) << "a term that falls";
  EXPECT_TRUE(is_refused(stored({entry(2, 6)}))) << "a term that we were never in";
  EXPECT_TRUE(is_refused(stored({entry(1, 2), entry(2, 2)}))) << "not the snapshot's last entry";
  StoredState state = stored({{Term(2), LogIndex(2), EntryType::configuration, "no configuration"}});
  EXPECT_TRUE(is_refused(state));
  state = stored({});
  state.snapshot->data = nullptr;
  EXPECT_TRUE(is_refused(state));
}

TEST(Raft, EntriesBeforeTheSnapshotAreKept) {
  StoredState state = stored({entry(3, 2), entry(4, 2), entry(5, 3), entry(6, 3)});
  state.snapshot->meta.index = LogIndex(5);
  state.snapshot->meta.term = Term(3);
  const auto raft = Raft::make(options_of(1), state, lowest).value();
  const RaftStatus status = raft->status();
  EXPECT_EQ(status.first, LogIndex(4));
  EXPECT_EQ(status.commit, LogIndex(5));
  EXPECT_EQ(status.last, LogIndex(6));
  EXPECT_EQ(status.stable, LogIndex(6));
  state.snapshot->meta.index = LogIndex(7);
  EXPECT_TRUE(is_refused(state)) << "entries end before it";
}

TEST(Raft, SnapshotsOnlyOfWhatIsAppliedAndNew) {
  const auto raft = single();
  raft->propose("a").value();
  EXPECT_EQ(raft->snapshot_meta(LogIndex(3)).error().code, ErrorCode::conflict);
  settle(*raft);
  const SnapshotMeta meta = raft->snapshot_meta(LogIndex(3)).value();
  EXPECT_EQ(meta.term, Term(2));
  EXPECT_EQ(meta.configuration, voters(1));
  ASSERT_TRUE(raft->compact(LogIndex(3), text("a")));
  EXPECT_EQ(raft->compact(LogIndex(3), text("a")).error().code, ErrorCode::conflict);
  EXPECT_EQ(raft->snapshot_meta(LogIndex(2)).error().code, ErrorCode::conflict);
}

// A follower's answers to chunks that are not as they should be.
struct Receiver {
  std::unique_ptr<Raft> raft = Raft::make(options_of(2), {}, lowest).value();

  SnapshotReply give(std::uint64_t offset, std::string data, std::uint64_t total, std::uint64_t digest) {
    SnapshotChunk chunk{{LogIndex(9), Term(3), voters(2)}, offset, total, digest, std::move(data), 7};
    raft->step({NodeId(1), NodeId(2), Term(4), std::move(chunk)});
    last = raft->take_ready();
    EXPECT_EQ(last.send_after_persist.size(), 1U);
    return std::get<SnapshotReply>(last.send_after_persist.at(0).body);
  }
  Ready last;
};

TEST(Raft, ASnapshotIsInstalledOnceItsDigestIsRight) {
  Receiver receiver;
  const std::uint64_t digest = snapshot_digest("abcdef");
  EXPECT_EQ(receiver.give(0, "abc", 6, digest).next_offset, 3U);
  EXPECT_EQ(receiver.give(5, "f", 6, digest).next_offset, 3U) << "a gap";
  EXPECT_EQ(receiver.give(0, "abc", 6, digest).next_offset, 3U) << "twice";
  SnapshotReply reply = receiver.give(3, "xyz", 6, digest);
  EXPECT_EQ(reply.next_offset, 0U) << "damaged: from the beginning";
  EXPECT_FALSE(reply.installed);
  EXPECT_FALSE(receiver.last.install);
  EXPECT_EQ(receiver.give(3, "def", 6, digest).next_offset, 0U);
  EXPECT_EQ(receiver.give(0, "abc", 6, digest).next_offset, 3U);
  reply = receiver.give(3, "def", 6, digest);
  EXPECT_TRUE(reply.installed);
  EXPECT_EQ(reply.read_round, 7U);
  ASSERT_TRUE(receiver.last.install);
  EXPECT_EQ(*receiver.last.install->data, "abcdef");
  EXPECT_TRUE(receiver.give(0, "abc", 6, digest).installed) << "once more, late";
  EXPECT_FALSE(receiver.last.install);
}

TEST(Raft, AnotherSnapshotBeginsAnew) {
  Receiver receiver;
  EXPECT_EQ(receiver.give(0, "abc", 6, 1).next_offset, 3U);
  EXPECT_EQ(receiver.give(3, "def", 7, 1).next_offset, 0U);
  EXPECT_EQ(receiver.give(0, "abc", 7, 1).next_offset, 3U);
  EXPECT_EQ(receiver.give(3, "def", 7, 2).next_offset, 0U);
}

// What a Ready carries is bounded, however much is committed at once.
TEST(Raft, CommittedEntriesComeInPortions) {
  RaftOptions options = options_of(1);
  options.message_bytes = 10;
  const auto raft = single(options);
  for (int count = 0; count < 10; ++count) raft->propose("12345").value();
  raft->persisted(raft->take_ready().sequence);
  std::size_t committed = 0;
  while (raft->has_ready()) {
    const Ready ready = raft->take_ready();
    EXPECT_LE(ready.committed.size(), 2U);
    committed += ready.committed.size();
  }
  EXPECT_EQ(committed, 10U);
}

}  // namespace
}  // namespace sluice::raft
