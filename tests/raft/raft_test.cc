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

}  // namespace
}  // namespace sluice::raft
