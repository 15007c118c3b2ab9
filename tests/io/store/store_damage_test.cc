// SPDX-License-Identifier: Apache-2.0
// Bytes of a store that are not what was written: never a wrong entry, never a promise forgotten in silence.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <iostream>

#include "store.h"
#include "store_site.h"
#include "test_seed.h"

namespace sluice::io {
namespace {

struct Written {
  StoreImage image;
  StoreImage before_last;
  raft::StoredState state;
  raft::StoredState state_before_last;
};

enum class Where { in_log, in_file };

// Enough for every kind of batch, and few enough that each flip's opening takes a millisecond.
constexpr int batches = 24;

// A store after some batches of every kind.
Written write_some(const std::string& path, Where where, std::mt19937_64& random) {
  create_empty(path);
  Written written;
  Result<OpenedStore> opened = Store::open(path);
  for (int i = 0; i < batches; ++i) {
    raft::WriteBatch batch = random_batch(written.state, random, 6000);
    if (batch.install && i > 10) continue;  // a log to damage is to be there
    if (i == 1) {
      batch = {};
      batch.install = make_snapshot(200, 1, std::string(3000, 's'));
    }
    if (i == batches - 1) {
      batch = {};
      const std::uint64_t last = opened->store->last_index().value();
      for (std::uint64_t more = 1; more <= 40; ++more) {
        batch.append.push_back(make_entry(last + more, 90, std::string(500, static_cast<char>('0' + more))));
      }
      written.before_last = StoreImage::read(path);
      written.state_before_last = written.state;
    }
    EXPECT_TRUE(opened->store->write(batch));
    apply_batch(written.state, batch);
  }
  opened->store.reset();
  if (where == Where::in_file) {
    sqlite3* database = nullptr;
    EXPECT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, "PRAGMA wal_checkpoint(TRUNCATE)", nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(database);
  }
  written.image = StoreImage::read(path);
  return written;
}

bool is_clear(const Error& error) {
  const std::string& text = error.context;
  return text.find("join it anew") != std::string::npos || text.find("replace this member") != std::string::npos ||
         text.find("run the version that wrote it") != std::string::npos;
}

// It is refused with a word what to do, or has everything and can be written to.
void expect_refused_or_whole(const std::string& path, const StoreImage& image, const raft::StoredState& expected,
                             std::size_t* refused) {
  image.write(path);
  Result<OpenedStore> opened = Store::open(path);
  if (!opened) {
    ++*refused;
    EXPECT_TRUE(is_clear(opened.error())) << opened.error().context;
    EXPECT_TRUE(StoreImage::read(path) == image) << "a refused store was written to";
    return;
  }
  ASSERT_EQ(difference(opened->state, expected), "");
  raft::StoredState after = expected;
  raft::WriteBatch batch;
  const std::uint64_t last = opened->store->last_index().value();
  for (std::uint64_t i = 1; i <= 8; ++i) batch.append.push_back(make_entry(last + i, 99, std::string(3000, 'z')));
  batch.hard_state = raft::HardState{raft::Term(99), raft::NodeId(3)};
  const Status status = opened->store->write(batch);
  if (!status) return;  // a damage in what only writing touches: the node stops
  apply_batch(after, batch);
  opened->store.reset();
  opened = Store::open(path);
  ASSERT_TRUE(opened) << opened.error().context;
  ASSERT_EQ(difference(opened->state, after), "");
}

constexpr std::size_t stride = 64;

void flip_each(std::string StoreImage::*part, const Written& written, const std::string& path,
               std::mt19937_64& random) {
  std::size_t flips = 0;
  std::size_t refused = 0;
  for (std::size_t at = random() % stride; at < (written.image.*part).size(); at += stride) {
    StoreImage image = written.image;
    (image.*part)[at] = static_cast<char>((image.*part)[at] ^ (1 << (random() % 8)));
    ++flips;
    SCOPED_TRACE("bit flip at byte " + std::to_string(at));
    expect_refused_or_whole(path, image, written.state, &refused);
    if (::testing::Test::HasFailure()) return;
  }
  std::cout << flips << " flips, " << refused << " refused\n";
  // Whatever is alive is noticed; in the file there are free pages too.
  std::size_t alive = written.state.snapshot ? written.state.snapshot->data->size() : 0;
  for (const raft::Entry& entry : written.state.entries) alive += entry.data.size();
  EXPECT_GE(refused, alive / stride);
}

TEST(StoreDamage, BitFlipsInTheLog) {
  std::mt19937_64 random(testing::seed());
  TestFolder folder;
  const Written written = write_some(folder.file("store"), Where::in_log, random);
  flip_each(&StoreImage::log, written, folder.file("store"), random);
}

TEST(StoreDamage, BitFlipsInTheFile) {
  std::mt19937_64 random(testing::seed());
  TestFolder folder;
  const Written written = write_some(folder.file("store"), Where::in_file, random);
  ASSERT_EQ(written.image.log.size(), 0U);
  flip_each(&StoreImage::main, written, folder.file("store"), random);
}

TEST(StoreDamage, BitFlipsInTheMark) {
  std::mt19937_64 random(testing::seed());
  TestFolder folder;
  const Written written = write_some(folder.file("store"), Where::in_log, random);
  std::size_t refused = 0;
  for (std::size_t bit = 0; bit < written.image.mark.size() * 8; ++bit) {
    StoreImage image = written.image;
    image.mark[bit / 8] = static_cast<char>(image.mark[bit / 8] ^ (1 << (bit % 8)));
    expect_refused_or_whole(folder.file("store"), image, written.state, &refused);
  }
  EXPECT_EQ(refused, written.image.mark.size() * 8);
}

// The last write was on its way when the power went: nobody was promised anything, and all before it is there.
TEST(StoreDamage, TornLastWrite) {
  std::mt19937_64 random(testing::seed());
  TestFolder folder;
  const std::string path = folder.file("store");
  const Written written = write_some(path, Where::in_log, random);
  const std::size_t grown = written.image.log.size() - written.before_last.log.size();
  ASSERT_GT(grown, 200U);
  std::size_t whole = 0;
  for (std::size_t cut = 0; cut <= 200; ++cut) {
    StoreImage image = written.image;
    image.mark = written.before_last.mark;
    image.log.resize(image.log.size() - cut);
    image.write(path);
    const Result<OpenedStore> opened = Store::open(path);
    ASSERT_TRUE(opened) << opened.error().context;
    if (difference(opened->state, written.state).empty()) {
      ++whole;
    } else {
      ASSERT_EQ(difference(opened->state, written.state_before_last), "") << "cut by " << cut;
    }
  }
  EXPECT_EQ(whole, 1U);
}

// The same when it had been acknowledged: something else took it, and the node must not take part as if nothing were.
TEST(StoreDamage, AcknowledgedWriteIsMissed) {
  std::mt19937_64 random(testing::seed());
  TestFolder folder;
  const std::string path = folder.file("store");
  const Written written = write_some(path, Where::in_log, random);
  for (std::size_t cut = 1; cut <= 200; ++cut) {
    StoreImage image = written.image;
    image.log.resize(image.log.size() - cut);
    image.write(path);
    const Result<OpenedStore> opened = Store::open(path);
    ASSERT_FALSE(opened) << "cut by " << cut;
    EXPECT_TRUE(is_clear(opened.error())) << opened.error().context;
  }
  StoreImage without_log = written.image;
  without_log.log.clear();
  without_log.write(path);
  EXPECT_FALSE(Store::open(path));
  StoreImage old_copy = written.before_last;
  old_copy.mark = written.image.mark;
  old_copy.write(path);
  EXPECT_FALSE(Store::open(path));
  written.image.write(path);
  EXPECT_TRUE(Store::open(path));
}

// Damage that leaves SQLite content: every value of every row is under a sum.
TEST(StoreDamage, EveryValue) {
  std::mt19937_64 random(testing::seed());
  TestFolder folder;
  const std::string path = folder.file("store");
  const Written written = write_some(path, Where::in_file, random);
  const std::string middle = std::to_string(written.state.entries[written.state.entries.size() / 2].index.value());
  const std::string last = std::to_string(written.state.entries.back().index.value());
  std::vector<std::string> changes;
  for (const char* column :
       {"node_id", "term", "vote", "sequence", "base_idx", "base_crc", "last_idx", "last_crc", "snapshot_crc", "crc"}) {
    changes.push_back(std::string("UPDATE meta SET ") + column + " = " + column + " + 1");
  }
  changes.emplace_back("UPDATE meta SET cluster_id = 'c2'");
  changes.emplace_back("DELETE FROM meta");
  for (const std::string& index : {middle, last}) {
    const std::string where = " WHERE idx = " + index;
    for (const char* column : {"term", "type", "crc"}) {
      changes.push_back(std::string("UPDATE log SET ") + column + " = " + column + " + 1" + where);
    }
    changes.push_back("UPDATE log SET data = CAST('other' AS BLOB)" + where);
    changes.push_back("DELETE FROM log" + where);
    changes.push_back("UPDATE log SET idx = -1" + where);
  }
  changes.push_back("INSERT INTO log SELECT idx + 1, term, type, data, crc FROM log WHERE idx = " + last);
  changes.push_back("DELETE FROM log");
  for (const char* change :
       {"idx = idx + 1", "term = term + 1", "bytes = bytes + 1", "configuration = CAST('x' AS BLOB)"}) {
    changes.push_back(std::string("UPDATE snapshot SET ") + change);
  }
  changes.emplace_back("DELETE FROM snapshot");
  changes.emplace_back("DELETE FROM snapshot_piece");
  changes.emplace_back("UPDATE snapshot_piece SET data = CAST(upper(data) || 'x' AS BLOB)");
  changes.emplace_back("CREATE TABLE other(a)");
  ASSERT_TRUE(written.state.snapshot && !written.state.snapshot->data->empty());
  for (const std::string& change : changes) {
    written.image.write(path);
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(database, change.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
    sqlite3_close(database);
    const Result<OpenedStore> opened = Store::open(path);
    ASSERT_FALSE(opened) << change;
    EXPECT_TRUE(is_clear(opened.error())) << opened.error().context;
  }
}

TEST(StoreDamage, MissingMark) {
  std::mt19937_64 random(testing::seed());
  TestFolder folder;
  const std::string path = folder.file("store");
  write_some(path, Where::in_log, random);
  ASSERT_EQ(std::remove((path + "-mark").c_str()), 0);
  const Result<OpenedStore> opened = Store::open(path);
  ASSERT_FALSE(opened);
  EXPECT_TRUE(is_clear(opened.error())) << opened.error().context;
}

}  // namespace
}  // namespace sluice::io
