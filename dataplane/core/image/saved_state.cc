// SPDX-License-Identifier: Apache-2.0
#include "saved_state.h"

#include "byte_codec.h"
#include "siphash.h"

namespace sluice {
namespace {

constexpr std::string_view magic = "SLUICEST";
constexpr SipKey digest_key = sip_key("sluice-state-f01");
constexpr SipKey change_key = sip_key("sluice-change-01");

}  // namespace

Result<std::string> encode_saved_state(const ForwardingState& state) {
  // The state is up to 80 MiB: what goes before it is filled in afterwards, so that it stands in memory once.
  constexpr std::size_t head_bytes = magic.size() + 2 * sizeof(std::uint64_t);
  std::string content = encode_state(state, nullptr, std::string(head_bytes, '\0'));
  const std::string_view encoded = std::string_view(content).substr(head_bytes);
  if (encoded.size() > state_bytes_max) return make_error(ErrorCode::out_of_capacity, "the state is too long");
  ByteWriter head;
  head.put_raw(magic);
  head.put(std::uint64_t{encoded.size()});
  head.put(siphash24(digest_key, encoded));
  content.replace(0, head_bytes, head.view());
  return content;
}

Result<ForwardingState> decode_saved_state(std::string_view content) {
  ByteReader reader(content);
  if (reader.get_raw(magic.size()) != magic) return make_error(ErrorCode::invalid_argument, "this is no saved state");
  const auto length = reader.get<std::uint64_t>();
  const auto digest = reader.get<std::uint64_t>();
  const std::string_view encoded = reader.get_raw(reader.left());
  if (!reader.ok() || encoded.size() != length || siphash24(digest_key, encoded) != digest)
    return make_error(ErrorCode::invalid_argument, "the saved state is damaged");
  Result<DecodedState> decoded = decode_state(encoded, nullptr);
  if (!decoded) return decoded.error();
  if (!decoded->need.empty()) return make_error(ErrorCode::invalid_argument, "the saved state is not whole");
  return std::move(decoded->state);
}

std::string saved_change_head(std::string_view told) {
  ByteWriter head;
  head.put(std::uint64_t{told.size()});
  head.put(siphash24(change_key, told));
  return head.take();
}

ChangedState apply_saved_changes(std::optional<ForwardingState> state, std::string_view content) {
  ByteReader reader(content);
  while (reader.left() != 0) {
    const auto length = reader.get<std::uint64_t>();
    const auto digest = reader.get<std::uint64_t>();
    const std::string_view told = reader.get_raw(length);
    if (!reader.ok() || siphash24(change_key, told) != digest) return {std::move(state), false};
    Result<DecodedState> decoded = decode_state(told, state ? &*state : nullptr);
    if (decoded && decoded->need.empty()) state = std::move(decoded->state);
  }
  return {std::move(state), true};
}

}  // namespace sluice
