// SPDX-License-Identifier: Apache-2.0
// Who may forward: what the simulation found (docs/simulation.md), each by itself.
#include <gtest/gtest.h>

#include "board.h"
#include "node_bed.h"

namespace sluice::node {
namespace {

constexpr std::uint64_t first_sequence = 1000;

NodeReport a_report() {
  NodeReport report;
  report.progress.has_plane = true;
  report.is_plane_live = true;
  return report;
}

model::Change a_pool() {
  PoolConfig pool;
  pool.name = "web";
  pool.slots_count = 16381;
  for (int i = 1; i <= 3; ++i)
    pool.members.push_back({"b" + std::to_string(i), IpAddress::parse("10.0.0." + std::to_string(i)).value(), 100});
  model::Change change;
  change.author = {"tester", "admin", "unix"};
  change.operations = {model::PutPool{pool}};
  return change;
}

bool is_live_everywhere(NodeBed& bed, std::uint64_t generation) {
  for (std::size_t i = 0; i < bed.size(); ++i)
    if (bed.node(i).plane().progress().active != Generation(generation) || bed.node(i).is_fenced()) return false;
  return true;
}

TEST(Fence, OnlyAnAnswerToThisLifeGrantsALease) {
  Board board(GenerationDriver::Options{}, first_sequence);
  const auto sent = board.own_report(a_report(), Uptime{100});
  ASSERT_TRUE(sent);
  EXPECT_GT(sent->sequence, first_sequence);
  board.heard_reply({first_sequence - 7, true, Generation(9), {}}, Uptime{110});
  EXPECT_FALSE(board.is_lease_held(Uptime{110}));
  EXPECT_FALSE(board.leader_active());
  board.heard_reply({sent->sequence, false, Generation(9), {}}, Uptime{110});
  EXPECT_FALSE(board.is_lease_held(Uptime{110}));
  board.heard_reply({sent->sequence, true, Generation(9), {}}, Uptime{110});
  EXPECT_TRUE(board.is_lease_held(Uptime{110}));
  // An older answer that comes late takes nothing back.
  board.heard_reply({sent->sequence, true, Generation(8), {}}, Uptime{120});
  EXPECT_EQ(board.leader_active(), Generation(9));
}

TEST(Fence, RequestsOfTwoLivesHaveNoNumberInCommon) {
  NodeBed bed(3);
  ASSERT_TRUE(bed.elect());
  const std::size_t follower = (*bed.leader() + 1) % 3;
  bed.isolate(follower);
  bed.node(follower).write(a_pool(), [](const ApiResult<WriteReceipt>&) {});
  const std::uint64_t before = bed.host(follower).last_forward;
  ASSERT_NE(before, 0U);
  bed.heal();
  bed.restart(follower);
  ASSERT_TRUE(bed.run_until([&] { return bed.node(follower).replica().status().leader != raft::NodeId{}; }));
  bool is_answered = false;
  bed.isolate(follower);
  bed.node(follower).write(a_pool(), [&](const ApiResult<WriteReceipt>&) { is_answered = true; });
  EXPECT_NE(bed.host(follower).last_forward, before);
  ForwardReply late;
  late.number = before;
  late.code = ErrorCode::conflict;
  late.reason = "the answer to something else";
  bed.node(follower).on_node_message(bed.host(*bed.leader()).id(), late);
  EXPECT_FALSE(is_answered);
}

// The entry that takes it in may be lost with the leader, and no other leader would wait for it.
TEST(Fence, WhoIsNotTakenInForGoodGetsNoLease) {
  NodeBed bed(2);
  ASSERT_TRUE(bed.elect());
  const std::size_t leader = *bed.leader();
  bed.isolate(1 - leader);
  const std::size_t added = bed.add_process("lb3");
  bed.node(leader).add_member(bed.host(added).member(), [](const ApiResult<raft::LogIndex>&) {});
  ASSERT_TRUE(bed.run_until([&] { return bed.node(added).replica().has_state(); }, Uptime{100}));
  for (int i = 0; i < 10 && bed.node(leader).replica().is_leader(); ++i) {
    bed.run_for(Uptime{10});
    EXPECT_TRUE(bed.host(added).is_fenced());
  }
  bed.heal();
  EXPECT_TRUE(bed.run_until([&] { return !bed.host(added).is_fenced(); }));
}

TEST(Fence, ALeaderThatRemovesItselfGrantsItselfNothing) {
  NodeBed bed(2);
  ASSERT_TRUE(bed.elect());
  ASSERT_TRUE(bed.write(0, a_pool().operations));
  ASSERT_TRUE(bed.run_until([&] { return is_live_everywhere(bed, 1); }));
  const std::size_t leader = *bed.leader();
  const Uptime before = bed.host(leader).unfenced_until;
  ASSERT_TRUE(bed.run_until([&] { return bed.host(leader).unfenced_until > before; }));
  bed.run_for(Board::report_interval - Uptime{50});
  bed.isolate(1 - leader);
  bed.node(leader).remove_member(bed.host(leader).member().name, [](const ApiResult<raft::LogIndex>&) {});
  const Uptime granted = bed.host(leader).unfenced_until;
  bed.run_for(Uptime{100});  // a report would have been due, and no follower has been missed yet
  ASSERT_TRUE(bed.node(leader).replica().is_leader());
  EXPECT_EQ(bed.host(leader).unfenced_until, granted);
}

// Its log may have said so before, by an entry that was lost; since then whoever was to go has led, and counted.
TEST(Fence, WhoGoesIsWaitedForFromWhenThatIsCommitted) {
  NodeBed bed(3);
  ASSERT_TRUE(bed.elect());
  ASSERT_TRUE(bed.write(0, a_pool().operations));
  ASSERT_TRUE(bed.run_until([&] { return is_live_everywhere(bed, 1); }));
  const std::size_t first = *bed.leader();
  const std::size_t stays = (first + 1) % 3;
  const std::size_t goes = (first + 2) % 3;
  const auto ignore = [](const ApiResult<raft::LogIndex>&) {};
  const auto lead = [&](std::size_t next) {
    bed.node(*bed.leader()).transfer_leadership(bed.host(next).member().name, ignore);
    return bed.run_until([&] { return bed.leader() == next; });
  };
  bed.isolate(first);
  bed.node(first).remove_member(bed.host(goes).member().name, ignore);
  ASSERT_TRUE(bed.run_until([&] { return bed.leader().has_value() && *bed.leader() != first; }));
  ASSERT_TRUE(bed.leader() == goes || lead(goes));
  bed.run_for(Uptime{6000});
  ASSERT_FALSE(bed.host(goes).is_fenced());
  bed.node(goes).remove_member(bed.host(goes).member().name, ignore);
  bed.run_for(Uptime{20});
  bed.heal();
  bed.isolate(goes);
  ASSERT_TRUE(bed.run_until([&] { return bed.leader() == stays; }));
  ASSERT_TRUE(lead(first));
  ASSERT_FALSE(bed.host(goes).is_fenced()) << "or nothing is seen here";
  model::Change change = a_pool();
  change.operations = {model::SetWeight{"web", "b1", 7}};
  bed.node(first).write(std::move(change), [](const ApiResult<WriteReceipt>&) {});
  ASSERT_TRUE(bed.run_until([&] {
    EXPECT_TRUE(bed.node(first).replica().state().active()->number < 2 || bed.host(goes).is_fenced());
    return bed.node(first).replica().state().active()->number >= 2;
  }));
}

TEST(Fence, APlaneThatComesBackWithLessIsFencedUntilItHasCaughtUp) {
  NodeBed bed(3);
  ASSERT_TRUE(bed.elect());
  ASSERT_TRUE(bed.write(0, a_pool().operations));
  ASSERT_TRUE(bed.run_until([&] { return is_live_everywhere(bed, 1); }));
  ASSERT_TRUE(bed.write(0, {model::SetWeight{"web", "b1", 10}}));
  ASSERT_TRUE(bed.run_until([&] { return is_live_everywhere(bed, 2); }));
  Node& node = bed.node(2);
  bed.host(2).plane_holds = true;
  node.on_plane_lost();
  node.on_plane_connected("test", Generation(1), StatePhase::active);
  EXPECT_TRUE(bed.host(2).is_fenced());
  bed.host(2).release_plane();
  EXPECT_TRUE(bed.run_until([&] { return !bed.host(2).is_fenced(); }));
  EXPECT_EQ(node.plane().progress().active, Generation(2));
}

TEST(Fence, ASluicedThatHasJustStartedLeavesTheLeaseOfTheOneBefore) {
  NodeBed bed(3);
  ASSERT_TRUE(bed.elect());
  ASSERT_TRUE(bed.write(0, a_pool().operations));
  ASSERT_TRUE(bed.run_until([&] { return is_live_everywhere(bed, 1); }));
  const std::size_t restarted = (*bed.leader() + 1) % 3;
  bed.isolate(restarted);
  const Uptime before = bed.host(restarted).unfenced_until;
  ASSERT_GT(before, bed.now());
  bed.restart(restarted);
  bed.run_for(Uptime{100});
  EXPECT_TRUE(bed.node(restarted).is_fenced());  // it has been granted nothing
  EXPECT_EQ(bed.host(restarted).unfenced_until, before);
  bed.heal();
  EXPECT_TRUE(bed.run_until([&] { return bed.host(restarted).unfenced_until > before; }));
}

TEST(Fence, ALeaderThatStoodStillGrantsItselfNothing) {
  NodeBed bed(3);
  ASSERT_TRUE(bed.elect());
  ASSERT_TRUE(bed.write(0, a_pool().operations));
  ASSERT_TRUE(bed.run_until([&] { return is_live_everywhere(bed, 1); }));
  const std::size_t old_leader = *bed.leader();
  bed.stop(old_leader);
  ASSERT_TRUE(bed.run_until([&] { return bed.leader().has_value(); }));
  const std::size_t asked = *bed.leader();
  ASSERT_TRUE(bed.write(asked, {model::SetWeight{"web", "b1", 10}}));
  ASSERT_TRUE(bed.run_until([&] { return bed.node(asked).plane().progress().active == Generation(2); }));
  bed.isolate(old_leader);
  bed.go_on(old_leader);
  bed.run_for(Uptime{10});
  ASSERT_TRUE(bed.node(old_leader).replica().is_leader());  // as far as it knows
  EXPECT_TRUE(bed.node(old_leader).is_fenced());
  bed.run_for(Uptime{1000});
  EXPECT_TRUE(bed.node(old_leader).is_fenced());
  bed.heal();
  EXPECT_TRUE(bed.run_until([&] { return is_live_everywhere(bed, 2); }));
}

}  // namespace
}  // namespace sluice::node
