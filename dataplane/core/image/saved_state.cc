// SPDX-License-Identifier: Apache-2.0
#include "saved_state.h"

#include <utility>

#include "byte_codec.h"
#include "siphash.h"

namespace sluice {
namespace {

constexpr SipKey digest_key = sip_key("sluice-kept-0001");

struct Record {
  std::uint64_t sequence = 0;
  std::uint64_t told_realtime_ns = 0;
  std::string_view told;
};

// Nothing: torn or damaged.
std::optional<Record> next_record(ByteReader& reader) {
  const std::string_view head = reader.get_raw(saved_record_head_bytes);
  ByteReader fields(head);
  Record record;
  record.sequence = fields.get<std::uint64_t>();
  record.told_realtime_ns = fields.get<std::uint64_t>();
  const auto length = fields.get<std::uint64_t>();
  const auto told_digest = fields.get<std::uint64_t>();
  const std::string_view covered = head.substr(0, head.size() - fields.left());
  const auto head_digest = fields.get<std::uint64_t>();
  if (!reader.ok() || siphash24(digest_key, covered) != head_digest) return std::nullopt;
  record.told = reader.get_raw(length);
  if (!reader.ok() || siphash24(digest_key, record.told) != told_digest) return std::nullopt;
  return record;
}

}  // namespace

std::string saved_change_head(std::string_view told, std::uint64_t sequence, std::uint64_t told_realtime_ns) {
  ByteWriter head;
  head.put(sequence);
  head.put(told_realtime_ns);
  head.put(std::uint64_t{told.size()});
  head.put(siphash24(digest_key, told));
  head.put(siphash24(digest_key, head.view()));
  return head.take();
}

Result<std::string> encode_saved_state(const ForwardingState& state, std::uint64_t sequence,
                                       std::uint64_t told_realtime_ns) {
  // The state is up to 80 MiB: what goes before it is filled in afterwards, so that it stands in memory once.
  constexpr std::size_t head_bytes = saved_state_magic.size() + saved_record_head_bytes;
  std::string content = encode_state(state, nullptr, std::string(head_bytes, '\0'));
  const std::string_view encoded = std::string_view(content).substr(head_bytes);
  if (encoded.size() > state_bytes_max) return make_error(ErrorCode::out_of_capacity, "the state is too long");
  content.replace(0, head_bytes,
                  std::string(saved_state_magic) + saved_change_head(encoded, sequence, told_realtime_ns));
  return content;
}

Result<SavedState> decode_saved_state(std::string_view content) {
  ByteReader reader(content);
  if (reader.get_raw(saved_state_magic.size()) != saved_state_magic)
    return make_error(ErrorCode::invalid_argument, "this is no saved state");
  const std::optional<Record> record = next_record(reader);
  if (!record || reader.left() != 0) return make_error(ErrorCode::invalid_argument, "the saved state is damaged");
  Result<DecodedState> decoded = decode_state(record->told, nullptr);
  if (!decoded) return decoded.error();
  if (!decoded->need.empty()) return make_error(ErrorCode::invalid_argument, "the saved state is not whole");
  return SavedState{std::move(decoded->state), record->sequence, record->told_realtime_ns};
}

void apply_saved_changes(SavedState& saved, std::string_view content) {
  ByteReader reader(content);
  while (reader.left() != 0) {
    const std::optional<Record> record = next_record(reader);
    if (!record) {
      saved.is_whole = false;
      return;
    }
    if (record->sequence <= saved.sequence) continue;
    saved.sequence = record->sequence;
    Result<DecodedState> decoded = decode_state(record->told, saved.state ? &*saved.state : nullptr);
    saved.is_whole = decoded && decoded->need.empty();
    if (!saved.is_whole) continue;
    saved.state = std::move(decoded->state);
    saved.told_realtime_ns = record->told_realtime_ns;
  }
}

}  // namespace sluice
