// SPDX-License-Identifier: Apache-2.0
#include "persist_queue.h"

#include <gtest/gtest.h>

#include <random>

#include "raft_text.h"
#include "test_seed.h"

namespace sluice::raft {
namespace {

std::vector<Entry> entries(std::uint64_t from, std::uint64_t to, std::uint64_t term) {
  std::vector<Entry> made;
  for (std::uint64_t index = from; index <= to; ++index)
    made.push_back({Term(term), LogIndex(index), EntryType::command, "x"});
  return made;
}

Snapshot snapshot(std::uint64_t index, std::uint64_t term) {
  return {{LogIndex(index), Term(term), {}}, std::make_shared<const std::string>("s")};
}

Message message(std::uint64_t number) {
  return {NodeId(1), NodeId(2), Term(number), VoteReply{}};
}

std::string only_batch(PersistQueue& queue) {
  return text_of(queue.next_batch().value());
}

TEST(PersistQueue, WhatWaitsBecomesOneStep) {
  PersistQueue queue;
  EXPECT_TRUE(queue.is_idle());
  EXPECT_FALSE(queue.next_batch());
  queue.add(1, HardState{Term(2), NodeId(1)}, {}, entries(2, 3, 2), {}, {message(1)});
  EXPECT_EQ(only_batch(queue), " term 2 vote 1 [2/2 x] [3/2 x]");
  queue.add(2, {}, {}, entries(4, 4, 2), {}, {message(2)});
  queue.add(3, HardState{Term(3), NodeId(2)}, {}, entries(5, 5, 3), {}, {message(3), message(4)});
  EXPECT_FALSE(queue.next_batch()) << "one is being written";
  PersistQueue::Done done = queue.written();
  EXPECT_EQ(done.sequence, 1U);
  ASSERT_EQ(done.send.size(), 1U);
  EXPECT_EQ(done.send[0].term, Term(1));
  const WriteBatch batch = queue.next_batch().value();
  EXPECT_EQ(batch.last_sequence, 3U);
  EXPECT_EQ(text_of(batch), " term 3 vote 2 [4/2 x] [5/3 x]");
  EXPECT_FALSE(queue.is_idle());
  done = queue.written();
  EXPECT_EQ(done.sequence, 3U);
  ASSERT_EQ(done.send.size(), 3U);
  EXPECT_EQ(done.send[0].term, Term(2));
  EXPECT_EQ(done.send[2].term, Term(4));
  EXPECT_TRUE(queue.is_idle());
}

TEST(PersistQueue, MessagesAloneKeepTheirPlace) {
  PersistQueue queue;
  queue.add(1, {}, {}, {}, {}, {message(1)});
  EXPECT_TRUE(queue.next_batch().value().is_empty());
  queue.add(2, {}, {}, entries(2, 2, 1), {}, {});
  queue.add(3, {}, {}, {}, {}, {message(3)});
  EXPECT_EQ(queue.written().send.size(), 1U);
  EXPECT_FALSE(queue.next_batch().value().is_empty());
  EXPECT_EQ(queue.written().send.size(), 1U);
}

TEST(PersistQueue, TruncationDropsWhatWasNotWrittenYet) {
  PersistQueue queue;
  queue.add(1, {}, {}, entries(4, 7, 2), {}, {});
  queue.add(2, {}, LogIndex(6), entries(6, 6, 3), {}, {});
  EXPECT_EQ(only_batch(queue), " [4/2 x] [5/2 x] [6/3 x]");
  (void)queue.written();
  queue.add(3, {}, {}, entries(7, 8, 3), {}, {});
  queue.add(4, {}, LogIndex(5), entries(5, 5, 4), {}, {});
  queue.add(5, {}, LogIndex(4), entries(4, 4, 5), {}, {});
  EXPECT_EQ(only_batch(queue), " drop 4.. [4/5 x]");
}

TEST(PersistQueue, AnInstalledSnapshotReplacesAllBefore) {
  PersistQueue queue;
  queue.add(1, HardState{Term(2), NodeId()}, LogIndex(3), entries(3, 5, 2), {}, {});
  queue.add_compaction(snapshot(4, 2), LogIndex(5));
  queue.add(2, {}, {}, entries(10, 11, 2), snapshot(9, 2), {});
  queue.add(3, {}, LogIndex(10), entries(10, 10, 3), {}, {});
  const WriteBatch batch = queue.next_batch().value();
  EXPECT_EQ(text_of(batch), " term 2 vote 0 snapshot 9/2 for all [10/3 x]");
  EXPECT_FALSE(queue.written().compacted) << "the older snapshot was not written";
}

TEST(PersistQueue, CompactionIsToldOfWhenDurable) {
  PersistQueue queue;
  queue.add(1, {}, {}, entries(2, 5, 1), {}, {});
  queue.add_compaction(snapshot(3, 1), LogIndex(3));
  queue.add_compaction(snapshot(4, 1), LogIndex(4));
  EXPECT_EQ(only_batch(queue), " [2/1 x] [3/1 x] [4/1 x] [5/1 x] snapshot 4/1 keep 4..");
  EXPECT_EQ(queue.written().compacted, LogIndex(4));
  queue.add_compaction(snapshot(5, 1), LogIndex(5));
  EXPECT_EQ(only_batch(queue), " snapshot 5/1 keep 5..");
  const PersistQueue::Done done = queue.written();
  EXPECT_EQ(done.sequence, 0U);
  EXPECT_EQ(done.compacted, LogIndex(5));
}

TEST(PersistQueue, ASnapshotOlderThanTheLeadersIsNotWritten) {
  PersistQueue queue;
  queue.add(1, {}, {}, {}, snapshot(9, 2), {});
  (void)queue.next_batch();
  (void)queue.written();
  queue.add_compaction(snapshot(4, 2), LogIndex(5));
  EXPECT_TRUE(queue.next_batch().value().is_empty());
  EXPECT_FALSE(queue.written().compacted);
}

// A disk that is told everything in one step and one that is told it step by step hold the same.
struct Disk {
  std::uint64_t snapshot = 0;
  std::vector<Entry> log;
  HardState hard_state;

