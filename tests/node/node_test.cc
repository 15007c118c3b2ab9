// SPDX-License-Identifier: Apache-2.0
// What nodes do together: writes from anywhere, two-phase generations, leases, membership, restarts.
#include "node.h"

#include <gtest/gtest.h>

#include "node_bed.h"

namespace sluice::node {
namespace {

std::vector<model::Operation> a_service(std::uint16_t backends = 3) {
  PoolConfig pool;
  pool.name = "web";
  pool.slots_count = 16381;
  for (std::uint16_t i = 1; i <= backends; ++i)
    pool.members.push_back({"b" + std::to_string(i), IpAddress::parse("10.0.0." + std::to_string(i)).value(), 100});
  model::ServiceRecord service;
  service.config.name = "web";
  service.config.address = IpAddress::parse("203.0.113.10").value();
  service.config.port = PortHost(80);
  service.pool = "web";
  return {model::PutPool{pool}, model::PutService{service}};
}

std::uint64_t active_of(const Node& node) {
  return node.replica().has_state() ? node.replica().state().active()->number : 0;
}

bool all_planes_at(NodeBed& bed, std::uint64_t generation) {
  for (std::size_t i = 0; i < bed.size(); ++i)
    if (bed.node(i).plane().progress().active.value() < generation) return false;
  return true;
}

TEST(Node, OneNodeIsACluster) {
  NodeBed bed(1);
  ASSERT_TRUE(bed.elect());
  const auto receipt = bed.write(0, a_service());
  ASSERT_TRUE(receipt) << receipt.error().message;
  EXPECT_EQ(receipt->generation.value(), 1U);
  EXPECT_TRUE(bed.run_until([&] { return all_planes_at(bed, 1); }));
}

TEST(Node, AWriteOnAFollowerIsSeenThereWhenItIsAnswered) {
  NodeBed bed(3);
  ASSERT_TRUE(bed.elect());
  const std::size_t follower = (*bed.leader() + 1) % 3;
  model::Change change;
  change.author = {"tester", "admin", "unix"};
  change.operations = a_service();
  std::optional<std::size_t> seen;
  bed.node(follower).write(std::move(change), [&](ApiResult<WriteReceipt> result) {
    ASSERT_TRUE(result) << result.error().message;
    seen = bed.node(follower).replica().state().pools().count("web");
  });
  ASSERT_TRUE(bed.run_until([&] { return seen.has_value(); }));
  EXPECT_EQ(*seen, 1U);
}

TEST(Node, AWriteThatIsLostOnItsWayToTheLeaderIsGivenAgain) {
  NodeBed bed(3);
  ASSERT_TRUE(bed.elect());
  const std::size_t follower = (*bed.leader() + 1) % 3;
  const raft::Term term = bed.node(follower).replica().status().term;
  model::Change change;
  change.author = {"tester", "admin", "unix"};
  change.operations = a_service();
  std::optional<WriteReceipt> receipt;
  bed.isolate(follower);
  bed.node(follower).write(std::move(change), [&](ApiResult<WriteReceipt> result) {
    ASSERT_TRUE(result) << result.error().message;
    receipt = *result;
  });
  bed.run_for(Uptime{20});  // gone, and nobody has noticed
  bed.heal();
  ASSERT_TRUE(bed.run_until([&] { return receipt.has_value(); }, Uptime{2000}));
  EXPECT_FALSE(receipt->is_repeated);
  EXPECT_EQ(bed.node(follower).replica().status().term, term);
}

TEST(Node, EveryPlaneIsToldInTwoSteps) {
  NodeBed bed(3);
  ASSERT_TRUE(bed.elect());
  ASSERT_TRUE(bed.write(0, a_service()));
  EXPECT_TRUE(bed.run_until([&] { return all_planes_at(bed, 1); }));
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_EQ(bed.host(i).published.size(), 2U);
    EXPECT_EQ(bed.host(i).published[0]->phase, StatePhase::prepared);
    EXPECT_EQ(bed.host(i).published[1]->phase, StatePhase::active);
    EXPECT_EQ(bed.host(i).published[1]->table_hash, bed.host(0).published[1]->table_hash);
  }
}

TEST(Node, RefusalsComeBackWithTheirCode) {
  NodeBed bed(3);
  ASSERT_TRUE(bed.elect());
  const std::size_t follower = (*bed.leader() + 1) % 3;
  ASSERT_TRUE(bed.write(follower, a_service()));
  const auto unknown = bed.write(follower, {model::SetWeight{"wbe", "b1", 50}});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ApiCode::not_found);
  EXPECT_NE(unknown.error().message.find("web"), std::string::npos) << unknown.error().message;
  const auto guarded = bed.write(follower, {model::DeleteBackend{"web", "b1"}, model::DeleteBackend{"web", "b2"}});
  ASSERT_FALSE(guarded);
  EXPECT_EQ(guarded.error().code, ApiCode::guard);
}

