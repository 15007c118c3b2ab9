// SPDX-License-Identifier: Apache-2.0
// What others may try: nothing of it reaches the node above, and those who belong there notice nothing.
#include <gtest/gtest.h>

#include <boost/asio/write.hpp>
#include <random>

#include "cert_files.h"
#include "peer_connection.h"
#include "peer_site.h"
#include "test_seed.h"

namespace sluice::io {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr raft::NodeId one{1};
constexpr raft::NodeId two{2};

struct Victim {
  TestAuthority authority;
  PeerSite site;
  PeerSite::Start start;
  std::unique_ptr<TestNode> a;
  std::unique_ptr<TestNode> b;

  explicit Victim(const PeerLimits& limits = quick_limits()) {
    start.limits = limits;
    a = site.start(1, authority.files_of(1), start);
    b = site.start(2, authority.files_of(2), start);
    raft::Configuration configuration = members({{1, a.get()}, {2, b.get()}});
    // Of the cluster, and never heard of.
    configuration.members.push_back({raft::NodeId(3), raft::MemberRole::voter, "lb3", "127.0.0.1:1"});
    a->peers->set_members(configuration, Strangers::refuse);
    b->peers->set_members(configuration, Strangers::refuse);
    EXPECT_TRUE(site.wait_until([&] { return a->is_linked_with(2) && b->is_linked_with(1); }));
  }

