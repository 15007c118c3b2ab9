// SPDX-License-Identifier: Apache-2.0
#include "raft_codec.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "test_seed.h"

namespace sluice::raft {
namespace {

Configuration some_configuration() {
  return {{{NodeId(3), MemberRole::voter, "lb1", "192.0.2.1:7000"},
           {NodeId(7), MemberRole::learner, "lb2", "[2001:db8::2]:7000"}},
          {NodeId(5), NodeId(9)}};
}

std::vector<Message> one_of_each() {
  const std::vector<Entry> entries = {
      {Term(4), LogIndex(8), EntryType::noop, ""},
      {Term(4), LogIndex(9), EntryType::command, std::string("a\0b", 3)},
      {Term(5), LogIndex(10), EntryType::configuration, encode_configuration(some_configuration())}};
  const SnapshotMeta meta{LogIndex(8), Term(4), some_configuration()};
  const std::vector<MessageBody> bodies = {VoteRequest{true, false, LogIndex(7), Term(3)},
                                           VoteRequest{false, true, LogIndex(7), Term(3)},
                                           VoteReply{true, false},
                                           AppendRequest{LogIndex(7), Term(3), LogIndex(6), entries, 42},
                                           AppendReply{false, LogIndex(1), LogIndex(2), Term(3), 4, LogIndex(5)},
                                           SnapshotChunk{meta, 4, 7, 0x0123456789abcdef, "abc", 42},
                                           SnapshotReply{LogIndex(8), 7, true, 42},
                                           TransferRequest{},
                                           ReadRequest{ReadId(11)},
                                           ReadReply{ReadId(11), LogIndex(12)}};
  std::vector<Message> messages;
  for (const MessageBody& body : bodies) messages.push_back({NodeId(1), NodeId(2), Term(6), body});
  return messages;
}

TEST(RaftCodec, WhatIsEncodedIsDecoded) {
  for (const Message& message : one_of_each()) {
    const std::string bytes = encode_message(message);
    const Result<Message> decoded = decode_message(bytes);
    ASSERT_TRUE(decoded.has_value()) << message.body.index();
    EXPECT_EQ(decoded->from, message.from);
    EXPECT_EQ(decoded->to, message.to);
    EXPECT_EQ(decoded->term, message.term);
    EXPECT_EQ(decoded->body.index(), message.body.index());
    EXPECT_EQ(encode_message(*decoded), bytes);
  }
  const auto chunk = decode_message(encode_message(one_of_each()[5])).value();
  EXPECT_EQ(std::get<SnapshotChunk>(chunk.body).meta.configuration, some_configuration());
  const auto append = decode_message(encode_message(one_of_each()[3])).value();
  EXPECT_EQ(std::get<AppendRequest>(append.body).entries, std::get<AppendRequest>(one_of_each()[3].body).entries);
  EXPECT_EQ(decode_configuration(encode_configuration(some_configuration())).value(), some_configuration());
}

// The log and running peers hold these bytes.
TEST(RaftCodec, BytesStayWhatTheyAre) {
  EXPECT_EQ(encode_message({NodeId(1), NodeId(2), Term(3), ReadReply{ReadId(4), LogIndex(5)}}),
            std::string(
                "\x08\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0", 41));
  EXPECT_EQ(encode_configuration({{{NodeId(1), MemberRole::learner, "n", "a"}}, {NodeId(2)}}),
            std::string("\x01\0\0\0\x01\0\0\0\0\0\0\0\x02\x01\0\0\0n\x01\0\0\0a\x01\0\0\0\x02\0\0\0\0\0\0\0", 35));
  EXPECT_EQ(snapshot_digest("snapshot"), snapshot_digest(std::string("snapshot")));
}

TEST(RaftCodec, NeitherLessNorMoreIsTaken) {
  for (const Message& message : one_of_each()) {
    const std::string bytes = encode_message(message);
    for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(decode_message(bytes.substr(0, size)));
    EXPECT_FALSE(decode_message(bytes + '\0'));
  }
  const std::string bytes = encode_configuration(some_configuration());
  for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(decode_configuration(bytes.substr(0, size)));
  EXPECT_FALSE(decode_configuration(bytes + '\0'));
}

TEST(RaftCodec, ConfigurationsThatCannotBeAreRefused) {
  const auto refused = [](const Configuration& configuration) {
    return !decode_configuration(encode_configuration(configuration)).has_value();
  };
  const auto member = [](std::uint64_t id) { return Member{NodeId(id), MemberRole::voter, "", ""}; };
  EXPECT_FALSE(refused({}));
  EXPECT_FALSE(refused({{member(1), member(2)}, {NodeId(3), NodeId(4)}}));
  EXPECT_TRUE(refused({{member(2), member(1)}, {}}));
  EXPECT_TRUE(refused({{member(1), member(1)}, {}}));
  EXPECT_TRUE(refused({{member(0), member(1)}, {}}));
  EXPECT_TRUE(refused({{member(1)}, {NodeId(1)}}));
  EXPECT_TRUE(refused({{member(1)}, {NodeId(4), NodeId(3)}}));
  EXPECT_TRUE(refused({{member(1)}, {NodeId(0)}}));
  EXPECT_TRUE(refused({{{NodeId(1), MemberRole{3}, "", ""}}, {}}));
  EXPECT_TRUE(refused({{{NodeId(1), MemberRole{0}, "", ""}}, {}}));
}

// Whatever decodes encodes to the same bytes: no value has two encodings.
TEST(RaftCodec, ChangedBytesAreRefusedOrMeanSomethingElse) {
  std::mt19937_64 random(testing::seed());
  for (int round = 0; round < 20000; ++round) {
    const std::vector<Message> all = one_of_each();
    std::string bytes = encode_message(all[random() % all.size()]);
    for (std::uint64_t changes = 1 + random() % 3; changes > 0; --changes)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    const Result<Message> decoded = decode_message(bytes);
    if (decoded) {
      EXPECT_EQ(encode_message(*decoded), bytes);
    }
  }
}

TEST(RaftCodec, EveryChangedBitChangesTheDigest) {
  for (const std::size_t size : {1U, 7U, 8U, 9U, 64U, 100U}) {
    const std::string data(size, 'x');
    for (std::size_t bit = 0; bit < 8 * size; ++bit) {
      std::string changed = data;
      changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
      EXPECT_NE(snapshot_digest(changed), snapshot_digest(data));
    }
    EXPECT_NE(snapshot_digest(data + '\0'), snapshot_digest(data));
  }
  EXPECT_NE(snapshot_digest(""), snapshot_digest(std::string(1, '\0')));
}

}  // namespace
}  // namespace sluice::raft
