// SPDX-License-Identifier: Apache-2.0
// What balancers say to each other, as bytes. Pure. A frame is
//   u32 length of what follows | u8 version | u8 type | payload
// little-endian. No checksum: every byte travels in a TLS record, whose authentication tag (AES-GCM or
// ChaCha20-Poly1305) is 128 bits long and ends the connection if one bit is wrong; 32 bits of CRC inside could only be
// wrong where our own memory is, and there they would be computed over what is wrong already.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "error.h"
#include "raft_types.h"

namespace sluice::io {

enum class FrameType : std::uint8_t {
  hello = 1,    // first of the one who dials
  welcome = 2,  // the answer
  ping = 3,
  pong = 4,
  refusal = 5,  // instead of a welcome: a line that says why, for people
  raft = 16,    // encode_message() of raft_codec.h
  node = 17,    // the node's own; the transport does not look into it
};

// Two connections to every peer: what is large and may wait never stands before what is small and may not.
enum class Channel : std::uint8_t { control = 0, bulk = 1 };
inline constexpr std::size_t channel_count = 2;

inline constexpr std::uint8_t frame_version = 1;
inline constexpr std::size_t frame_prefix_bytes = 4;
inline constexpr std::size_t frame_head_bytes = 2;  // version and type, counted by the length
// The core's messages carry 1 MiB and one entry at least (RaftOptions), and no entry is longer than the node's
// command_bytes_max (8 MiB): a quarter more is nobody's message.
inline constexpr std::size_t frame_bytes_max = 10U << 20;
inline constexpr std::size_t frame_payload_bytes_max = frame_bytes_max - frame_head_bytes;
// Before a peer is known it may send no more than a hello.
inline constexpr std::size_t hello_bytes_max = 1024;

struct Frame {
  FrameType type = FrameType::ping;
  std::string_view payload;
};

[[nodiscard]] std::string encode_frame(FrameType type, std::string_view payload);

// Cuts a stream of bytes into frames. After an error nothing more comes out of it: the connection is to be closed.
class FrameReader {
 public:
  explicit FrameReader(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  void set_bytes_max(std::size_t bytes_max) { bytes_max_ = bytes_max; }
  // Room for the next bytes of the stream, never empty. Memory for a large frame is taken when its length is known and
  // allowed, and given back after it.
  [[nodiscard]] std::span<char> room();
  void filled(std::size_t bytes) { end_ += bytes; }
  // The next whole frame, if it is there; its payload is good until the next call of this or room().
  [[nodiscard]] Result<std::optional<Frame>> next();
  [[nodiscard]] std::size_t capacity() const { return buffer_.size(); }

 private:
  // What the frame that has begun takes with its length in front; the prefix alone while that is not there.
  [[nodiscard]] std::size_t wanted() const;

  std::size_t bytes_max_;
  std::string buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool has_failed_ = false;
};

// First words of a connection, both ways.
struct Hello {
  std::uint16_t protocol_min = 1;  // what this program speaks
  std::uint16_t protocol_max = 1;
  std::string cluster_id;
  raft::NodeId node_id;
  raft::NodeId to;  // who is meant
  std::uint16_t feature_level = 0;
  Channel channel = Channel::control;
  std::string address;  // where the sender can be dialled
  std::string version;  // of the program, for people
  friend bool operator==(const Hello&, const Hello&) = default;
};
[[nodiscard]] std::string encode_hello(const Hello& hello);
[[nodiscard]] Result<Hello> decode_hello(std::string_view bytes);
// The highest protocol that both speak; nothing: there is none.
[[nodiscard]] std::optional<std::uint16_t> common_protocol(const Hello& ours, const Hello& theirs);

}  // namespace sluice::io
