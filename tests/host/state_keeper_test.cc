// SPDX-License-Identifier: Apache-2.0
// What a plane has acknowledged is there for the next process, whenever this one is killed: what is read beside a
// living keeper is what a killed one would have left.
#include "state_keeper.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "state_file.h"
#include "state_fixture.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;
using std::chrono::milliseconds;
using testing::small_state;

constexpr KeeperPace quick{.settle = milliseconds(20), .pause_min = milliseconds(20), .pause_per_write = 1};
// Changes only, until it ends.
constexpr KeeperPace never{.settle = hours(1)};
constexpr std::uint64_t told_ns = 1700000000000000000;

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

// One pool's slots move from each generation to the next, so that a state told by its differences needs the one before.
ForwardingState state_at(std::uint64_t generation) {
  ForwardingState state = small_state();
  state.generation = generation;
  StatePool pool = *state.pools[1];
  auto column = std::make_shared<SlotColumn>(*pool.column);
  for (std::size_t slot = 0; slot < column->owners.size(); slot += 64)
    column->owners[slot] = static_cast<std::uint16_t>((generation + slot / 64) % 3);
  column->digest = generation;
  pool.column = column;
  state.pools[1] = make_state_pool(std::move(pool)).value();
  return state;
}

class StateKeeperTest : public ::testing::Test {
 protected:
  void SetUp() override { fs::remove_all(directory_); }
  void TearDown() override {
    keeper_.reset();
    fs::remove_all(directory_);
  }

  void start(const KeeperPace& pace) { keeper_.emplace(path(), read(), pace); }
  // By what is different from the one before.
  void tell(std::uint64_t generation) {
    const ForwardingState state = state_at(generation);
    keeper_->keep(state, encode_state(state, told_ ? &*told_ : nullptr), told_ns + generation);
    told_ = state;
  }
  [[nodiscard]] SavedState read() const { return read_state_file(path()).value(); }
  // 0: nothing. The whole state must be the one that was told as this generation.
  [[nodiscard]] std::uint64_t read_generation() const {
    const SavedState saved = read();
    if (!saved.state) return 0;
    const std::uint64_t generation = saved.state->generation;
    EXPECT_EQ(encode_state(*saved.state, nullptr), encode_state(state_at(generation), nullptr));
    EXPECT_EQ(saved.told_realtime_ns, told_ns + generation);
    return generation;
  }
  std::string problem() {
    std::optional<std::string> found;
    for (int i = 0; i < 10000 && !found; ++i) {
      std::this_thread::sleep_for(milliseconds(1));
      found = keeper_->take_problem();
    }
    return found.value_or("");
  }
  static void wait_for(const std::function<bool()>& condition) {
    for (int i = 0; i < 10000 && !condition(); ++i) std::this_thread::sleep_for(milliseconds(1));
    EXPECT_TRUE(condition());
  }
  [[nodiscard]] std::uint64_t base_generation() const {
    const Result<SavedState> base = decode_saved_state(content_of(path()));
    return base ? base->state->generation : 0;
  }
  [[nodiscard]] std::string path() const { return directory_ / "kept" / "state"; }
  [[nodiscard]] std::string changes(int number) const { return path() + ".changes-" + std::to_string(number); }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(directory_ / "kept")) found.push_back(entry.path().filename());
    std::sort(found.begin(), found.end());
    return found;
  }

  fs::path directory_ = fs::temp_directory_path() / ("sluice_state_keeper_" + std::to_string(getpid()));
  std::optional<StateKeeper> keeper_;
  std::optional<ForwardingState> told_;
};

TEST_F(StateKeeperTest, EveryStateIsThereOnceItIsKept) {
  start(quick);
  EXPECT_EQ(read_generation(), 0U);
  // Until the state file has been written ten times beside it: through every step of that.
  std::uint64_t base = 0;
  std::uint64_t generation = 0;
  for (int written = 0; written < 10;) {
    ASSERT_LT(generation, 100000U);
    tell(++generation);
    ASSERT_EQ(read_generation(), generation);
    ASSERT_TRUE(read().is_whole);
    if (const std::uint64_t now = base_generation(); now != base) {
      ++written;
      base = now;
    }
    std::this_thread::sleep_for(milliseconds(1));
  }
  keeper_.reset();
  EXPECT_EQ(base_generation(), generation);
  EXPECT_EQ(names(), std::vector<std::string>{"state"});
}