TEST(Node, NobodySwitchesBeforeEverybodyKnows) {
  NodeBed bed(3);
  ASSERT_TRUE(bed.elect());
  ASSERT_TRUE(bed.write(0, a_service()));
  ASSERT_TRUE(bed.run_until([&] { return all_planes_at(bed, 1); }));
  // One balancer no longer hears anything. It still counts until its lease is over.
  const std::size_t lost = (*bed.leader() + 1) % 3;
  bed.isolate(lost);
  const std::size_t asked = *bed.leader();
  const Uptime before = bed.now();
  ASSERT_TRUE(bed.write(asked, {model::SetWeight{"web", "b1", 10}}));
  ASSERT_TRUE(bed.run_until([&] { return bed.node(asked).plane().progress().prepared == Generation(2); }));
  EXPECT_EQ(bed.node(asked).plane().progress().active, Generation(1));
  ASSERT_TRUE(bed.run_until([&] { return active_of(bed.node(asked)) == 2; }));
  EXPECT_GE(bed.now() - before, Uptime{3000});
  EXPECT_TRUE(bed.node(lost).is_fenced());  // it had given up before
  EXPECT_TRUE(bed.host(lost).is_fenced());
  EXPECT_EQ(bed.node(asked).replica().state().laggards(), std::vector<std::uint64_t>{lost + 1});
  bed.heal();
  EXPECT_TRUE(bed.run_until([&] { return !bed.node(lost).is_fenced() && all_planes_at(bed, 2); }));
}

TEST(Node, AFencedOneComesBackWithWhatTheOthersForwardBy) {
  NodeBed bed(3);
  ASSERT_TRUE(bed.elect());
  ASSERT_TRUE(bed.write(0, a_service()));
  ASSERT_TRUE(bed.run_until([&] { return all_planes_at(bed, 1); }));
  const std::size_t lost = (*bed.leader() + 1) % 3;
  const std::size_t asked = *bed.leader();
  bed.isolate(lost);
  ASSERT_TRUE(bed.write(asked, {model::SetWeight{"web", "b1", 10}}));
  ASSERT_TRUE(bed.run_until([&] { return active_of(bed.node(asked)) == 2; }));
  bed.host(lost).plane_holds = true;
  bed.heal();
  ASSERT_TRUE(bed.run_until([&] { return active_of(bed.node(lost)) == 2; }));
  bed.run_for(Uptime{2000});
  EXPECT_TRUE(bed.node(lost).is_fenced());  // it has a lease again, and its plane has not followed
  bed.host(lost).release_plane();
  EXPECT_TRUE(bed.run_until([&] { return !bed.node(lost).is_fenced(); }));
}

TEST(Node, APlaneThatDoesNotAnswerHoldsNobodyUpForLong) {
  NodeBed bed(3);
  ASSERT_TRUE(bed.elect());
  ASSERT_TRUE(bed.write(0, a_service()));
  ASSERT_TRUE(bed.run_until([&] { return all_planes_at(bed, 1); }));
  bed.host(2).plane_answers = false;
  ASSERT_TRUE(bed.write(0, {model::SetWeight{"web", "b1", 10}}));
  EXPECT_TRUE(bed.run_until([&] { return active_of(bed.node(0)) == 2; }, Uptime{6000}));
  EXPECT_TRUE(bed.node(2).is_fenced());
}

