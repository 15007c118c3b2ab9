// SPDX-License-Identifier: Apache-2.0
// States there and back as bytes, whole and by what has changed; what is refused; the model of a state against the
// model of a file that says the same.
#include "forwarding_state.h"

#include <random>

#include "state_codec.h"
#include "state_fixture.h"
#include "state_model.h"
#include "static_model.h"
#include "test_seed.h"

namespace sluice {
namespace {

using testing::filled_column;
using testing::small_state;
using testing::state_member;
using testing::state_plane;
using testing::state_pool;
using testing::state_service;

DecodedState decoded(std::string_view bytes, const ForwardingState* known = nullptr) {
  Result<DecodedState> result = decode_state(bytes, known);
  EXPECT_TRUE(result.has_value()) << result.error().context;
  return result ? *result : DecodedState{};
}

// With previous owners, a remembered member and an empty pool.
ForwardingState rich_state() {
  ForwardingState state = small_state();
  StatePool pool = *state.pools[1];
  pool.encapsulation = Encapsulation::gue;
  pool.chain = true;
  pool.members[2].present = false;
  auto column = std::make_shared<SlotColumn>(*pool.column);
  column->digest = 0;
  for (std::uint32_t slot = 0; slot < 1000; slot += 3) {
    const auto owner = column->owners[slot];
    column->past.push_back(
        {SlotIndex(slot), {static_cast<std::uint16_t>((owner + 1) % 3), SLUICE_MEMBER_NONE, SLUICE_MEMBER_NONE}});
  }
  pool.column = column;
  state.pools[1] = make_state_pool(std::move(pool)).value();
  StatePool empty = state_pool("empty", 100, 2);
  empty.column = nullptr;
  state.pools.push_back(make_state_pool(std::move(empty)).value());
  state.phase = StatePhase::prepared;
  return state;
}

TEST(ForwardingState, ComesBackAsItWas) {
  const ForwardingState state = rich_state();
  const std::string bytes = encode_state(state, nullptr);
  const DecodedState back = decoded(bytes);
  ASSERT_TRUE(back.need.empty());
  EXPECT_EQ(back.state.generation, 7U);
  EXPECT_EQ(back.state.phase, StatePhase::prepared);
  EXPECT_EQ(back.state.hash_key, state.hash_key);
  ASSERT_EQ(back.state.pools.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(back.state.pools[i]->digest, state.pools[i]->digest);
  EXPECT_EQ(back.state.pools[1]->members, state.pools[1]->members);
  EXPECT_EQ(back.state.services->list, state.services->list);
  EXPECT_EQ(encode_state(back.state, nullptr), bytes);
}

TEST(ForwardingState, WhatIsKnownIsNamedOnlyAndStaysTheVeryObject) {
  const ForwardingState before = rich_state();
  ForwardingState after = before;
  after.generation = 8;
  StatePool changed = *before.pools[0];
  changed.members[0].weight = 50;
  changed.column = filled_column(changed);
  after.pools[0] = make_state_pool(changed).value();
  const std::string bytes = encode_state(after, &before);
  EXPECT_LT(bytes.size(), 35000U);
  const DecodedState back = decoded(bytes, &before);
  ASSERT_TRUE(back.need.empty());
  EXPECT_EQ(back.state.pools[0]->digest, after.pools[0]->digest);
  EXPECT_EQ(back.state.pools[1], before.pools[1]);
  EXPECT_EQ(back.state.services, before.services);
}

TEST(ForwardingState, WhatIsNotKnownIsAskedFor) {
  const ForwardingState before = small_state();
  ForwardingState other = before;
  StatePool changed = *before.pools[2];
  changed.mtu = 1400;
  other.pools[2] = make_state_pool(changed).value();
  other.services = make_state_services({state_service("one", 80, 0)});
  const std::string bytes = encode_state(before, &before);
  EXPECT_EQ(decoded(bytes, &other).need, (std::vector<std::string>{"pool2", std::string(services_need_name)}));
  EXPECT_EQ(decoded(bytes, nullptr).need.size(), 4U);
}

TEST(ForwardingState, ADigestIsOfEverything) {
  const StatePool pool = state_pool("web", 0, 3);
  const std::uint64_t digest = make_state_pool(pool).value()->digest;
  std::vector<StatePool> others(9, pool);
  others[0].name = "wed";
  others[1].encapsulation = Encapsulation::gue;
  others[2].gue_port = PortHost(1);
  others[3].mtu = 1400;
  others[4].chain = true;
  others[5].members[0].weight = 1;
  others[6].members[0].present = false;
  others[7].members[0].backend_id = 9;
  auto column = std::make_shared<SlotColumn>(*pool.column);
  column->digest = 0;
  column->owners[16380] = static_cast<std::uint16_t>((column->owners[16380] + 1) % 3);
  others[8].column = column;
  for (const StatePool& other : others) EXPECT_NE(make_state_pool(other).value()->digest, digest);
}

TEST(ForwardingState, CutOrLengthenedBytesAreRefused) {
  ForwardingState state = small_state(1);
  const std::string bytes = encode_state(state, nullptr);
  for (std::size_t length = 0; length < bytes.size(); length += 1 + length / 50)
    EXPECT_FALSE(decode_state(std::string_view(bytes).substr(0, length), nullptr).has_value()) << length;
  EXPECT_FALSE(decode_state(bytes + '\0', nullptr).has_value());
}

TEST(ForwardingState, AChangedByteIsAnErrorOrAnotherGoodState) {
  std::mt19937_64 random(testing::seed());
  const std::string bytes = encode_state(rich_state(), nullptr);
  for (int i = 0; i < 2000; ++i) {
    std::string wrong = bytes;
    // Where the structure is, more often than in the tables.
    const std::size_t bound = i % 2 == 0 ? 400 : wrong.size();
    wrong[random() % bound] = static_cast<char>(random());
    const Result<DecodedState> result = decode_state(wrong, nullptr);
    if (!result || !result->need.empty()) continue;
    EXPECT_TRUE(check_state(result->state).has_value());
    EXPECT_EQ(encode_state(result->state, nullptr), wrong);
  }
}

TEST(ForwardingState, PoolsThatMeanNothingAreRefused) {
  const StatePool good = state_pool("web", 0, 3);
  const auto refused = [&](auto change) {
    StatePool pool = good;
    auto column = std::make_shared<SlotColumn>(*good.column);
    column->digest = 0;
    change(pool, *column);
    pool.column = column;
    return !make_state_pool(std::move(pool)).has_value();
  };
  const auto past = [](SlotColumn& column, std::uint32_t slot, std::array<std::uint16_t, 3> members) {
    column.past.push_back({SlotIndex(slot), members});
  };
  EXPECT_FALSE(refused([](StatePool&, SlotColumn&) {}));
  EXPECT_TRUE(refused([](StatePool& pool, SlotColumn&) { pool.name = "a b"; }));
  EXPECT_TRUE(refused([](StatePool& pool, SlotColumn&) { pool.slots_count = 65537; }));
  EXPECT_TRUE(refused([](StatePool& pool, SlotColumn&) { pool.mtu = 100; }));
  EXPECT_TRUE(refused([](StatePool& pool, SlotColumn&) { pool.gue_port = PortHost(0); }));
  EXPECT_TRUE(refused([](StatePool& pool, SlotColumn&) { pool.members[1].name = pool.members[0].name; }));
  EXPECT_TRUE(refused([](StatePool& pool, SlotColumn&) { pool.members[1].address = pool.members[0].address; }));
  EXPECT_TRUE(refused([](StatePool& pool, SlotColumn&) { pool.members[1].address = IpAddress(); }));
  EXPECT_TRUE(refused([](StatePool&, SlotColumn& column) { column.owners[5] = 3; }));
  EXPECT_TRUE(refused([](StatePool&, SlotColumn& column) { column.owners.pop_back(); }));
  EXPECT_TRUE(refused([&](StatePool&, SlotColumn& column) { past(column, 16381, {1, 0x7fff, 0x7fff}); }));
  EXPECT_TRUE(refused([&](StatePool&, SlotColumn& column) { past(column, 0, {0x7fff, 0x7fff, 0x7fff}); }));
  EXPECT_TRUE(refused([&](StatePool&, SlotColumn& column) { past(column, 0, {column.owners[0], 0x7fff, 0x7fff}); }));
  EXPECT_TRUE(refused([&](StatePool&, SlotColumn& column) { past(column, 0, {7, 0x7fff, 0x7fff}); }));
  EXPECT_TRUE(refused([&](StatePool&, SlotColumn& column) {
    past(column, 4, {static_cast<std::uint16_t>((column.owners[4] + 1) % 3), 0x7fff, 0x7fff});
    past(column, 4, {static_cast<std::uint16_t>((column.owners[4] + 1) % 3), 0x7fff, 0x7fff});
  }));
}

TEST(ForwardingState, PoolsAndServicesThatContradictEachOtherAreRefused) {
  const auto refused = [](auto change) {
    ForwardingState state = small_state();
    change(state);
    const bool is_refused = !check_state(state).has_value();
    // A shortcut through what has been checked must not find otherwise.
    EXPECT_EQ(!decode_state(encode_state(state, nullptr), nullptr).has_value(), is_refused);
    const ForwardingState good = small_state();
    EXPECT_EQ(!check_change(state, &good).has_value(), is_refused);
    return is_refused;
  };
  const auto replace_pool = [](ForwardingState& state, std::size_t i, auto change) {
    StatePool pool = *state.pools[i];
    change(pool);
    state.pools[i] = make_state_pool(std::move(pool)).value();
  };
  EXPECT_FALSE(refused([](ForwardingState&) {}));
  EXPECT_TRUE(refused([](ForwardingState& state) { state.generation = 0; }));
  EXPECT_TRUE(
      refused([&](ForwardingState& state) { replace_pool(state, 1, [](StatePool& pool) { pool.name = "pool0"; }); }));
  EXPECT_TRUE(refused([&](ForwardingState& state) {
    replace_pool(state, 1, [](StatePool& pool) {
      pool.members[0] = state_member(0);
      pool.mtu = 1400;
    });
  }));
  EXPECT_TRUE(refused([&](ForwardingState& state) {
    replace_pool(state, 1, [](StatePool& pool) {
      pool.members[0] = state_member(0);
      pool.members[0].backend_id = 77;
    });
  }));
  EXPECT_FALSE(refused([&](ForwardingState& state) {
    replace_pool(state, 1, [](StatePool& pool) { pool.members[0] = state_member(0); });
  }));
  EXPECT_TRUE(refused([&](ForwardingState& state) {
    replace_pool(state, 1, [](StatePool& pool) {
      pool.members[0].address = IpAddress::from_v4_bytes({203, 0, 113, 10});
    });
  }));
  const auto with_services = [](std::vector<ServiceConfig> services) {
    return [services](ForwardingState& state) { state.services = make_state_services(services); };
  };
  EXPECT_TRUE(refused(with_services({state_service("a", 80, 3)})));
  EXPECT_TRUE(refused(with_services({state_service("a", 80, 0), state_service("a", 81, 0)})));
  EXPECT_TRUE(refused(with_services({state_service("a", 80, 0), state_service("b", 80, 0)})));
  ServiceConfig fragments = state_service("a", 80, 0);
  fragments.fragments = true;
  ServiceConfig other = state_service("b", 81, 1);
  other.fragments = true;
  EXPECT_TRUE(refused(with_services({fragments, other})));
  EXPECT_FALSE(refused(with_services({fragments, state_service("b", 81, 1)})));
  ServiceConfig over_v6 = state_service("a", 80, 0);
  over_v6.address = IpAddress::parse("2001:db8::1").value();
  EXPECT_FALSE(refused(with_services({over_v6})));
  EXPECT_TRUE(refused([&](ForwardingState& state) {
    with_services({over_v6})(state);
    replace_pool(state, 0, [](StatePool& pool) { pool.encapsulation = Encapsulation::l2; });
  }));
  EXPECT_TRUE(refused([&](ForwardingState& state) {
    with_services({over_v6})(state);
    replace_pool(state, 0, [](StatePool& pool) { pool.mtu = 1299; });
  }));
}

TEST(ForwardingState, ADenseTableLeavesOutFreeIds) {
  SlotTable table = SlotTable::make({.slots_count = 16381, .owners_max = 4}).value();
  const auto step = [&table](std::vector<SlotMember> members) { ASSERT_TRUE(table.step(members).has_value()); };
  step({{"a", 1}, {"b", 1}, {"c", 1}});
  step({{"b", 1}, {"c", 1}});
  ASSERT_TRUE(table.forget("a").has_value());
  step({{"b", 1}, {"c", 3}});
  const DenseTable dense = dense_table_of(table);
  ASSERT_EQ(dense.ids.size(), 2U);
  EXPECT_EQ(table.members()[dense.ids[0]].identity, "b");
  ASSERT_EQ(dense.column->owners.size(), 16381U);
  for (std::uint32_t slot = 0; slot < 16381; ++slot)
    ASSERT_EQ(dense.ids[dense.column->owners[slot]], table.owners()[slot]);
  const std::vector<UnstableSlot> unstable = table.unstable();
  ASSERT_EQ(dense.column->past.size(), unstable.size());
  ASSERT_GT(unstable.size(), 1000U);
  for (std::size_t i = 0; i < unstable.size(); ++i) {
    ASSERT_EQ(dense.column->past[i].slot.value(), unstable[i].slot);
    ASSERT_EQ(dense.ids[dense.column->past[i].members[0]], unstable[i].owners[1]);
  }
  step({});
  EXPECT_TRUE(dense_table_of(table).column->owners.empty());
}

void expect_equal(const ForwardingModel& a, const ForwardingModel& b) {
  EXPECT_EQ(a.hash_secret, b.hash_secret);
  EXPECT_EQ(a.backends.items(), b.backends.items());
  ASSERT_EQ(a.pools.size(), b.pools.size());
  for (std::size_t i = 0; i < a.pools.size(); ++i) {
    EXPECT_EQ(a.pools[i].name, b.pools[i].name);
    EXPECT_EQ(a.pools[i].members.items(), b.pools[i].members.items());
    EXPECT_EQ(a.pools[i].member_names.items(), b.pools[i].member_names.items());
    EXPECT_EQ(a.pools[i].slots.items(), b.pools[i].slots.items());
    EXPECT_EQ(a.pools[i].past.size(), b.pools[i].past.size());
    EXPECT_EQ(a.pools[i].chain, b.pools[i].chain);
  }
  ASSERT_EQ(a.services.size(), b.services.size());
  for (std::size_t i = 0; i < a.services.size(); ++i) {
    EXPECT_EQ(a.services[i].name, b.services[i].name);
    EXPECT_EQ(a.services[i].key, b.services[i].key);
    EXPECT_EQ(a.services[i].pool, b.services[i].pool);
    EXPECT_EQ(a.services[i].track, b.services[i].track);
  }
  EXPECT_EQ(a.flows_per_worker, b.flows_per_worker);
  EXPECT_EQ(a.inserts_per_tick, b.inserts_per_tick);
  EXPECT_EQ(a.icmp_per_tick, b.icmp_per_tick);
}

TEST(StateModel, IsThatOfAFileThatSaysTheSame) {
  ForwardingState state = small_state();
  for (SharedPool& pool : state.pools) {
    StatePool same = *pool;
    for (StateMember& member : same.members) member.backend_id = 0;
    pool = make_state_pool(same).value();
  }
  const Config config = config_of(state, state_plane(), RememberedMembers::left_out);
  const ConfigOutcome parsed = parse_config(print_config(config), "state.toml");
  ASSERT_TRUE(parsed.ok()) << errors_text(parsed);
  expect_equal(forwarding_model_of(state, state_plane(), nullptr).value(), forwarding_model_of(*parsed.config).value());
}

TEST(StateModel, AChainLeavesRoomForItself) {
  ForwardingState state = rich_state();
  const ForwardingModel model = forwarding_model_of(state, state_plane(), nullptr).value();
  EXPECT_TRUE(model.pools[1].chain);
  EXPECT_EQ(model.backends[model.pools[1].members[0]].inner_mtu, 1500 - 20 - 8 - 4 - 20);
  EXPECT_EQ(model.backends[model.pools[0].members[0]].inner_mtu, 1500 - 20);
}

TEST(StateModel, NeedsASourceOfItsOwn) {
  PlaneConfig plane = state_plane();
  plane.source_ipv4.reset();
  EXPECT_EQ(forwarding_model_of(small_state(), plane, nullptr).error().code, ErrorCode::conflict);
  plane.source_ipv4 = IpAddress::from_v4_bytes({203, 0, 113, 10});
  EXPECT_EQ(forwarding_model_of(small_state(), plane, nullptr).error().code, ErrorCode::conflict);
}

TEST(StateModel, WithTheOneBeforeIsTheSameAsWithout) {
  std::mt19937_64 random(testing::seed());
  const auto below = [&random](std::uint32_t bound) { return static_cast<std::uint32_t>(random() % bound); };
  ForwardingState state = small_state(5);
  PlaneConfig plane = state_plane();
  ForwardingModel model = forwarding_model_of(state, plane, nullptr).value();
  for (int i = 0; i < 200; ++i) {
    ForwardingState next = state;
    PlaneConfig next_plane = plane;
    StatePool pool = *next.pools[below(5)];
    switch (below(6)) {
      case 0:
        pool.members[0].weight = static_cast<std::uint16_t>(below(100) + 1);
        pool.column = filled_column(pool);
        break;
      case 1:
        pool.members.push_back(state_member(1000 + static_cast<std::uint32_t>(i)));
        pool.column = filled_column(pool);
        break;
      case 2:
        if (pool.members.size() > 1) pool.members.erase(pool.members.begin());
        pool.column = filled_column(pool);
        break;
      case 3:
        next_plane.source_ipv4 = IpAddress::from_v4_bytes({10, 0, 0, static_cast<std::uint8_t>(1 + below(3))});
        break;
      case 4:
        next.services = make_state_services({state_service("one", 80, below(5)), state_service("two", 81, below(5))});
        break;
      default:
        pool.mtu = static_cast<std::uint16_t>(1400 + below(100));
    }
    for (SharedPool& one : next.pools)
      if (one->name == pool.name) one = make_state_pool(pool).value();
    if (below(4) == 0) std::swap(next.pools[0], next.pools[1]);
    const ModelBefore before{state, plane, model};
    ForwardingModel made = forwarding_model_of(next, next_plane, &before).value();
    ASSERT_NO_FATAL_FAILURE(expect_equal(made, forwarding_model_of(next, next_plane, nullptr).value())) << i;
    state = std::move(next);
    plane = std::move(next_plane);
    model = std::move(made);
  }
}

}  // namespace
}  // namespace sluice