TEST_F(StateKeeperTest, WhatAKilledOneLeftGoesOn) {
  start(never);
  tell(1);
  tell(2);
  const std::string left = content_of(changes(1));
  keeper_.reset();
  // As if it had been killed before the state file was written for the first time.
  fs::remove(path());
  write(changes(7), left);
  write(changes(8), "");
  EXPECT_EQ(read_generation(), 2U);
  start(never);
  tell(3);
  EXPECT_EQ(read_generation(), 3U);
  EXPECT_EQ(base_generation(), 0U);
  keeper_.reset();
  EXPECT_EQ(base_generation(), 3U);
  EXPECT_EQ(names(), std::vector<std::string>{"state"});
  // It takes them into the state file by itself, too.
  fs::remove(path());
  write(changes(7), left);
  start(quick);
  wait_for([this] { return base_generation() == 2; });
}

TEST_F(StateKeeperTest, NothingGoesBackToWhatTheStateFileHasAlready) {
  start(never);
  std::vector<std::size_t> ends;
  for (std::uint64_t generation = 1; generation <= 5; ++generation) {
    tell(generation);
    ends.push_back(fs::file_size(changes(1)));
  }
  const std::string left = content_of(changes(1));
  keeper_.reset();
  // As if it had been killed before it could remove them; or the host lost its power, and some did not reach the disk.
  for (const std::size_t bytes : ends) {
    write(changes(1), left.substr(0, bytes));
    EXPECT_EQ(read_generation(), 5U);
  }
}

TEST_F(StateKeeperTest, OfAMissingStateOnlyThoseThatNeedItAreLost) {
  ChangeFile file = ChangeFile::create(path(), 1).value();
  const auto append = [&](std::uint64_t generation, std::optional<std::uint64_t> before, std::uint64_t sequence) {
    const std::optional<ForwardingState> known = before ? std::optional(state_at(*before)) : std::nullopt;
    const std::string told = encode_state(state_at(generation), known ? &*known : nullptr);
    ASSERT_TRUE(file.append(told, sequence, told_ns + generation));
  };
  append(1, std::nullopt, 1);
  append(3, 2, 3);
  EXPECT_EQ(read_generation(), 1U);
  EXPECT_FALSE(read().is_whole);
  // The state file was written for the one that is missing, or a later one.
  ASSERT_TRUE(write_state_file(path(), state_at(2), 2, told_ns + 2));
  EXPECT_EQ(read_generation(), 3U);
  EXPECT_TRUE(read().is_whole);
  ASSERT_TRUE(write_state_file(path(), state_at(4), 4, told_ns + 4));
  EXPECT_EQ(read_generation(), 4U);
  EXPECT_TRUE(read().is_whole);
  append(6, 5, 6);
  append(7, std::nullopt, 7);
  EXPECT_EQ(read_generation(), 7U);
  EXPECT_TRUE(read().is_whole);
}

TEST_F(StateKeeperTest, NothingIsMadeOfATornOrDamagedEnd) {
  start(never);
  tell(1);
  const std::size_t first = content_of(changes(1)).size();
  tell(2);
  const std::string whole = content_of(changes(1));
  keeper_.reset();
  fs::remove(path());
  for (std::size_t cut = first; cut < whole.size(); cut += 1 + cut % 7) {
    write(changes(1), whole.substr(0, cut));
    ASSERT_EQ(read_generation(), 1U) << cut;
    ASSERT_EQ(read().is_whole, cut == first) << cut;
    std::string damaged = whole;
    damaged[cut] = static_cast<char>(damaged[cut] ^ 16);
    write(changes(1), damaged);
    ASSERT_EQ(read_generation(), 1U) << cut;
    ASSERT_FALSE(read().is_whole) << cut;
  }
  // A process that was killed within its last record: the next one's records stand in a file of their own.
  write(changes(1), whole.substr(0, whole.size() - 1));
  told_ = state_at(1);
  start(never);
  tell(3);
  EXPECT_EQ(read_generation(), 3U);
  EXPECT_TRUE(read().is_whole);
}

