// SPDX-License-Identifier: Apache-2.0
#include "board.h"

#include <gtest/gtest.h>

namespace sluice::node {
namespace {

const std::vector<raft::NodeId> three = {raft::NodeId(1), raft::NodeId(2), raft::NodeId(3)};

enum class Kind : std::uint8_t { forwards, fenced, without_plane };

NodeReport report(std::uint64_t active, Kind kind) {
  NodeReport made;
  made.progress = {kind != Kind::without_plane, Generation(active), Generation(active)};
  made.is_fenced = kind == Kind::fenced;
  return made;
}

TEST(Board, FencedPlanesAreNotCountedWhileOthersForward) {
  Board board{GenerationDriver::Options{}};
  board.heard_report(raft::NodeId(1), report(7, Kind::forwards), Uptime(0));
  board.heard_report(raft::NodeId(2), report(6, Kind::fenced), Uptime(0));
  board.heard_report(raft::NodeId(3), report(0, Kind::without_plane), Uptime(0));
  EXPECT_EQ(board.live_progress(Generation(7), three, Uptime{10}).planes, 1U);
  EXPECT_EQ(board.live_progress(Generation(7), three, Uptime{10}).live, 1U);
}

TEST(Board, WithAllFencedTheyAreWhoForwards) {
  Board board{GenerationDriver::Options{}};
  for (const raft::NodeId node : three) board.heard_report(node, report(6, Kind::fenced), Uptime(0));
  EXPECT_EQ(board.live_progress(Generation(7), three, Uptime{10}).planes, 3U);
  EXPECT_EQ(board.live_progress(Generation(7), three, Uptime{10}).live, 0U);
  EXPECT_EQ(board.live_progress(Generation(6), three, Uptime{10}).live, 3U);
}

}  // namespace
}  // namespace sluice::node
