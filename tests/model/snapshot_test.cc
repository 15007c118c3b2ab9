// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "byte_codec.h"
#include "model_values.h"
#include "siphash.h"

namespace sluice::model {
namespace {

using namespace test;

std::string with_checksum(std::string bytes) {
  bytes.resize(bytes.size() - 8);
  ByteWriter out;
  out.put_raw(bytes);
  out.put(siphash24(sip_key("sluice-snapsh-01"), out.view()));
  return out.take();
}

ErrorCode refusal_of(const std::string& bytes) {
  const Result<ClusterState> state = ClusterState::restore(bytes);
  return state ? ErrorCode::internal : state.error().code;
}

TEST(Snapshot, KeepsEverything) {
  ClusterState state = small_cluster();
  Change asked = change({SetWeight{"web", "b1", 50}});
  asked.request_id = {1};
  asked.comment = "why";
  const Outcome first = applied(state, asked);
  applied(state, Prepare{2});
  applied(state, {DeleteBackend{"web", "b2"}});
  ClusterState again = ClusterState::restore(state.snapshot()).value();
  EXPECT_EQ(again.cluster_id(), "c0ffee");
  EXPECT_EQ(again.name(), "test");
  EXPECT_EQ(again.hash_key(), state.hash_key());
  EXPECT_EQ(again.applied_index(), state.applied_index());
  EXPECT_EQ(again.revision(), state.revision());
  EXPECT_EQ(again.policy(), state.policy());
  EXPECT_EQ(again.balancers(), state.balancers());
  EXPECT_EQ(again.audit(), state.audit());
  EXPECT_EQ(again.audit_head(), state.audit_head());
  EXPECT_EQ(again.history().back().comment, "");
  EXPECT_EQ(again.history().at(2).comment, "why");
  EXPECT_EQ(again.prepared()->number, 2u);
  EXPECT_EQ(again.prepared()->table_hash, state.prepared()->table_hash);
  EXPECT_TRUE(again.has_pending());
  EXPECT_EQ(again.services_of_pool("web"), std::vector<std::string>{"www"});
  Outcome repeated = applied(again, asked);
  EXPECT_TRUE(repeated.is_repeated);
  repeated.is_repeated = false;
  EXPECT_EQ(repeated, first);
}

TEST(Snapshot, KeepsWhatWaits) {
  ClusterState state = small_cluster();
  applied(state, {DeleteService{"www"}});
  EXPECT_TRUE(ClusterState::restore(state.snapshot()).value().has_pending()) << "services";
  next_generation(state);
  EXPECT_FALSE(ClusterState::restore(state.snapshot()).value().has_pending());
  applied(state, {SetWeight{"web", "b1", 1}});
  EXPECT_TRUE(ClusterState::restore(state.snapshot()).value().has_pending()) << "pools";
}

// A backend that came by a PREPARE and went with its pool leaves nothing behind.
TEST(Snapshot, BackendNumbersAreThoseOfTheTables) {
  ClusterState state = small_cluster();
  applied(state, {PutBackend{"spare", backend("s2", "10.0.2.12")}});
  next_generation(state);
  Change change_of_mind = change({DeletePool{"spare"}});
  change_of_mind.force = true;
  ASSERT_TRUE(applied(state, change_of_mind).ok());
  next_generation(state);
  const Result<ClusterState> again = ClusterState::restore(state.snapshot());
  EXPECT_TRUE(again.has_value()) << again.error().context;
}

TEST(Snapshot, UnchangedPoolsAreSharedAgain) {
  ClusterState state = small_cluster();
  applied(state, {SetWeight{"web", "b1", 50}});
  applied(state, Prepare{2});
  const ClusterState again = ClusterState::restore(state.snapshot()).value();
  EXPECT_EQ(again.active()->pools.at("spare"), again.prepared()->pools.at("spare"));
  EXPECT_NE(again.active()->pools.at("web"), again.prepared()->pools.at("web"));
}

TEST(Snapshot, NewerOnesAreNamedAndDamagedOnesRefused) {
  const std::string bytes = small_cluster().snapshot();
  std::string newer = bytes;
  newer[8] = 2;
  EXPECT_EQ(refusal_of(newer), ErrorCode::unsupported);
  EXPECT_NE(ClusterState::restore(newer).error().context.find("format 2"), std::string::npos);
  EXPECT_EQ(refusal_of(""), ErrorCode::invalid_argument);
  EXPECT_EQ(refusal_of("SLUICEST"), ErrorCode::invalid_argument);
  EXPECT_EQ(refusal_of(std::string(1000, 'x')), ErrorCode::invalid_argument);
  EXPECT_EQ(refusal_of(bytes.substr(0, bytes.size() - 1)), ErrorCode::invalid_argument);
  for (std::size_t at = 12; at < bytes.size(); at += 7) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 16);
    EXPECT_EQ(refusal_of(damaged), ErrorCode::invalid_argument) << at;
  }
}

// What a checksum does not see: a program that writes something else. Whatever is taken must work.
TEST(Snapshot, DamageBehindAGoodChecksumIsRefusedOrHarmless) {
  ClusterState state = small_cluster();
  applied(state, {SetWeight{"web", "b1", 50}, DeleteBackend{"web", "b2"}});
  applied(state, Prepare{2});
  const std::string bytes = state.snapshot();
  for (std::size_t at = 12; at + 8 < bytes.size(); at += at < 4000 ? 5 : 499) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    Result<ClusterState> taken = ClusterState::restore(with_checksum(damaged));
    if (!taken) continue;
    static_cast<void>(taken->snapshot());
    applied(*taken, {SetWeight{"web", "b1", 51}});
    applied(*taken, Activate{2, {}});
  }
}

TEST(Snapshot, AFeatureLevelThatIsNotUnderstoodIsRefused) {
  ClusterState state = small_cluster();
  applied(state, {PutBalancer{{"lb1", 11, "", 2}}, PutBalancer{{"lb2", 12, "", 2}}, PutBalancer{{"lb3", 13, "", 2}}});
  ASSERT_TRUE(applied(state, SetFeatureLevel{2}).ok());
  EXPECT_EQ(refusal_of(state.snapshot()), ErrorCode::unsupported);
}

}  // namespace
}  // namespace sluice::model