TEST_F(StateKeeperTest, ChangesCarryWhatTheStateFileDoesNotTake) {
  fs::create_directories(path() + ".new");
  start(quick);
  tell(1);
  EXPECT_NE(problem().find("cannot make " + path() + ".new"), std::string::npos);
  tell(2);
  EXPECT_NE(problem(), "");
  EXPECT_EQ(read_generation(), 2U);
  // Once it can be written it is, without another state.
  fs::remove(path() + ".new");
  wait_for([this] { return base_generation() == 2; });
  tell(3);
  EXPECT_EQ(read_generation(), 3U);
  keeper_.reset();
  EXPECT_EQ(base_generation(), 3U);
}

// As on a full disk: no file grows beyond `bytes`.
class FullDisk {
 public:
  explicit FullDisk(std::uint64_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    EXPECT_EQ(getrlimit(RLIMIT_FSIZE, &before_), 0);
    rlimit full = before_;
    full.rlim_cur = bytes;
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() { EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &before_), 0); }

 private:
  rlimit before_{};
};

TEST_F(StateKeeperTest, HalfARecordIsTakenBack) {
  ChangeFile file = ChangeFile::create(path(), 1).value();
  ASSERT_TRUE(file.append(encode_state(state_at(1), nullptr), 1, told_ns + 1));
  const std::uint64_t before = file.bytes();
  {
    const FullDisk full(before + 100);
    EXPECT_FALSE(file.append(encode_state(state_at(2), nullptr), 2, told_ns + 2));
  }
  EXPECT_EQ(file.bytes(), before);
  EXPECT_EQ(fs::file_size(changes(1)), before);
  ASSERT_TRUE(file.append(encode_state(state_at(3), nullptr), 3, told_ns + 3));
  EXPECT_EQ(read_generation(), 3U);
}

TEST_F(StateKeeperTest, WhatFitsInNoFileIsWrittenAsSoonAsItCan) {
  start(quick);
  tell(1);
  wait_for([this] { return base_generation() == 1; });
  keeper_.reset();
  start({.settle = hours(1), .pause_min = milliseconds(20), .pause_per_write = 1});
  tell(2);
  EXPECT_EQ(base_generation(), 1U);
  std::string said;
  {
    const FullDisk full(fs::file_size(changes(1)) + 100);  // for the state file too
    tell(3);
    said = problem();
    EXPECT_EQ(read_generation(), 2U);
  }
  EXPECT_NE(said.find("File too large"), std::string::npos) << said;
  wait_for([this] { return base_generation() == 3; });
  tell(4);
  EXPECT_EQ(read_generation(), 4U);
}

TEST_F(StateKeeperTest, WhatComesAfterAStateThatFitsInNoFileIsInFull) {
  fs::create_directories(path() + ".new");  // the state file cannot be written for as long as this takes
  start(never);
  tell(1);
  tell(2);
  {
    const FullDisk full(fs::file_size(changes(1)) + 100);
    tell(3);
    EXPECT_EQ(read_generation(), 2U);
  }
  tell(4);
  EXPECT_EQ(read_generation(), 4U);
  tell(5);
  EXPECT_EQ(read_generation(), 5U);
  EXPECT_TRUE(read().is_whole);
}

TEST_F(StateKeeperTest, MoreChangesThanItMayHaveAreWrittenAtOnce) {
  start({.settle = hours(1), .pause_min = hours(1), .changes_bytes_max = 200000});
  for (std::uint64_t generation = 1; generation <= 200; ++generation) tell(generation);
  wait_for([this] { return base_generation() > 1 && read_generation() == 200; });
  const auto left = change_files_of(path()).value();
  EXPECT_LE(left.size(), 2U);
}

TEST_F(StateKeeperTest, SaysWhyItCannotKeepAnything) {
  fs::create_directories(directory_);
  write(directory_ / "kept", "no directory");
  keeper_.emplace(path(), SavedState(), quick);
  EXPECT_NE(problem(), "");
  tell(1);
  EXPECT_NE(problem(), "");
  fs::remove(directory_ / "kept");
  wait_for([this] { return base_generation() == 1; });
}

TEST_F(StateKeeperTest, OneProcessAtATime) {
  auto lock = StateFileLock::take(path());
  ASSERT_TRUE(lock.has_value());
  const auto second = StateFileLock::take(path());
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::conflict);
  EXPECT_NE(second.error().context.find("in use by another process"), std::string::npos);
  { const auto gone = std::move(lock); }
  EXPECT_TRUE(StateFileLock::take(path()).has_value());
}

}  // namespace
}  // namespace sluice
