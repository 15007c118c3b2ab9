// SPDX-License-Identifier: Apache-2.0
// What a plane has acknowledged is there for the next process, whenever this one is killed: what is read beside a
// living keeper is what a killed one would have left.
#include "state_keeper.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "state_file.h"
#include "state_fixture.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;
using testing::small_state;

constexpr KeeperPace quick{
    .settle = std::chrono::milliseconds(20), .pause_min = std::chrono::milliseconds(20), .pause_per_write = 1};

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

class StateKeeperTest : public ::testing::Test {
 protected:
  void SetUp() override { fs::remove_all(directory_); }
  void TearDown() override { fs::remove_all(directory_); }

  void start() {
    const auto saved = read();
    keeper_.emplace(path(), saved ? std::optional(saved->state) : std::nullopt, quick);
  }
  // Tells a state by what is different from the one before.
  void tell(const ForwardingState& state) {
    keeper_->keep(state, encode_state(state, told_ ? &*told_ : nullptr));
    told_ = state;
  }
  void tell(std::uint64_t generation) { tell(state_at(generation)); }
  // One pool has another weight each time, the others stay.
  static ForwardingState state_at(std::uint64_t generation) {
    ForwardingState state = small_state();
    state.generation = generation;
    StatePool pool = *state.pools[1];
    pool.members[0].weight = static_cast<std::uint16_t>(generation);
    state.pools[1] = make_state_pool(std::move(pool)).value();
    return state;
  }
  std::optional<SavedState> read() { return read_state_file(path()).value(); }
  // 0: nothing. The whole state must be the one that was told as this generation.
  std::uint64_t read_generation() {
    const auto saved = read();
    if (!saved) return 0;
    const std::uint64_t generation = saved->state.generation;
    EXPECT_EQ(encode_state(saved->state, nullptr), encode_state(state_at(generation), nullptr));
    return generation;
  }
  std::string problem() {
    std::optional<std::string> found;
    for (int i = 0; i < 10000 && !found; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      found = keeper_->take_problem();
    }
    return found.value_or("");
  }
  [[nodiscard]] std::string path() const { return directory_ / "kept" / "state"; }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(directory_ / "kept")) found.push_back(entry.path().filename());
    std::sort(found.begin(), found.end());
    return found;
  }
  [[nodiscard]] std::string only_change_file() const {
    const auto numbers = change_files_of(path());
    EXPECT_EQ(numbers.size(), 1U);
    return path() + ".changes-" + std::to_string(numbers.back());
  }

  fs::path directory_ = fs::temp_directory_path() / ("sluice_state_keeper_" + std::to_string(getpid()));
  std::optional<StateKeeper> keeper_;
  std::optional<ForwardingState> told_;
};

TEST_F(StateKeeperTest, EveryStateIsThereOnceItIsKept) {
  start();
  EXPECT_EQ(read_generation(), 0U);
  // Until the state file has been written ten times beside it: through every step of that.
  std::string base;
  std::uint64_t generation = 0;
  for (int written = 0; written < 10;) {
    ASSERT_LT(generation, 100000U);
    tell(++generation);
    ASSERT_EQ(read_generation(), generation);
    const std::string now = content_of(path());
    if (now != base) ++written;
    base = now;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_GT(generation, 20U);
  keeper_.reset();
  EXPECT_EQ(read_generation(), generation);
  EXPECT_EQ(names(), std::vector<std::string>{"state"});
}

TEST_F(StateKeeperTest, WhatAKilledOneLeftGoesOn) {
  start();
  tell(1);
  tell(2);
  const std::string left = content_of(only_change_file());
  keeper_.reset();
  // As if it had been killed before the state file was written for the first time.
  fs::remove(path());
  write(path() + ".changes-7", left);
  EXPECT_EQ(read_generation(), 2U);
  start();
  tell(3);
  EXPECT_EQ(read_generation(), 3U);
  keeper_.reset();
  EXPECT_EQ(read_generation(), 3U);
  EXPECT_EQ(names(), std::vector<std::string>{"state"});
}

TEST_F(StateKeeperTest, ChangesThatTheStateFileHasAlready) {
  start();
  for (std::uint64_t generation = 1; generation <= 5; ++generation) tell(generation);
  const std::string left = content_of(only_change_file());
  keeper_.reset();
  // As if it had been killed before it could remove them.
  write(path() + ".changes-1", left);
  EXPECT_EQ(read_generation(), 5U);
  // Of another time that the host ran, and perhaps not all of it is on the disk.
  write(path() + ".changes-1", "x" + left.substr(1, left.size() / 2));
  EXPECT_EQ(read_generation(), 5U);
  EXPECT_TRUE(read()->is_whole);
}

TEST_F(StateKeeperTest, NothingIsMadeOfATornOrDamagedEnd) {
  start();
  tell(1);
  const std::string file = only_change_file();
  const std::size_t first = content_of(file).size();
  tell(2);
  const std::string whole = content_of(file);
  keeper_.reset();
  fs::remove(path());
  for (std::size_t cut = first; cut < whole.size(); cut += 1 + cut % 7) {
    write(file, whole.substr(0, cut));
    ASSERT_EQ(read_generation(), 1U) << cut;
    ASSERT_EQ(read()->is_whole, cut == first) << cut;
    std::string damaged = whole;
    damaged[cut] = static_cast<char>(damaged[cut] ^ 16);
    write(file, damaged);
    ASSERT_EQ(read_generation(), 1U) << cut;
    ASSERT_FALSE(read()->is_whole) << cut;
  }
  // A process that was killed within its last record: the next one's records stand in a file of their own.
  write(file, whole.substr(0, whole.size() - 1));
  told_ = state_at(1);
  start();
  tell(3);
  EXPECT_EQ(read_generation(), 3U);
}

TEST_F(StateKeeperTest, ChangesCarryWhatTheStateFileDoesNotTake) {
  fs::create_directories(path() + ".new");
  start();
  tell(1);
  EXPECT_NE(problem().find("cannot make " + path() + ".new"), std::string::npos);
  tell(2);
  EXPECT_NE(problem(), "");
  EXPECT_EQ(read_generation(), 2U);
  fs::remove(path() + ".new");
  tell(3);
  keeper_.reset();
  EXPECT_EQ(read_generation(), 3U);
  EXPECT_FALSE(content_of(path()).empty());
}

TEST_F(StateKeeperTest, SaysWhyItCannotKeepAnything) {
  fs::create_directories(directory_);
  write(directory_ / "kept", "no directory");
  keeper_.emplace(path(), std::nullopt, quick);
  EXPECT_NE(problem().find("cannot make " + path() + ".changes-1"), std::string::npos);
  tell(1);
  EXPECT_NE(problem().find("cannot make " + path()), std::string::npos);
  fs::remove(directory_ / "kept");
  tell(2);
  keeper_.reset();
  EXPECT_EQ(read_generation(), 2U);
}

}  // namespace
}  // namespace sluice
