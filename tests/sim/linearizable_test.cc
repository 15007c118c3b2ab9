// SPDX-License-Identifier: Apache-2.0
#include "linearizable.h"

#include <gtest/gtest.h>

#include <array>

#include "test_random.h"
#include "test_seed.h"

namespace sluice::sim {
namespace {

using Kind = OperationKind;
using Open = std::optional<std::uint64_t>;

Operation read(std::uint64_t called, std::uint64_t returned, RegisterValue found) {
  return {.kind = Kind::read, .called = called, .returned = returned, .found = found};
}
Operation write(std::uint64_t called, Open returned, RegisterValue written) {
  return {.kind = Kind::write, .written = written, .called = called, .returned = returned};
}
Operation swap(std::uint64_t called, Open returned, RegisterValue expected, RegisterValue written,
               RegisterValue found) {
  return {.kind = Kind::compare_and_set,
          .expected = expected,
          .written = written,
          .called = called,
          .returned = returned,
          .found = found};
}
Verdict verdict_of(const std::vector<Operation>& operations) {
  return judge(operations).verdict;
}
constexpr auto good = Verdict::linearizable;
constexpr auto bad = Verdict::not_linearizable;

TEST(Linearizable, NothingAndOneAfterTheOther) {
  EXPECT_EQ(verdict_of({}), good);
  EXPECT_EQ(verdict_of({read(1, 2, 0)}), good);
  EXPECT_EQ(verdict_of({read(1, 2, 7)}), bad);
  EXPECT_EQ(verdict_of({write(1, 2, 7), read(3, 4, 7)}), good);
}

TEST(Linearizable, StaleRead) {
  EXPECT_EQ(verdict_of({write(1, 2, 7), read(3, 4, 0)}), bad);
  EXPECT_EQ(verdict_of({write(1, 2, 7), write(3, 4, 8), read(5, 6, 7)}), bad);
  // Concurrent with the write: either value is right.
  EXPECT_EQ(verdict_of({write(1, 4, 7), read(2, 3, 0)}), good);
  EXPECT_EQ(verdict_of({write(1, 4, 7), read(2, 3, 7)}), good);
}

TEST(Linearizable, ReadsDoNotGoBack) {
  EXPECT_EQ(verdict_of({write(1, 10, 7), read(2, 3, 7), read(4, 5, 0)}), bad);
  EXPECT_EQ(verdict_of({write(1, 10, 7), read(2, 3, 0), read(4, 5, 7)}), good);
}

TEST(Linearizable, LostWrite) {
  EXPECT_EQ(verdict_of({write(1, 2, 7), swap(3, 4, 7, 8, 7), read(5, 6, 7)}), bad);
  EXPECT_EQ(verdict_of({write(1, 2, 7), swap(3, 4, 7, 8, 7), read(5, 6, 8)}), good);
}

TEST(Linearizable, WriteTwice) {
  // 7 comes back after 8 was read.
  EXPECT_EQ(verdict_of({write(1, 2, 7), write(3, 4, 8), read(5, 6, 8), read(7, 8, 7)}), bad);
}

TEST(Linearizable, CompareAndSet) {
  EXPECT_EQ(verdict_of({swap(1, 2, 0, 5, 0), swap(3, 4, 0, 6, 5), read(5, 6, 5)}), good);
  // Both won from the same value.
  EXPECT_EQ(verdict_of({swap(1, 4, 0, 5, 0), swap(2, 3, 0, 6, 0)}), bad);
  // Lost, and names a value that never was.
  EXPECT_EQ(verdict_of({swap(1, 2, 3, 6, 9)}), bad);
}

TEST(Linearizable, OpenOnesMayHappenLateOrNever) {
  EXPECT_EQ(verdict_of({write(1, {}, 7), read(2, 3, 0), read(4, 5, 7)}), good);
  EXPECT_EQ(verdict_of({write(1, {}, 7), read(2, 3, 0), read(4, 5, 0)}), good);
  EXPECT_EQ(verdict_of({write(1, {}, 7), read(2, 3, 7), read(4, 5, 0)}), bad);
  EXPECT_EQ(verdict_of({swap(1, {}, 0, 7, 0), write(2, 3, 8), read(4, 5, 7)}), bad);
  // Not before it was called.
  EXPECT_EQ(verdict_of({read(1, 2, 7), write(3, {}, 7)}), bad);
  // An open one that nobody saw is needed by another that somebody saw.
  EXPECT_EQ(verdict_of({swap(1, {}, 0, 7, 0), swap(2, {}, 7, 8, 0), read(3, 4, 8)}), good);
}

TEST(Linearizable, SaysWhatItCannotExplain) {
  const std::vector<Operation> history = {write(1, 2, 7), write(3, 4, 8), read(5, 6, 7), read(7, 8, 8)};
  const Judgement judgement = judge(history);
  ASSERT_EQ(judgement.verdict, bad);
  EXPECT_EQ(judgement.unexplained->called, 5);
  EXPECT_NE(text_of(judgement).find("no order explains client 0 [5, 6] read: found 7"), std::string::npos);
}

TEST(Linearizable, GivesUpRatherThanRunForEver) {
  std::vector<Operation> operations;
  for (RegisterValue value = 1; value <= 30; ++value) operations.push_back(write(value, 1000 + value, value));
  operations.push_back(read(2000, 2001, 99));
  EXPECT_EQ(judge(operations, 10'000).verdict, Verdict::undecided);
}

// A register that is right by construction: every operation takes effect at a random moment between call and return.
std::vector<Operation> right_history(Random& random, std::uint32_t count) {
  std::vector<Operation> operations;
  std::array<std::uint64_t, 4> free_at{};
  RegisterValue value = 0;
  std::uint64_t effect = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t client = random.below(free_at.size());
    effect = std::max(effect, free_at[client]) + 2 + random.below(20);
    Operation operation{.client = client};
    operation.called =
        effect - random.below(static_cast<std::uint32_t>(std::min<std::uint64_t>(effect - free_at[client], 30)));
    operation.returned = effect + random.below(30);
    operation.kind = random.one_of({Kind::read, Kind::write, Kind::compare_and_set});
    operation.written = i + 1;
    operation.expected = random.percent(60) ? value : random.below(count);
    operation.found = value;
    if (operation.kind == Kind::write || (operation.kind == Kind::compare_and_set && operation.expected == value))
      value = operation.written;
    free_at[client] = *operation.returned + 1;
    // Never learnt; what it did stays.
    if (operation.kind != Kind::read && random.percent(8)) operation.returned.reset();
    operations.push_back(operation);
  }
  return operations;
}

TEST(Linearizable, RandomHistoriesOfARightRegister) {
  Random random(testing::seed());
  for (int round = 0; round < 300; ++round) {
    const std::vector<Operation> history = right_history(random, 120);
    const Judgement judgement = judge(history);
    ASSERT_EQ(judgement.verdict, good) << text_of(judgement);
  }
}

TEST(Linearizable, OneStaleReadInARandomHistory) {
  Random random(testing::seed());
  for (int round = 0; round < 300; ++round) {
    std::vector<Operation> history = right_history(random, 120);
    const std::uint64_t end = 1'000'000;
    history.push_back(write(end, end + 1, 777));
    history.push_back(write(end + 2, end + 3, 778));
    history.push_back(read(end + 4, end + 5, 777));
    ASSERT_EQ(verdict_of(history), bad);
  }
}

}  // namespace
}  // namespace sluice::sim