  void write(const WriteBatch& batch) {
    if (batch.hard_state) hard_state = *batch.hard_state;
    if (batch.install) {
      snapshot = batch.install->meta.index.value();
      log.clear();
    }
    if (batch.truncate_from)
      std::erase_if(log, [&](const Entry& entry) { return entry.index >= *batch.truncate_from; });
    log.insert(log.end(), batch.append.begin(), batch.append.end());
    if (!batch.compact) return;
    snapshot = batch.compact->meta.index.value();
    std::erase_if(log, [&](const Entry& entry) { return entry.index < batch.first_kept; });
  }
  friend bool operator==(const Disk&, const Disk&) = default;
};

// Ends as the core makes them: what is committed is neither truncated nor replaced by an older snapshot.
struct Story {
  std::uint64_t committed = 0;
  std::uint64_t snapshot_index = 0;
  std::uint64_t last = 0;
  std::uint64_t trailing = 0;
};

TEST(PersistQueue, FoldedIsTheSameAsOneByOne) {
  std::mt19937_64 random(testing::seed());
  const auto below = [&](std::uint64_t bound) { return random() % bound; };
  for (int round = 0; round < 2000; ++round) {
    PersistQueue folded;
    PersistQueue single;
    Disk disk_of_folded;
    Disk disk_of_single;
    const auto write_single = [&] {
      disk_of_single.write(single.next_batch().value());
      (void)single.written();
    };
    Story story{.trailing = below(3)};
    for (std::uint64_t sequence = 1; sequence < 20; ++sequence) {
      std::optional<Snapshot> install;
      std::optional<LogIndex> cut;
      std::optional<HardState> hard_state;
      if (below(3) == 0) hard_state = HardState{Term(sequence), NodeId(below(3))};
      if (below(8) == 0) {
        story.committed = story.snapshot_index = story.last = story.last + 1 + below(3);
        install = snapshot(story.last, sequence);
      } else if (story.last > story.committed && below(3) == 0) {
        story.last = story.committed + below(story.last - story.committed);
        cut = LogIndex(story.last + 1);
      }
      const std::vector<Entry> append = entries(story.last + 1, story.last + below(4), sequence);
      story.last += append.size();
      for (PersistQueue* queue : {&folded, &single}) queue->add(sequence, hard_state, cut, append, install, {});
      write_single();
      story.committed += below(story.last - story.committed + 1);
      if (story.committed > story.snapshot_index && below(4) == 0) {
        story.snapshot_index = story.committed;
        const LogIndex kept(story.committed - std::min(story.trailing, story.committed - 1) + 1);
        for (PersistQueue* queue : {&folded, &single}) queue->add_compaction(snapshot(story.committed, sequence), kept);
        write_single();
      }
      if (below(5) != 0) continue;
      disk_of_folded.write(folded.next_batch().value());
      EXPECT_EQ(folded.written().sequence, sequence);
      ASSERT_EQ(disk_of_folded, disk_of_single);
    }
  }
}

}  // namespace
}  // namespace sluice::raft
