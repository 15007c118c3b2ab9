// SPDX-License-Identifier: Apache-2.0
#include "peer_frame.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "test_seed.h"

namespace sluice::io {
namespace {

void feed(FrameReader& reader, std::string_view& bytes, std::size_t at_most) {
  const std::span<char> room = reader.room();
  ASSERT_FALSE(room.empty());
  const std::size_t count = std::min({room.size(), bytes.size(), at_most});
  std::memcpy(room.data(), bytes.data(), count);
  reader.filled(count);
  bytes.remove_prefix(count);
}

Hello some_hello() {
  Hello hello;
  hello.protocol_max = 3;
  hello.cluster_id = "c1";
  hello.node_id = raft::NodeId(7);
  hello.to = raft::NodeId(8);
  hello.feature_level = 2;
  hello.channel = Channel::bulk;
  hello.address = "[::1]:7946";
  hello.version = "0.1.0";
  return hello;
}

TEST(PeerFrame, AnyCutGivesTheSameFrames) {
  std::mt19937_64 random(testing::seed());
  for (int round = 0; round < 50; ++round) {
    std::vector<std::pair<FrameType, std::string>> sent;
    std::string stream;
    for (int i = 0; i < 30; ++i) {
      std::string payload(random() % (random() % 10 == 0 ? 300000 : 100), static_cast<char>('a' + i % 26));
      const FrameType type = random() % 2 == 0 ? FrameType::raft : FrameType::node;
      stream += encode_frame(type, payload);
      sent.emplace_back(type, std::move(payload));
    }
    FrameReader reader(frame_bytes_max);
    std::string_view left = stream;
    std::size_t got = 0;
    while (!left.empty() || got < sent.size()) {
      feed(reader, left, 1 + random() % 70000);
      while (true) {
        const Result<std::optional<Frame>> next = reader.next();
        ASSERT_TRUE(next);
        if (!next->has_value()) break;
        ASSERT_LT(got, sent.size());
        EXPECT_EQ((*next)->type, sent[got].first);
        EXPECT_EQ((*next)->payload, sent[got].second);
        ++got;
      }
    }
    EXPECT_EQ(got, sent.size());
  }
}

TEST(PeerFrame, LengthIsCheckedBeforeMemoryIsTaken) {
  for (const std::uint32_t length : {0U, 1U, 1025U, 0x7fffffffU, 0xffffffffU}) {
    FrameReader reader(hello_bytes_max);
    std::string head(4, '\0');
    std::memcpy(head.data(), &length, 4);
    std::string_view left = head;
    feed(reader, left, 4);
    EXPECT_FALSE(reader.next()) << length;
    EXPECT_FALSE(reader.next());
    EXPECT_LE(reader.room().size(), hello_bytes_max + frame_prefix_bytes);
  }
  FrameReader fits(hello_bytes_max);
  const std::string frame = encode_frame(FrameType::hello, std::string(hello_bytes_max - frame_head_bytes, 'x'));
  std::string_view left = frame;
  feed(fits, left, frame.size());
  EXPECT_TRUE(fits.next()->has_value());
}

TEST(PeerFrame, LargeMemoryIsGivenBack) {
  FrameReader reader(frame_bytes_max);
  const std::string frame = encode_frame(FrameType::node, std::string(frame_payload_bytes_max, 'x'));
  std::string_view left = frame;
  while (!left.empty()) feed(reader, left, left.size());
  EXPECT_TRUE(reader.next()->has_value());
  EXPECT_GT(reader.capacity(), frame_bytes_max);
  static_cast<void>(reader.room());
  EXPECT_LE(reader.capacity(), 64U << 10);
}

TEST(PeerFrame, OtherVersions) {
  std::string frame = encode_frame(FrameType::node, "x");
  frame[4] = 2;
  FrameReader reader(frame_bytes_max);
  std::string_view left = frame;
  feed(reader, left, left.size());
  EXPECT_FALSE(reader.next());
}

TEST(PeerHello, RoundTripAndWhatIsNone) {
  const std::string bytes = encode_hello(some_hello());
  const Result<Hello> read = decode_hello(bytes);
  ASSERT_TRUE(read) << read.error().context;
  EXPECT_EQ(read.value(), some_hello());
  for (std::size_t i = 0; i < bytes.size(); ++i) EXPECT_FALSE(decode_hello(bytes.substr(0, i)));
  EXPECT_TRUE(decode_hello(bytes + "what a later version appends"));
  Hello bad = some_hello();
  bad.node_id = raft::NodeId();
  EXPECT_FALSE(decode_hello(encode_hello(bad)));
  bad = some_hello();
  bad.address = "a\nb";
  EXPECT_FALSE(decode_hello(encode_hello(bad)));
  bad = some_hello();
  bad.protocol_min = 4;
  EXPECT_FALSE(decode_hello(encode_hello(bad)));
}

TEST(PeerHello, CommonProtocol) {
  const auto speaks = [](std::uint16_t from, std::uint16_t to) {
    Hello hello;
    hello.protocol_min = from;
    hello.protocol_max = to;
    return hello;
  };
  EXPECT_EQ(common_protocol(speaks(1, 3), speaks(2, 5)), 3);
  EXPECT_EQ(common_protocol(speaks(2, 5), speaks(1, 3)), 3);
  EXPECT_EQ(common_protocol(speaks(1, 1), speaks(1, 1)), 1);
  EXPECT_EQ(common_protocol(speaks(1, 2), speaks(3, 4)), std::nullopt);
}

}  // namespace
}  // namespace sluice::io
