// SPDX-License-Identifier: Apache-2.0
#include "raft_membership.h"

#include <gtest/gtest.h>

#include "raft_quorum.h"

namespace sluice::raft {
namespace {

Configuration voters(std::uint64_t count) {
  Configuration configuration;
  for (std::uint64_t id = 1; id <= count; ++id)
    configuration.members.push_back({NodeId(10 * id), MemberRole::voter, "", ""});
  return configuration;
}

TEST(RaftMembership, StepByStep) {
  const Configuration start = voters(2);
  const Configuration more = with_learner(start, {NodeId(15), MemberRole::voter, "n", "a"}).value();
  ASSERT_EQ(more.members.size(), 3U);
  EXPECT_EQ(more.members[1], (Member{NodeId(15), MemberRole::learner, "n", "a"}));
  EXPECT_TRUE(is_well_formed(more));
  EXPECT_TRUE(with_promoted(more, NodeId(15)).value().is_voter(NodeId(15)));
  const Configuration less = without(more, NodeId(20)).value();
  EXPECT_EQ(less.removed, std::vector<NodeId>{NodeId(20)});
  EXPECT_TRUE(is_well_formed(less));
  EXPECT_EQ(with_learner(less, {NodeId(20), MemberRole::learner, "", ""}).error().code, ErrorCode::conflict);
  EXPECT_EQ(without(less, NodeId(10)).error().code, ErrorCode::conflict) << "the learner cannot decide alone";
  EXPECT_EQ(without(less, NodeId(15)).value().removed, (std::vector<NodeId>{NodeId(15), NodeId(20)}));
}

TEST(RaftMembership, HalfIsNoMajority) {
  for (std::uint64_t size = 1; size <= 7; ++size) {
    const Configuration configuration = voters(size);
    for (std::uint64_t yes = 0; yes <= size; ++yes) {
      const bool is_majority = 2 * yes > size;
      EXPECT_EQ(reached_by_majority(configuration, [&](NodeId id) -> std::uint64_t { return id.value() <= 10 * yes; }),
                is_majority ? 1U : 0U);
      Votes votes;
      for (std::uint64_t id = 1; id <= size; ++id) votes.record(NodeId(10 * id), id <= yes);
      EXPECT_EQ(votes.result(configuration), is_majority ? VoteResult::won : VoteResult::lost);
    }
  }
  EXPECT_EQ(reached_by_majority({}, [](NodeId) -> std::uint64_t { return 9; }), 0U);
}

TEST(RaftMembership, VotesAreCountedOnceAndOfVotersOnly) {
  Configuration configuration = voters(3);
  configuration.members[2].role = MemberRole::learner;
  configuration.members.push_back({NodeId(40), MemberRole::voter, "", ""});
  Votes votes;
  votes.record(NodeId(10), true);
  votes.record(NodeId(30), true);  // learner
  votes.record(NodeId(99), true);  // nobody
  votes.record(NodeId(20), false);
  votes.record(NodeId(20), true);
  EXPECT_EQ(votes.result(configuration), VoteResult::pending);
  votes.record(NodeId(40), true);
  EXPECT_EQ(votes.result(configuration), VoteResult::won);
}

TEST(RaftMembership, TheHistoryKnowsWhatWasInForceWhere) {
  ConfigurationHistory history;
  history.add(LogIndex(3), voters(1));
  history.add(LogIndex(5), voters(2));
  history.add(LogIndex(9), voters(3));
  EXPECT_EQ(history.at(LogIndex(2)), Configuration());
  EXPECT_EQ(history.at(LogIndex(5)), voters(2));
  EXPECT_EQ(history.at(LogIndex(8)), voters(2));
  history.forget_before(LogIndex(6));
  EXPECT_EQ(history.at(LogIndex(6)), voters(2));
  history.truncate_from(LogIndex(9));
  EXPECT_EQ(history.newest().index, LogIndex(5));
  history.restart(LogIndex(20), voters(4));
  EXPECT_EQ(history.newest().configuration, voters(4));
}

}  // namespace
}  // namespace sluice::raft