  // The link between those who belong there works, and nobody else has been heard.
  void expect_unharmed() {
    const std::size_t before = b->heard.size();
    EXPECT_EQ(a->peers->send(two, Channel::control, FrameType::raft, "good"), Peers::Sent::queued);
    EXPECT_TRUE(site.wait_until([&] { return b->heard.size() > before; }));
    for (const TestNode::Heard& heard : b->heard) EXPECT_EQ(heard, (TestNode::Heard{one, FrameType::raft, "good"}));
    EXPECT_TRUE(b->is_linked_with(1));
  }
};

Hello hello_of(std::uint64_t node, const std::string& cluster_id = "c1") {
  Hello hello;
  hello.cluster_id = cluster_id;
  hello.node_id = raft::NodeId(node);
  hello.to = two;
  hello.address = "127.0.0.1:1";
  hello.version = "x";
  return hello;
}

std::string hello_frame(const Hello& hello) {
  return encode_frame(FrameType::hello, encode_hello(hello));
}

TEST(PeersAbuse, AnotherAuthority) {
  Victim victim;
  TestAuthority other("c1");
  RawClient client(other.files_of(3));
  if (client.connect(victim.site, victim.b->address)) {
    // TLS 1.3: the client learns of its refusal with its first read.
    client.send(victim.site, hello_frame(hello_of(3)));
    EXPECT_TRUE(client.is_closed(victim.site));
  }
  EXPECT_TRUE(victim.site.wait_until([&] { return victim.b->peers->statistics().refused_tls == 1; }));
  // And the other way round: whom we dial must be of our authority.
  const auto impostor = victim.site.start(3, other.files_of(3));
  victim.a->peers->set_members(members({{1, victim.a.get()}, {2, victim.b.get()}, {3, impostor.get()}}),
                               Strangers::refuse);
  ASSERT_TRUE(victim.site.wait_until([&] {
    return victim.a->status_of(3).channels[0].problem.find("certificate") != std::string::npos;
  })) << victim.a->status_of(3).channels[0].problem;
  victim.expect_unharmed();
}

// Somebody put both authorities into one file: the name in the certificate still decides.
TEST(PeersAbuse, AnotherCluster) {
  Victim victim;
  TestAuthority other("c2");
  victim.authority.write(victim.authority.ca_file(), victim.authority.ca().cert_pem + other.ca().cert_pem, false);
  ASSERT_TRUE(victim.b->peers->reload_certificates());
  for (const char* claimed : {"c1", "c2"}) {
    RawClient client(other.files_of(3));
    ASSERT_TRUE(client.connect(victim.site, victim.b->address));
    client.send(victim.site, hello_frame(hello_of(3, claimed)));
    EXPECT_TRUE(client.is_closed(victim.site));
  }
  EXPECT_TRUE(victim.site.wait_until([&] { return victim.b->peers->statistics().refused_identity == 2; }));
  victim.expect_unharmed();
}

TEST(PeersAbuse, AnotherNodesName) {
  Victim victim;
  Hello elsewhere = hello_of(3);
  elsewhere.to = raft::NodeId(77);
  Hello later = hello_of(3);
  later.protocol_min = later.protocol_max = 9;
  // As node 1 with node 3's certificate; as nobody we know; to somebody else; of the wrong cluster; in another
  // language.
  for (const Hello& hello : {hello_of(1), hello_of(9), elsewhere, hello_of(3, "c2"), later}) {
    RawClient client(victim.authority.files_of(3));
    ASSERT_TRUE(client.connect(victim.site, victim.b->address));
    client.send(victim.site, hello_frame(hello) + encode_frame(FrameType::raft, "bad"));
    EXPECT_TRUE(client.is_closed(victim.site));
  }
  EXPECT_TRUE(victim.site.wait_until([&] { return victim.b->peers->statistics().refused_identity == 5; }));
  victim.expect_unharmed();
}

TEST(PeersAbuse, WhoAnswersIsAnotherNode) {
  Victim victim;
  raft::Configuration configuration = members({{1, victim.a.get()}, {2, victim.b.get()}, {3, victim.b.get()}});
  victim.a->peers->set_members(configuration, Strangers::refuse);
  ASSERT_TRUE(victim.site.wait_until([&] {
    return victim.a->status_of(3).channels[0].problem.find("node/0000000000000002, not") != std::string::npos;
  })) << victim.a->status_of(3).channels[0].problem;
  victim.expect_unharmed();
}

TEST(PeersAbuse, AnOperatorIsNoNode) {
  Victim victim;
  RawClient client(victim.authority.client_files("alice"));
  ASSERT_TRUE(client.connect(victim.site, victim.b->address));
  client.send(victim.site, hello_frame(hello_of(3)));
  EXPECT_TRUE(client.is_closed(victim.site));
  EXPECT_TRUE(victim.site.wait_until([&] { return victim.b->peers->statistics().refused_identity == 1; }));
  victim.expect_unharmed();
}

TEST(PeersAbuse, RandomBytesWithoutTls) {
  std::mt19937_64 random(testing::seed());
  Victim victim;
  for (int i = 0; i < 50; ++i) {
    tcp::socket socket(victim.site.context);
    socket.connect(endpoint_of(victim.b->address));
    std::string bytes(1 + random() % 3000, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    error_code ignored;
    asio::write(socket, asio::buffer(bytes), ignored);
    victim.site.run_for(std::chrono::milliseconds(2));
  }
  EXPECT_TRUE(victim.site.wait_until([&] { return victim.b->peers->statistics().strangers == 0; }));
  EXPECT_EQ(victim.b->peers->statistics().refused_tls, 50U);
  victim.expect_unharmed();
}

// From a node of the cluster, before and after its welcome.
TEST(PeersAbuse, RandomBytesWithinTls) {
  std::mt19937_64 random(testing::seed());
  Victim victim;
  const PeerFiles files = victim.authority.files_of(3);
  for (int i = 0; i < 20; ++i) {
    RawClient client(files);
    ASSERT_TRUE(client.connect(victim.site, victim.b->address));
    if (i % 2 == 0) {
      client.send(victim.site, hello_frame(hello_of(3)));
      const auto welcome = client.read(victim.site);
      ASSERT_TRUE(welcome && welcome->first == FrameType::welcome);
    }
    std::string bytes(64, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    bytes[3] = static_cast<char>(0x80 | bytes[3]);  // surely too long
    client.send(victim.site, bytes);
    EXPECT_TRUE(client.is_closed(victim.site));
  }
  EXPECT_TRUE(victim.site.wait_until([&] { return victim.b->peers->statistics().refused_frame == 20; }));
  victim.expect_unharmed();
}

TEST(PeersAbuse, FramesOutOfPlaceOrTooLarge) {
  Victim victim;
  const PeerFiles files = victim.authority.files_of(3);
  const std::string large = encode_frame(FrameType::raft, std::string(frame_payload_bytes_max + 1, 'x'));
  const std::string long_hello = encode_frame(FrameType::hello, encode_hello(hello_of(3)) + std::string(2000, 'x'));
  for (const std::string& first :
       {long_hello, encode_frame(FrameType::raft, "bad"), encode_frame(FrameType::ping, "")}) {
    RawClient client(files);
    ASSERT_TRUE(client.connect(victim.site, victim.b->address));
    client.send(victim.site, first);
    EXPECT_TRUE(client.is_closed(victim.site));
  }
  for (const std::string& second : {large, hello_frame(hello_of(3)), encode_frame(FrameType::pong, ""),
                                    encode_frame(static_cast<FrameType>(99), "")}) {
    RawClient client(files);
    ASSERT_TRUE(client.connect(victim.site, victim.b->address));
    client.send(victim.site, hello_frame(hello_of(3)));
    ASSERT_TRUE(client.read(victim.site));
    client.send(victim.site, second);
    EXPECT_TRUE(client.is_closed(victim.site));
  }
  victim.expect_unharmed();
}

// What went over the wire once, sent again by somebody who has no key.
TEST(PeersAbuse, ReplayedBytes) {
  Victim victim;
  tcp::acceptor between(victim.site.context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  std::string recorded;
  std::atomic<bool> is_done = false;
  std::thread tap([&] {
    error_code fault;
    tcp::socket near(victim.site.context);
    tcp::socket far(victim.site.context);
    between.accept(near, fault);
    far.connect(endpoint_of(victim.b->address), fault);
    std::thread back([&] {
      std::array<char, 4096> part;
      error_code ended;
      while (!ended) {
        const std::size_t bytes = far.read_some(asio::buffer(part), ended);
        if (!ended) asio::write(near, asio::buffer(part, bytes), ended);
      }
      near.shutdown(tcp::socket::shutdown_both, ended);
    });
    std::array<char, 4096> part;
    while (!fault) {
      const std::size_t bytes = near.read_some(asio::buffer(part), fault);
      recorded.append(part.data(), bytes);
      if (!fault) asio::write(far, asio::buffer(part, bytes), fault);
    }
    far.shutdown(tcp::socket::shutdown_both, fault);
    back.join();
    is_done = true;
  });
  {
    RawClient client(victim.authority.files_of(3));
    const tcp::endpoint middle = between.local_endpoint();
    ASSERT_TRUE(client.connect(victim.site, "127.0.0.1:" + std::to_string(middle.port())));
    client.send(victim.site, hello_frame(hello_of(3)));
    ASSERT_TRUE(client.read(victim.site));
    client.send(victim.site, encode_frame(FrameType::raft, "good"));
    ASSERT_TRUE(victim.site.wait_until([&] { return !victim.b->heard.empty(); }));
  }
  ASSERT_TRUE(victim.site.wait_until([&] { return is_done.load(); }));
  tap.join();
  ASSERT_EQ(victim.b->heard.size(), 1U);
  victim.b->heard.clear();
  for (int i = 0; i < 5; ++i) {
    tcp::socket socket(victim.site.context);
    socket.connect(endpoint_of(victim.b->address));
    error_code ignored;
    asio::write(socket, asio::buffer(recorded), ignored);
    victim.site.run_for(std::chrono::milliseconds(20));
  }
  EXPECT_TRUE(victim.site.wait_until([&] { return victim.b->peers->statistics().refused_tls == 5; }));
  victim.expect_unharmed();
}

TEST(PeersAbuse, ThousandHalfOpenConnections) {
  PeerLimits limits = quick_limits();
  limits.handshake_deadline = std::chrono::milliseconds(1500);
  Victim victim(limits);
  std::vector<tcp::socket> sockets;
  for (int i = 0; i < 1000; ++i) {
    sockets.emplace_back(victim.site.context);
    error_code fault;
    sockets.back().connect(endpoint_of(victim.b->address), fault);
    ASSERT_FALSE(fault) << fault.message();
    // Some have begun a handshake.
    if (i % 3 == 0) asio::write(sockets.back(), asio::buffer(std::string("\x16\x03\x01\x02\x00\x01", 6)), fault);
    if (i % 50 != 0) continue;
    victim.site.run_for(std::chrono::milliseconds(2));
    EXPECT_LE(victim.b->peers->statistics().strangers, limits.strangers);
  }
  ASSERT_TRUE(victim.site.wait_until([&] { return victim.b->peers->statistics().accepted >= 1000; }));
  EXPECT_LE(victim.b->peers->statistics().strangers, limits.strangers);
  // Who is not there still was turned away: at once, or, where this took longer than the deadline, as late.
  EXPECT_GT(victim.b->peers->statistics().refused_busy, 0U);
  EXPECT_GE(victim.b->peers->statistics().refused_busy + victim.b->peers->statistics().refused_late,
            1000 - limits.strangers);
  victim.expect_unharmed();
  // Who belongs there gets in while the others wait.
  RawClient client(victim.authority.files_of(3));
  ASSERT_TRUE(client.connect(victim.site, victim.b->address));
  client.send(victim.site, hello_frame(hello_of(3)));
  const auto welcome = client.read(victim.site);
  EXPECT_TRUE(welcome && welcome->first == FrameType::welcome);
  EXPECT_TRUE(victim.site.wait_until([&] { return victim.b->peers->statistics().strangers == 0; }));
  EXPECT_GT(victim.b->peers->statistics().refused_late, 0U);
}

// Somebody of the cluster who says hello as a server, answers pings and reads nothing else.
TEST(PeersAbuse, SlowReader) {
  PeerLimits limits = quick_limits();
  limits.queue_bytes_control = 1U << 20;
  limits.silence_max = std::chrono::seconds(60);  // it is slow, not gone
  Victim victim(limits);
  const PeerFiles files = victim.authority.files_of(3);
  tcp::acceptor acceptor(victim.site.context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  std::atomic<bool> is_welcomed = false;
  std::atomic<bool> may_end = false;
  std::thread slow([&] {
    asio::ssl::context context(asio::ssl::context::tlsv13);
    context.use_certificate_file(files.certificate, asio::ssl::context::pem);
    context.use_private_key_file(files.key, asio::ssl::context::pem);
    context.load_verify_file(files.ca);
    context.set_verify_mode(asio::ssl::verify_peer);
    asio::ssl::stream<tcp::socket> stream(victim.site.context, context);
    acceptor.accept(stream.next_layer());
    acceptor.close();
    stream.handshake(asio::ssl::stream_base::server);
    std::array<char, 1000> hello;
    stream.read_some(asio::buffer(hello));
    Hello answer = hello_of(3);
    answer.to = one;
    asio::write(stream, asio::buffer(encode_frame(FrameType::welcome, encode_hello(answer))));
    is_welcomed = true;
    while (!may_end) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  });
  raft::Configuration configuration = members({{1, victim.a.get()}, {2, victim.b.get()}});
  configuration.members.push_back({raft::NodeId(3), raft::MemberRole::voter, "lb3",
                                   "127.0.0.1:" + std::to_string(acceptor.local_endpoint().port())});
  victim.a->peers->set_members(configuration, Strangers::refuse);
  ASSERT_TRUE(victim.site.wait_until([&] { return is_welcomed.load(); }));
  const auto channel = [&] {
    const PeerLinkStatus status = victim.a->status_of(3);
    return status.channels[0].is_connected ? status.channels[0] : status.channels[1];
  };
  ASSERT_TRUE(victim.site.wait_until([&] { return channel().is_connected; }));
  // Either of the two was first.
  const Channel which = victim.a->status_of(3).channels[0].is_connected ? Channel::control : Channel::bulk;
  const std::size_t limit = which == Channel::control ? limits.queue_bytes_control : limits.queue_bytes_bulk;
  std::size_t dropped = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto sent = victim.a->peers->send(raft::NodeId(3), which, FrameType::raft, std::string(100000, 'x'));
    dropped += sent == Peers::Sent::dropped ? 1 : 0;
    victim.site.run_for(std::chrono::milliseconds(1));
    ASSERT_LE(channel().queued_bytes, limit);
  }
  EXPECT_GT(dropped, 500U);
  EXPECT_GE(channel().dropped, dropped);
  victim.expect_unharmed();
  may_end = true;
  slow.join();
}

}  // namespace
}  // namespace sluice::io