TEST(Node, ChangesThatComeTogetherShareAGeneration) {
  NodeBed bed(3);
  ASSERT_TRUE(bed.elect());
  ASSERT_TRUE(bed.write(0, a_service(9)));
  ASSERT_TRUE(bed.run_until([&] { return all_planes_at(bed, 1); }));
  int answered = 0;
  for (std::uint16_t i = 1; i <= 9; ++i) {
    model::Change change;
    change.author = {"tester", "admin", "unix"};
    change.operations = {model::SetWeight{"web", "b" + std::to_string(i), static_cast<std::uint16_t>(50 + i)}};
    bed.node(i % 3).write(std::move(change), [&](ApiResult<WriteReceipt> result) { answered += result ? 1 : 0; });
  }
  ASSERT_TRUE(bed.run_until([&] { return answered == 9; }));
  ASSERT_TRUE(bed.run_until([&] { return !bed.node(0).replica().state().has_pending() && all_planes_at(bed, 2); }));
  EXPECT_LE(active_of(bed.node(0)), 3U);
}

// A tick may be as long as a generation takes.
TEST(Node, AChangeBehindAnotherDoesNotWaitForATick) {
  NodeBed bed(1);
  ASSERT_TRUE(bed.elect());
  ASSERT_TRUE(bed.write(0, a_service()));
  ASSERT_TRUE(bed.run_until([&] { return all_planes_at(bed, 1); }));
  bed.run_for(Uptime{50});
  const auto put = [&](std::uint16_t weight) {
    model::Change change;
    change.author = {"tester", "admin", "unix"};
    change.operations = {model::SetWeight{"web", "b1", weight}};
    bed.node(0).write(std::move(change), [](const ApiResult<WriteReceipt>&) {});
    bed.run_timers_until(bed.now());
  };
  put(50);
  EXPECT_EQ(active_of(bed.node(0)), 2U) << "at once";
  put(60);
  EXPECT_EQ(active_of(bed.node(0)), 2U);
  const Uptime rest(model::Policy{}.batch_ms);
  bed.run_timers_until(bed.now() + rest - Uptime{1});
  EXPECT_EQ(active_of(bed.node(0)), 2U);
  bed.run_timers_until(bed.now() + Uptime{1});
  EXPECT_EQ(active_of(bed.node(0)), 3U);
}

