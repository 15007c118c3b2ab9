// SPDX-License-Identifier: Apache-2.0
// The publisher against the decoder that a plane uses: it has told all in as few bytes as the plane's knowledge allows.
#include "plane_publisher.h"

#include <fmt/format.h>

#include "state_fixture.h"

namespace sluice {
namespace {

using testing::filled_column;
using testing::small_state;

// A plane as far as a publisher can tell.
class FakePlane {
 public:
  std::string take(const PlanePublisher::Request& request) {
    EXPECT_EQ(request.line, fmt::format("{{\"op\":\"publish\",\"bytes\":{}}}\n", request.payload.size()));
    bytes_ += request.payload.size();
    ++requests_;
    Result<DecodedState> decoded = decode_state(request.payload, state ? &*state : nullptr);
    if (!decoded) return R"({"ok":false,"error":"no","exit_code":2})";
    if (!decoded->need.empty()) {
      std::string names;
      for (const std::string& name : decoded->need) names += (names.empty() ? "\"" : ",\"") + name + '"';
      return R"({"ok":true,"need":[)" + names + "]}";
    }
    state = decoded->state;
    return fmt::format(R"({{"ok":true,"generation":{},"phase":"{}","table_hash":"{}","image_generation":3}})",
                       state->generation, to_text(state->phase), hash_text(state->table_hash));
  }
  // Until the publisher has nothing to say. Gives {requests, bytes}.
  std::pair<int, std::size_t> talk(PlanePublisher& publisher) {
    requests_ = 0;
    bytes_ = 0;
    while (const auto request = publisher.next()) {
      EXPECT_FALSE(publisher.next().has_value());
      EXPECT_TRUE(publisher.answered(take(*request)));
    }
    return {requests_, bytes_};
  }
  std::optional<ForwardingState> state;

 private:
  int requests_ = 0;
  std::size_t bytes_ = 0;
};

ForwardingState with_weight(ForwardingState state, std::uint16_t weight) {
  StatePool pool = *state.pools[0];
  pool.members[0].weight = weight;
  pool.column = filled_column(pool);
  state.pools[0] = make_state_pool(std::move(pool)).value();
  ++state.generation;
  return state;
}

TEST(PlanePublisher, TellsANewPlaneEverythingAndThenWhatChanges) {
  PlanePublisher publisher;
  FakePlane plane;
  EXPECT_FALSE(publisher.next().has_value());
  publisher.want(small_state());
  const auto [first_requests, first_bytes] = plane.talk(publisher);
  EXPECT_EQ(first_requests, 2);  // it might have had all of it
  EXPECT_GT(first_bytes, 3U * 32000);
  EXPECT_EQ(publisher.live(), (PlanePublisher::Live{7, StatePhase::active, 0x1122334455667788}));
  publisher.want(with_weight(small_state(), 50));
  const auto [requests, bytes] = plane.talk(publisher);
  EXPECT_EQ(requests, 1);
  EXPECT_LT(bytes, 34000U);
  EXPECT_EQ(plane.state->generation, 8U);
  EXPECT_EQ(plane.state->pools[0]->members[0].weight, 50);
}

TEST(PlanePublisher, APlaneThatHasItAllIsToldInFewBytes) {
  FakePlane plane;
  plane.state = small_state();
  PlanePublisher publisher;
  publisher.want(small_state());
  const auto [requests, bytes] = plane.talk(publisher);
  EXPECT_EQ(requests, 1);
  EXPECT_LT(bytes, 200U);
}

TEST(PlanePublisher, APlaneThatHasLostSomethingGetsIt) {
  FakePlane plane;
  PlanePublisher publisher;
  publisher.want(small_state());
  plane.talk(publisher);
  plane.state = with_weight(small_state(), 1);
  publisher.disconnected();
  EXPECT_FALSE(publisher.live());
  const auto [requests, bytes] = plane.talk(publisher);
  EXPECT_EQ(requests, 2);
  EXPECT_LT(bytes, 40000U);
  EXPECT_EQ(plane.state->pools[0]->digest, small_state().pools[0]->digest);
}

TEST(PlanePublisher, APlaneThatForgetsWhileItAsksIsToldInFull) {
  FakePlane plane;
  PlanePublisher publisher;
  publisher.want(small_state());
  ASSERT_TRUE(publisher.answered(plane.take(*publisher.next())).has_value());
  const auto second = publisher.next();
  ASSERT_TRUE(publisher.answered(R"({"ok":true,"need":["pool1"]})").has_value());
  const auto third = publisher.next();
  ASSERT_TRUE(third);
  EXPECT_TRUE(decode_state(third->payload, nullptr).value().need.empty());
  EXPECT_FALSE(publisher.answered(R"({"ok":true,"need":["pool1"]})").has_value());
  EXPECT_FALSE(publisher.next().has_value());
}

TEST(PlanePublisher, OnlyTheLastOfManyIsSent) {
  FakePlane plane;
  PlanePublisher publisher;
  publisher.want(small_state());
  plane.talk(publisher);
  publisher.want(with_weight(small_state(), 10));
  const auto request = publisher.next();
  publisher.want(with_weight(with_weight(small_state(), 20), 30));
  publisher.want(with_weight(with_weight(with_weight(small_state(), 20), 30), 40));
  EXPECT_FALSE(publisher.next().has_value());
  ASSERT_TRUE(publisher.answered(plane.take(*request)).has_value());
  EXPECT_EQ(publisher.live()->generation, 8U);
  EXPECT_EQ(plane.talk(publisher).first, 1);
  EXPECT_EQ(publisher.live()->generation, 10U);
}

TEST(PlanePublisher, ARefusalStaysUntilSomethingChanges) {
  PlanePublisher publisher;
  publisher.want(small_state());
  ASSERT_TRUE(publisher.next());
  const Status refused = publisher.answered(R"({"ok":false,"error":"out of room","exit_code":1})");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().context, "the plane refused: out of room");
  EXPECT_FALSE(publisher.next());
  publisher.disconnected();
  EXPECT_TRUE(publisher.next());
  EXPECT_FALSE(publisher.live());
}

TEST(PlanePublisher, AnAnswerAboutSomethingElseIsNone) {
  for (const char* answer : {"", "[]", "{}", R"({"ok":true})",
                             R"({"ok":true,"generation":6,"phase":"active","table_hash":"1122334455667788"})",
                             R"({"ok":true,"generation":7,"phase":"prepared","table_hash":"1122334455667788"})",
                             R"({"ok":true,"generation":7,"phase":"active","table_hash":"1122334455667789"})",
                             R"({"ok":true,"generation":"7","phase":"active","table_hash":"1122334455667788"})",
                             R"({"ok":true,"need":7})"}) {
    PlanePublisher publisher;
    publisher.want(small_state());
    ASSERT_TRUE(publisher.next());
    EXPECT_FALSE(publisher.answered(answer)) << answer;
    EXPECT_FALSE(publisher.live());
  }
  PlanePublisher publisher;
  EXPECT_FALSE(publisher.answered("{}"));
}

}  // namespace
}  // namespace sluice
