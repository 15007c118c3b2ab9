// SPDX-License-Identifier: Apache-2.0
// Balancers that get on with each other.
#include "peers.h"

#include <gtest/gtest.h>

#include "peer_connection.h"
#include "peer_site.h"

namespace sluice::io {
namespace {

constexpr raft::NodeId one{1};
constexpr raft::NodeId two{2};
constexpr raft::NodeId three{3};

struct Pair {
  TestAuthority authority;
  PeerSite site;
  std::unique_ptr<TestNode> a = site.start(1, authority.files_of(1));
  std::unique_ptr<TestNode> b = site.start(2, authority.files_of(2));

  void know_each_other() {
    const raft::Configuration configuration = members({{1, a.get()}, {2, b.get()}});
    a->peers->set_members(configuration, Strangers::refuse);
    b->peers->set_members(configuration, Strangers::refuse);
    ASSERT_TRUE(site.wait_until([&] { return a->is_linked_with(2) && b->is_linked_with(1); }));
  }
};

TEST(Peers, ThreeExchange) {
  TestAuthority authority;
  PeerSite site;
  std::vector<std::unique_ptr<TestNode>> nodes;
  for (std::uint64_t id = 1; id <= 3; ++id) nodes.push_back(site.start(id, authority.files_of(id)));
  const raft::Configuration configuration = members({{1, nodes[0].get()}, {2, nodes[1].get()}, {3, nodes[2].get()}});
  for (const auto& node : nodes) node->peers->set_members(configuration, Strangers::refuse);
  ASSERT_TRUE(site.wait_until([&] {
    return nodes[0]->is_linked_with(2) && nodes[0]->is_linked_with(3) && nodes[1]->is_linked_with(1) &&
           nodes[1]->is_linked_with(3) && nodes[2]->is_linked_with(1) && nodes[2]->is_linked_with(2);
  }));
  constexpr int count = 500;
  for (int i = 0; i < count; ++i) {
    EXPECT_EQ(nodes[0]->peers->send(two, Channel::control, FrameType::raft, "m" + std::to_string(i)),
              Peers::Sent::queued);
    EXPECT_EQ(nodes[2]->peers->send(two, Channel::control, FrameType::node, ""), Peers::Sent::queued);
  }
  const std::string large(3U << 20, 'x');
  EXPECT_EQ(nodes[1]->peers->send(one, Channel::bulk, FrameType::raft, large), Peers::Sent::queued);
  ASSERT_TRUE(site.wait_until([&] { return nodes[1]->heard.size() == 2 * count && nodes[0]->heard.size() == 1; }));
  int next = 0;
  for (const TestNode::Heard& heard : nodes[1]->heard) {
    if (heard.from == one) {
      EXPECT_EQ(heard, (TestNode::Heard{one, FrameType::raft, "m" + std::to_string(next++)}));
    } else {
      EXPECT_EQ(heard, (TestNode::Heard{three, FrameType::node, ""}));
    }
  }
  EXPECT_EQ(next, count);
  EXPECT_EQ(nodes[0]->heard[0], (TestNode::Heard{two, FrameType::raft, large}));
  EXPECT_EQ(nodes[0]->status_of(3).feature_level, 3);
  EXPECT_EQ(nodes[0]->status_of(3).version, SLUICE_VERSION);
  EXPECT_EQ(nodes[0]->peers->send(raft::NodeId(9), Channel::control, FrameType::raft, "x"), Peers::Sent::dropped);
}

// A snapshot on its way does not stand before a heartbeat.
TEST(Peers, BulkDoesNotHoldUpControl) {
  Pair pair;
  pair.know_each_other();
  const std::string large(1U << 20, 'x');
  for (int i = 0; i < 7; ++i) {
    ASSERT_EQ(pair.a->peers->send(two, Channel::bulk, FrameType::raft, large), Peers::Sent::queued);
  }
  ASSERT_EQ(pair.a->peers->send(two, Channel::control, FrameType::raft, "heartbeat"), Peers::Sent::queued);
  ASSERT_TRUE(pair.site.wait_until([&] { return pair.b->heard.size() == 8; }));
  EXPECT_NE(pair.b->heard.back().bytes, "heartbeat");
}

TEST(Peers, Reconnects) {
  Pair pair;
  pair.know_each_other();
  const std::string address = pair.b->address;
  for (int round = 0; round < 3; ++round) {
    pair.b.reset();
    ASSERT_TRUE(pair.site.wait_until([&] { return !pair.a->status_of(2).channels[0].is_connected; }));
    EXPECT_EQ(pair.a->peers->send(two, Channel::control, FrameType::raft, "to nobody"), Peers::Sent::dropped);
    PeerSite::Start start;
    start.listen = address;
    pair.b = pair.site.start(2, pair.authority.files_of(2), start);
    pair.know_each_other();
    pair.a->peers->send(two, Channel::control, FrameType::raft, "again");
    ASSERT_TRUE(pair.site.wait_until([&] { return !pair.b->heard.empty(); }));
    EXPECT_EQ(pair.b->heard[0].bytes, "again");
  }
}

TEST(Peers, AddressChanges) {
  Pair pair;
  pair.know_each_other();
  pair.b.reset();
  pair.b = pair.site.start(2, pair.authority.files_of(2));
  pair.know_each_other();
}

// The leader knows the node that joins; the node knows nobody, and answers.
TEST(Peers, JoiningNodeAnswersWhoItDoesNotKnow) {
  Pair pair;
  pair.b->peers->set_members({}, Strangers::accept);
  pair.a->peers->set_members(members({{1, pair.a.get()}, {2, pair.b.get()}}), Strangers::refuse);
  ASSERT_TRUE(pair.site.wait_until([&] { return pair.a->is_linked_with(2) && pair.b->is_linked_with(1); }));
  EXPECT_FALSE(pair.b->status_of(1).is_member);
  EXPECT_EQ(pair.b->peers->send(one, Channel::control, FrameType::raft, "here"), Peers::Sent::queued);
  ASSERT_TRUE(pair.site.wait_until([&] { return !pair.a->heard.empty(); }));
  // Told the configuration, it has a member for a guest, over the same connections.
  pair.b->peers->set_members(members({{1, pair.a.get()}, {2, pair.b.get()}}), Strangers::refuse);
  EXPECT_TRUE(pair.b->status_of(1).is_member);
  EXPECT_TRUE(pair.b->is_linked_with(1));
}

TEST(Peers, GuestsAreForgottenWhenTheyGo) {
  Pair pair;
  pair.b->peers->set_members({}, Strangers::accept);
  pair.a->peers->set_members(members({{1, pair.a.get()}, {2, pair.b.get()}}), Strangers::refuse);
  ASSERT_TRUE(pair.site.wait_until([&] { return pair.b->is_linked_with(1); }));
  pair.a.reset();
  EXPECT_TRUE(pair.site.wait_until([&] { return pair.b->peers->status().empty(); }));
}

TEST(Peers, StrangersAndRemovedAreRefused) {
  Pair pair;
  pair.b->peers->set_members({}, Strangers::refuse);
  const raft::Configuration both = members({{1, pair.a.get()}, {2, pair.b.get()}});
  pair.a->peers->set_members(both, Strangers::refuse);
  ASSERT_TRUE(pair.site.wait_until([&] { return !pair.a->status_of(2).channels[0].problem.empty(); }));
  EXPECT_NE(pair.a->status_of(2).channels[0].problem.find("not a member"), std::string::npos)
      << pair.a->status_of(2).channels[0].problem;
  raft::Configuration removed;
  removed.removed = {one};
  pair.b->peers->set_members(removed, Strangers::accept);
  ASSERT_TRUE(pair.site.wait_until(
      [&] { return pair.a->status_of(2).channels[0].problem.find("was removed") != std::string::npos; }));
  EXPECT_GT(pair.b->peers->statistics().refused_identity, 0U);
  EXPECT_TRUE(pair.b->peers->status().empty());
}

TEST(Peers, RemovalEndsConnections) {
  Pair pair;
  pair.know_each_other();
  raft::Configuration configuration = members({{2, pair.b.get()}});
  configuration.removed = {one};
  pair.b->peers->set_members(configuration, Strangers::accept);
  EXPECT_TRUE(pair.b->peers->status().empty());
  ASSERT_TRUE(pair.site.wait_until([&] { return !pair.a->status_of(2).channels[0].is_connected; }));
  pair.a->peers->send(two, Channel::control, FrameType::raft, "still here");
  pair.site.run_for(std::chrono::milliseconds(200));
  EXPECT_TRUE(pair.b->heard.empty());
}

TEST(Peers, OwnFilesAreChecked) {
  TestAuthority authority;
  TestAuthority other("c2");
  PeerSite site;
  const auto fails = [&](const PeerFiles& files) {
    PeersOptions options;
    options.cluster_id = "c1";
    options.self = one;
    options.listen_address = "127.0.0.1:0";
    options.files = files;
    const auto made = Peers::create(site.context, options, {});
    return made ? std::string() : made.error().context;
  };
  const PeerFiles good = authority.files_of(1);
  EXPECT_EQ(fails(good), "");
  EXPECT_NE(fails(authority.files_of(2)).find("node/0000000000000002's"), std::string::npos);
  EXPECT_NE(fails(other.files_of(1)).find("sluice://c2"), std::string::npos);
  EXPECT_NE(fails(authority.client_files("alice")).find("role/admin"), std::string::npos);
  EXPECT_NE(fails({other.ca_file(), good.certificate, good.key}).find("would not believe"), std::string::npos);
  EXPECT_NE(fails({good.ca, good.certificate, authority.files_of(3).key}).find("is not the key of"), std::string::npos);
  EXPECT_NE(fails({good.ca, good.certificate, "/nowhere"}), "");
  const CertTime long_ago =
      std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) - std::chrono::days(9);
  EXPECT_NE(fails(authority.files_of(1, long_ago, std::chrono::days(5))).find("expired"), std::string::npos);
}

TEST(Peers, CertificatesAreReloaded) {
  Pair pair;
  pair.know_each_other();
  RawClient before(pair.authority.files_of(3));
  ASSERT_TRUE(before.connect(pair.site, pair.b->address));
  const PeerFiles renewed = pair.authority.files_of(2);
  ASSERT_TRUE(pair.b->peers->reload_certificates());
  RawClient after(pair.authority.files_of(3));
  ASSERT_TRUE(after.connect(pair.site, pair.b->address));
  EXPECT_NE(before.server_serial(), after.server_serial());
  EXPECT_TRUE(pair.b->is_linked_with(1)) << "who is connected stays so";
  // A pair that does not fit changes nothing.
  pair.authority.write(renewed.certificate, "half a file", false);
  EXPECT_FALSE(pair.b->peers->reload_certificates());
  RawClient later(pair.authority.files_of(3));
  ASSERT_TRUE(later.connect(pair.site, pair.b->address));
  EXPECT_EQ(later.server_serial(), after.server_serial());
}

// No connection outlives a certificate it was made with; a new one is made with what was reloaded.
TEST(Peers, ConnectionsEndWithTheirCertificates) {
  TestAuthority authority;
  PeerSite site;
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto a =
      site.start(1, authority.files_of(1, now - std::chrono::days(1) + std::chrono::seconds(4), std::chrono::days(1)));
  const auto b = site.start(2, authority.files_of(2));
  const raft::Configuration configuration = members({{1, a.get()}, {2, b.get()}});
  a->peers->set_members(configuration, Strangers::refuse);
  b->peers->set_members(configuration, Strangers::refuse);
  ASSERT_TRUE(site.wait_until([&] { return a->is_linked_with(2) && b->is_linked_with(1); }));
  ASSERT_TRUE(site.wait_until([&] { return !a->status_of(2).channels[0].is_connected; }));
  ASSERT_TRUE(site.wait_until([&] { return !b->status_of(1).channels[0].is_heard; }));
  static_cast<void>(authority.files_of(1));
  ASSERT_TRUE(a->peers->reload_certificates());
  EXPECT_TRUE(site.wait_until([&] { return a->is_linked_with(2) && b->is_linked_with(1); }));
}

TEST(Peers, StopIsQuiet) {
  Pair pair;
  pair.know_each_other();
  pair.a->peers->send(two, Channel::control, FrameType::raft, "last words");
  pair.b->peers->stop();
  pair.a->peers->stop();
  pair.site.run_for(std::chrono::milliseconds(100));
  EXPECT_TRUE(pair.b->heard.empty());
  EXPECT_TRUE(pair.a->peers->status().empty());
  // Nothing is left to do, so nobody keeps the context running.
  pair.site.context.restart();
  EXPECT_EQ(pair.site.context.run_for(std::chrono::seconds(5)), 0U);
}

TEST(Peers, ChannelOfMessages) {
  raft::Message message;
  message.body = raft::SnapshotChunk{};
  EXPECT_EQ(Peers::channel_of(message), Channel::bulk);
  message.body = raft::AppendRequest{};
  EXPECT_EQ(Peers::channel_of(message), Channel::control);
}

TEST(PeerAddress, Split) {
  EXPECT_EQ(split_address("[2001:db8::1]:7946")->host, "2001:db8::1");
  EXPECT_EQ(split_address("lb1.example.net:7946")->port, "7946");
  for (const char* bad :
       {"", "lb1", "lb1:", ":7946", "2001:db8::1:7946", "lb1:70000", "lb1:7x", "[]:1", "lb1:999999999999"}) {
    EXPECT_FALSE(split_address(bad)) << bad;
  }
}

}  // namespace
}  // namespace sluice::io
