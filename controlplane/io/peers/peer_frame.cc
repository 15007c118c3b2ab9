// SPDX-License-Identifier: Apache-2.0
#include "peer_frame.h"

#include <algorithm>
#include <cstring>

#include "byte_codec.h"

namespace sluice::io {
namespace {

// One read for many small frames; given back to this size after a large one.
constexpr std::size_t buffer_bytes = 64 << 10;

}  // namespace

std::string encode_frame(FrameType type, std::string_view payload) {
  ByteWriter writer;
  writer.reserve(frame_prefix_bytes + frame_head_bytes + payload.size());
  writer.put(static_cast<std::uint32_t>(frame_head_bytes + payload.size()));
  writer.put(frame_version);
  writer.put(static_cast<std::uint8_t>(type));
  writer.put_raw(payload);
  return writer.take();
}

std::size_t FrameReader::wanted() const {
  if (end_ - begin_ < frame_prefix_bytes) return frame_prefix_bytes;
  ByteReader reader(std::string_view(buffer_).substr(begin_, frame_prefix_bytes));
  return frame_prefix_bytes + reader.get<std::uint32_t>();
}

std::span<char> FrameReader::room() {
  const std::size_t used = end_ - begin_;
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, used);
    begin_ = 0;
    end_ = used;
  }
  const std::size_t limit = frame_prefix_bytes + bytes_max_;
  const std::size_t size = std::max(std::min(wanted(), limit), std::min(buffer_bytes, limit));
  if (buffer_.size() < size || (buffer_.size() > size && used <= size)) {
    // resize() alone would keep the large block.
    std::string fitting(size, '\0');
    std::memcpy(fitting.data(), buffer_.data(), used);
    buffer_ = std::move(fitting);
  }
  return {buffer_.data() + end_, buffer_.size() - end_};
}

Result<std::optional<Frame>> FrameReader::next() {
  if (has_failed_) return make_error(ErrorCode::invalid_argument, "the bytes before were no frame");
  const std::size_t size = wanted();
  if (end_ - begin_ < frame_prefix_bytes) return std::optional<Frame>();
  const std::size_t bytes = size - frame_prefix_bytes;
  if (bytes < frame_head_bytes || bytes > bytes_max_) {
    has_failed_ = true;
    return make_error(ErrorCode::invalid_argument, "a frame of " + std::to_string(bytes) +
                                                       " bytes; allowed: " + std::to_string(frame_head_bytes) + " to " +
                                                       std::to_string(bytes_max_));
  }
  if (end_ - begin_ < size) return std::optional<Frame>();
  ByteReader reader(std::string_view(buffer_).substr(begin_ + frame_prefix_bytes, bytes));
  const auto version = reader.get<std::uint8_t>();
  if (version != frame_version) {
    has_failed_ = true;
    return make_error(ErrorCode::invalid_argument, "a frame of version " + std::to_string(version));
  }
  Frame frame;
  frame.type = static_cast<FrameType>(reader.get<std::uint8_t>());
  frame.payload = reader.get_raw(reader.left());
  begin_ += size;
  return std::optional<Frame>(frame);
}

std::string encode_hello(const Hello& hello) {
  ByteWriter writer;
  writer.put(hello.protocol_min);
  writer.put(hello.protocol_max);
  writer.put_text(hello.cluster_id);
  writer.put(hello.node_id);
  writer.put(hello.to);
  writer.put(hello.feature_level);
  writer.put(static_cast<std::uint8_t>(hello.channel));
  writer.put_text(hello.address);
  writer.put_text(hello.version);
  return writer.take();
}

Result<Hello> decode_hello(std::string_view bytes) {
  ByteReader reader(bytes);
  Hello hello;
  hello.protocol_min = reader.get<std::uint16_t>();
  hello.protocol_max = reader.get<std::uint16_t>();
  hello.cluster_id = reader.get_text();
  hello.node_id = reader.get<raft::NodeId>();
  hello.to = reader.get<raft::NodeId>();
  hello.feature_level = reader.get<std::uint16_t>();
  const auto channel = reader.get<std::uint8_t>();
  hello.channel = static_cast<Channel>(channel);
  hello.address = reader.get_text();
  hello.version = reader.get_text();
  // What a later protocol appends is not for us to understand.
  if (!reader.ok() || channel >= channel_count || hello.protocol_min > hello.protocol_max ||
      hello.node_id.value() == 0) {
    return make_error(ErrorCode::invalid_argument, "a hello that is none");
  }
  const auto is_plain = [](char c) { return c > ' ' && c < '\x7f'; };
  for (const std::string* text : {&hello.cluster_id, &hello.address, &hello.version}) {
    if (std::all_of(text->begin(), text->end(), is_plain)) continue;
    return make_error(ErrorCode::invalid_argument, "a hello with signs that are none of a name's");
  }
  return hello;
}

std::optional<std::uint16_t> common_protocol(const Hello& ours, const Hello& theirs) {
  const std::uint16_t highest = std::min(ours.protocol_max, theirs.protocol_max);
  if (highest < std::max(ours.protocol_min, theirs.protocol_min)) return std::nullopt;
  return highest;
}

}  // namespace sluice::io