TEST(Node, WithoutAQuorumWritesAreRefusedWithinASecondAndForwardingGoesOn) {
  NodeBed bed(3);
  ASSERT_TRUE(bed.elect());
  ASSERT_TRUE(bed.write(0, a_service()));
  ASSERT_TRUE(bed.run_until([&] { return all_planes_at(bed, 1); }));
  const std::size_t alone = *bed.leader();
  bed.isolate((alone + 1) % 3);
  bed.isolate((alone + 2) % 3);
  bed.run_for(Uptime{2000});
  const Uptime asked = bed.now();
  const auto refused = bed.write(alone, {model::SetWeight{"web", "b1", 10}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ApiCode::no_leader);
  EXPECT_LE(bed.now() - asked, Uptime{1000});
  EXPECT_NE(refused.error().message.find("forwarding goes on with generation 1"), std::string::npos)
      << refused.error().message;
  EXPECT_EQ(bed.host(alone).published.size(), 2U);
}

TEST(Node, TheLeaderGoesAndAWriteGoesOn) {
  NodeBed bed(3);
  ASSERT_TRUE(bed.elect());
  ASSERT_TRUE(bed.write(0, a_service()));
  const std::size_t old_leader = *bed.leader();
  const std::size_t asked = (old_leader + 1) % 3;
  bed.isolate(old_leader);
  const auto receipt = bed.write(asked, {model::SetWeight{"web", "b1", 10}});
  // Refused at once or done by the next leader, but never lost silently.
  if (!receipt) {
    EXPECT_EQ(receipt.error().code, ApiCode::no_leader) << receipt.error().message;
  }
  ASSERT_TRUE(bed.run_until([&] { return bed.leader() && *bed.leader() != old_leader; }));
  ASSERT_TRUE(bed.write(asked, {model::SetWeight{"web", "b2", 20}}));
}

TEST(Node, AWriteWhosePlaceAnotherTookIsWrittenAgain) {
  NodeBed bed(3);
  ASSERT_TRUE(bed.elect());
  ASSERT_TRUE(bed.write(0, a_service()));
  const std::size_t old_leader = *bed.leader();
  bed.isolate(old_leader);
  model::Change change;
  change.author = {"tester", "admin", "unix"};
  change.operations = {model::SetWeight{"web", "b1", 10}};
  std::optional<std::uint16_t> weight;
  bed.node(old_leader).write(std::move(change), [&](ApiResult<WriteReceipt> result) {
    ASSERT_TRUE(result) << result.error().message;
    weight = bed.node(old_leader).replica().state().find_backend("web", "b1").value()->weight;
  });
  ASSERT_TRUE(bed.run_until([&] { return bed.leader() && *bed.leader() != old_leader; }));
  ASSERT_TRUE(bed.write(*bed.leader(), {model::SetWeight{"web", "b2", 20}}));
  bed.heal();
  ASSERT_TRUE(bed.run_until([&] { return weight.has_value(); }));
  EXPECT_EQ(*weight, 10);
}

TEST(Node, WhoIsToldThatALeaderHasGoneAsksTheNext) {
  NodeBed bed(3);
  ASSERT_TRUE(bed.elect());
  const std::size_t leader = *bed.leader();
  const std::size_t follower = (leader + 1) % 3;
  model::Change change;
  change.author = {"tester", "admin", "unix"};
  change.operations = a_service();
  std::optional<ApiResult<WriteReceipt>> answer;
  bed.isolate(follower);  // so that the first request is lost
  bed.node(follower).write(std::move(change), [&](ApiResult<WriteReceipt> result) { answer = std::move(result); });
  bed.run_for(Uptime{10});
  bed.heal();
  ForwardReply elsewhere;
  elsewhere.number = bed.host(follower).last_forward;
  elsewhere.is_elsewhere = true;
  bed.node(follower).on_node_message(bed.host(leader).id(), elsewhere);
  ASSERT_TRUE(bed.run_until([&] { return answer.has_value(); }));
  EXPECT_TRUE(*answer) << answer->error().message;
}

TEST(Node, AnAnswerWaitsUntilThisNodeHasAppliedIt) {
  NodeBed bed(3);
  ASSERT_TRUE(bed.elect());
  const std::size_t leader = *bed.leader();
  const std::size_t follower = (leader + 1) % 3;
  model::Change change;
  change.author = {"tester", "admin", "unix"};
  change.operations = a_service();
  bool is_answered = false;
  bed.isolate(follower);
  bed.node(follower).write(std::move(change), [&](const ApiResult<WriteReceipt>&) { is_answered = true; });
  bed.run_for(Uptime{10});
  // The leader says that it has applied it, as the next entry.
  ForwardReply reply;
  reply.number = 1;
  reply.index = raft::next(bed.node(follower).replica().applied_index());
  reply.outcome = model::Outcome{};
  bed.node(follower).on_node_message(bed.host(leader).id(), reply);
  EXPECT_FALSE(is_answered);
  bed.heal();
  ASSERT_TRUE(bed.write(leader, a_service()));
  EXPECT_TRUE(bed.run_until([&] { return is_answered; }));
  EXPECT_GE(bed.node(follower).replica().applied_index(), reply.index);
}

TEST(Node, AReadSeesWhatWasAcknowledged) {
  NodeBed bed(3);
  ASSERT_TRUE(bed.elect());
  const auto receipt = bed.write(0, a_service());
  ASSERT_TRUE(receipt);
  for (std::size_t i = 0; i < 3; ++i) {
    std::optional<std::uint64_t> revision;
    bed.node(i).read(Consistency::consistent, [&](ApiResult<StateView> view) {
      ASSERT_TRUE(view) << view.error().message;
      revision = view->state.revision();
    });
    ASSERT_TRUE(bed.run_until([&] { return revision.has_value(); }));
    EXPECT_GE(*revision, receipt->revision);
  }
}

TEST(Node, AReadThatNoQuorumConfirmsIsNotServed) {
  NodeBed bed(3);
  ASSERT_TRUE(bed.elect());
  const std::size_t alone = *bed.leader();
  bed.isolate(alone);
  std::optional<ApiCode> code;
  bed.node(alone).read(Consistency::consistent,
                       [&](ApiResult<StateView> view) { code = view ? ApiCode::internal : view.error().code; });
  ASSERT_TRUE(bed.run_until([&] { return code.has_value(); }));
  EXPECT_EQ(*code, ApiCode::no_leader);
}

TEST(Node, ANewBalancerIsAddedAndBecomesAVoter) {
  NodeBed bed(1);
  ASSERT_TRUE(bed.elect());
  ASSERT_TRUE(bed.write(0, a_service()));
  // More entries than the leader keeps: the newcomer needs a snapshot.
  for (std::uint16_t i = 0; i < 60; ++i)
    ASSERT_TRUE(bed.write(0, {model::SetWeight{"web", "b1", static_cast<std::uint16_t>(i + 1)}}));
  const std::size_t added = bed.add_process("lb2");
  bool is_added = false;
  bed.node(0).add_member(bed.host(added).member(),
                         [&](ApiResult<raft::LogIndex> result) { is_added = result.has_value(); });
  ASSERT_TRUE(bed.run_until([&] {
    const raft::RaftStatus status = bed.node(0).replica().status();
    return is_added && status.configuration.is_voter(bed.host(added).id());
  }));
  ASSERT_TRUE(bed.run_until([&] { return all_planes_at(bed, active_of(bed.node(0))); }));
  EXPECT_EQ(bed.node(added).replica().state().snapshot(), bed.node(0).replica().state().snapshot());
  EXPECT_EQ(bed.node(0).replica().state().balancers().count("lb2"), 1U);
}

TEST(Node, ARestartGoesOnFromDisk) {
  NodeBed bed(3);
  ASSERT_TRUE(bed.elect());
  ASSERT_TRUE(bed.write(0, a_service()));
  for (std::uint16_t i = 0; i < 30; ++i)
    ASSERT_TRUE(bed.write(0, {model::SetWeight{"web", "b1", static_cast<std::uint16_t>(i + 1)}}));
  for (std::size_t i = 0; i < 3; ++i) bed.restart(i);
  ASSERT_TRUE(bed.elect());
  const auto receipt = bed.write(1, {model::SetWeight{"web", "b1", 77}});
  ASSERT_TRUE(receipt) << receipt.error().message;
  EXPECT_EQ(bed.node(1).replica().state().find_backend("web", "b1").value()->weight, 77);
}

TEST(Node, WaitLiveTellsHowManyPlanesAreThere) {
  NodeBed bed(3);
  ASSERT_TRUE(bed.elect());
  const std::size_t follower = (*bed.leader() + 1) % 3;
  const auto receipt = bed.write(follower, a_service());
  ASSERT_TRUE(receipt);
  std::optional<LiveProgress> live;
  bed.node(follower).wait_live(receipt->generation, Uptime{5000}, {}, [&](ApiResult<LiveProgress> result) {
    live = result ? std::optional(*result) : std::nullopt;
  });
  const Uptime asked = bed.now();
  ASSERT_TRUE(bed.run_until([&] { return live.has_value(); }));
  EXPECT_EQ(live->live, 3U);
  EXPECT_EQ(live->planes, 3U);
  EXPECT_LE(bed.now() - asked, Uptime{100});  // told at once, not with the next report
}

TEST(Node, WaitLiveDoesNotWaitForAPlaneWithoutALease) {
  NodeBed bed(3);
  ASSERT_TRUE(bed.elect());
  ASSERT_TRUE(bed.write(0, a_service()));
  ASSERT_TRUE(bed.run_until([&] { return all_planes_at(bed, 1); }));
  const std::size_t asked = *bed.leader();
  bed.isolate((asked + 1) % 3);
  const auto receipt = bed.write(asked, {model::SetWeight{"web", "b1", 10}});
  ASSERT_TRUE(receipt);
  std::optional<ApiResult<LiveProgress>> live;
  bed.node(asked).wait_live(receipt->generation, Uptime{10000}, {},
                            [&](ApiResult<LiveProgress> result) { live = std::move(result); });
  ASSERT_TRUE(bed.run_until([&] { return live.has_value(); }));
  ASSERT_TRUE(*live) << live->error().message;
  EXPECT_EQ((*live)->live, 2U);
  EXPECT_EQ((*live)->planes, 3U);
}

TEST(Node, EventsSayWhatHappened) {
  NodeBed bed(1);
  std::vector<std::string> kinds;
  const auto feed = bed.node(0).subscribe_events(0, {[&](const Event& event) { kinds.push_back(event.kind); }, {}});
  ASSERT_TRUE(bed.elect());
  ASSERT_TRUE(bed.write(0, a_service()));
  ASSERT_TRUE(bed.run_until([&] { return all_planes_at(bed, 1); }));
  for (const char* kind : {"leader", "write", "generation"})
    EXPECT_NE(std::find(kinds.begin(), kinds.end(), kind), kinds.end()) << kind;
}

}  // namespace
}  // namespace sluice::node
