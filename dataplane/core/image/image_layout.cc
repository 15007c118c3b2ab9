// SPDX-License-Identifier: Apache-2.0
#include "image_layout.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "error.h"
#include "sluice_encap.h"
#include "sluice_hash.h"

namespace sluice {
namespace {

template <typename Line>
std::vector<sluice_line> as_lines(const std::vector<Line>& typed) {
  static_assert(sizeof(Line) == sizeof(sluice_line));
  std::vector<sluice_line> lines(typed.size());
  if (!typed.empty()) std::memcpy(lines.data(), typed.data(), typed.size() * sizeof(Line));
  return lines;
}

std::uint64_t destination_hash(const sluice_vip& vip, const sluice_hash_key& key) {
  const int is_v6 = vip.kind == SLUICE_KEY_SERVICE_V6 || vip.kind == SLUICE_KEY_ADDRESS_V6;
  const sluice_u32 word = sluice_service_word(sluice_swap16(vip.port_be), vip.protocol, vip.kind);
  return sluice_hash_destination(&key, vip.address, word, is_v6);
}

bool is_same_key(const sluice_vip& a, const sluice_vip& b) {
  return a.kind == b.kind && a.protocol == b.protocol && a.port_be == b.port_be &&
         std::equal(std::begin(a.address), std::end(a.address), std::begin(b.address));
}

// The widest lines that cover no more unstable slots each than they have places: of any slot and the one that many
// after it, a line covers at most one. Wider than 2^16 slots and slot_low would be ambiguous.
std::uint32_t past_shift(std::span<const PreviousOwners> past) {
  unsigned shift = 16;
  for (std::size_t i = SLUICE_PAST_PER_LINE; i < past.size(); ++i) {
    const std::uint32_t differing = past[i].slot.value() ^ past[i - SLUICE_PAST_PER_LINE].slot.value();
    shift = std::min(shift, static_cast<unsigned>(std::bit_width(differing)) - 1);
  }
  return shift;
}

std::size_t lines_covering(std::size_t slots_count, std::uint32_t shift) {
  return ((slots_count - 1) >> shift) + 1;
}

}  // namespace

std::vector<sluice_line> encode_slots(const ForwardingPool& pool) {
  SLUICE_INVARIANT(!pool.slots.empty());
  static_assert(sizeof(sluice_slots) == SLUICE_SLOTS_PER_LINE * sizeof(sluice_u16));
  const std::span<const std::uint16_t> current = pool.slots;
  SLUICE_INVARIANT(*std::max_element(current.begin(), current.end()) < pool.members.size());
  std::vector<sluice_slots> lines((current.size() + SLUICE_SLOTS_PER_LINE - 1) / SLUICE_SLOTS_PER_LINE);
  std::fill(std::begin(lines.back().entry), std::end(lines.back().entry), SLUICE_MEMBER_NONE);
  // Lines of slots are one array of entries.
  std::memcpy(lines.data(), current.data(), current.size_bytes());
  for (const PreviousOwners& owners : pool.past) {
    const std::uint32_t slot = owners.slot.value();
    SLUICE_INVARIANT(slot < current.size());
    lines[slot / SLUICE_SLOTS_PER_LINE].entry[slot % SLUICE_SLOTS_PER_LINE] |= SLUICE_SLOT_UNSTABLE;
  }
  return as_lines(lines);
}

std::size_t past_lines_of(const ForwardingPool& pool) {
  return pool.past.empty() ? 0 : lines_covering(pool.slots.size(), past_shift(pool.past));
}

EncodedPast encode_past(const ForwardingPool& pool) {
  EncodedPast encoded;
  if (pool.past.empty()) return encoded;
  encoded.shift = past_shift(pool.past);
  std::vector<sluice_past> lines(lines_covering(pool.slots.size(), encoded.shift));
  for (sluice_past& line : lines) {
    for (sluice_past_entry& entry : line.entry) {
      entry.slot_low = 0;
      std::fill(std::begin(entry.member), std::end(entry.member), SLUICE_MEMBER_NONE);
    }
  }
  const sluice_past* last = nullptr;
  sluice_past_entry* place = nullptr;
  for (const PreviousOwners& owners : pool.past) {
    sluice_past& line = lines[owners.slot.value() >> encoded.shift];
    // Ascending slots fill line after line.
    place = &line == last ? place + 1 : std::begin(line.entry);
    last = &line;
    SLUICE_INVARIANT(place != std::end(line.entry));
    place->slot_low = static_cast<std::uint16_t>(owners.slot.value());
    std::copy(owners.members.begin(), owners.members.end(), std::begin(place->member));
  }
  encoded.lines = as_lines(lines);
  return encoded;
}

std::vector<sluice_line> encode_members(std::span<const std::uint32_t> indices) {
  std::vector<sluice_members> lines((indices.size() + SLUICE_MEMBERS_PER_LINE - 1) / SLUICE_MEMBERS_PER_LINE);
  for (std::size_t i = 0; i < indices.size(); ++i)
    lines[i / SLUICE_MEMBERS_PER_LINE].backend[i % SLUICE_MEMBERS_PER_LINE] = indices[i];
  return as_lines(lines);
}

sluice_backend encode_backend(const ForwardingBackend& backend) {
  sluice_backend line{};
  const auto source = backend.source.words();
  const auto destination = backend.key.address.words();
  std::copy(source.begin(), source.end(), std::begin(line.source));
  std::copy(destination.begin(), destination.end(), std::begin(line.destination));
  line.inner_mtu = backend.inner_mtu;
  line.encapsulation = backend.key.encapsulation;
  line.flags = SLUICE_BACKEND_ALIVE;
  // A chain is GUE whatever the plain form is.
  line.port_be = sluice_swap16(backend.key.gue_port != 0 ? backend.key.gue_port : SLUICE_GUE_PORT);
  line.id = backend.id;
  if (backend.key.address.is_v4()) line.checksum = sluice_outer_checksum(source[0], destination[0]);
  return line;
}

sluice_vip encode_vip_key(const IpAddress& address, std::uint8_t protocol, std::uint16_t port, bool is_service) {
  sluice_vip vip{};
  const auto words = address.words();
  std::copy(words.begin(), words.end(), std::begin(vip.address));
  vip.protocol = protocol;
  vip.port_be = sluice_swap16(port);
  if (is_service)
    vip.kind = address.is_v4() ? SLUICE_KEY_SERVICE_V4 : SLUICE_KEY_SERVICE_V6;
  else
    vip.kind = address.is_v4() ? SLUICE_KEY_ADDRESS_V4 : SLUICE_KEY_ADDRESS_V6;
  return vip;
}

bool place_vips(std::span<const sluice_vip> vips, const sluice_hash_key& key, std::span<sluice_vip> buffer) {
  // Cuckoo hashing (Pagh and Rodler 2001) with one key a line. The table is at most an eighth full, so a walk this long
  // means a cycle.
  constexpr int steps_max = 512;
  const auto mask = static_cast<std::uint32_t>(buffer.size() - 1);
  std::fill(buffer.begin(), buffer.end(), sluice_vip{});
  for (sluice_vip moving : vips) {
    std::uint32_t line = sluice_vip_first(destination_hash(moving, key), mask);
    for (int step = 0;; ++step) {
      if (step == steps_max) return false;
      std::swap(moving, buffer[line]);
      if (moving.kind == SLUICE_KEY_EMPTY) break;
      const std::uint64_t hash = destination_hash(moving, key);
      const std::uint32_t first = sluice_vip_first(hash, mask);
      line = line == first ? sluice_vip_second(&key, hash, mask) : first;
    }
  }
  for (std::uint32_t line = 0; line <= mask; ++line) {
    if (buffer[line].kind == SLUICE_KEY_EMPTY) continue;
    const std::uint32_t first = sluice_vip_first(destination_hash(buffer[line], key), mask);
    if (first != line) buffer[first].chained = 1;
  }
  return true;
}

std::vector<std::uint32_t> placed_lines(std::span<const sluice_vip> vips, const sluice_hash_key& key,
                                        std::span<const sluice_vip> buffer) {
  const auto mask = static_cast<std::uint32_t>(buffer.size() - 1);
  std::vector<std::uint32_t> lines;
  lines.reserve(vips.size());
  for (const sluice_vip& vip : vips) {
    const std::uint64_t hash = destination_hash(vip, key);
    const std::uint32_t first = sluice_vip_first(hash, mask);
    lines.push_back(is_same_key(buffer[first], vip) ? first : sluice_vip_second(&key, hash, mask));
    SLUICE_INVARIANT(is_same_key(buffer[lines.back()], vip));
  }
  return lines;
}

}  // namespace sluice
