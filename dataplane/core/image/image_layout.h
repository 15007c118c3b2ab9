// SPDX-License-Identifier: Apache-2.0
// Model -> the exact bytes of the image's lines. Pure encoding; where the lines go is image_writer's business.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "forwarding_model.h"
#include "sluice_image.h"

namespace sluice {

// The array of 32-slot lines, each slot with SLUICE_SLOT_UNSTABLE if `past` names it. Not for an empty pool.
[[nodiscard]] std::vector<sluice_line> encode_slots(const ForwardingPool& pool);

struct EncodedPast {
  std::vector<sluice_line> lines;  // empty: no slot is unstable
  std::uint32_t shift = 0;         // a line covers 2^shift slots
};
// The widest lines that hold all their unstable slots; 2^3 slots always fit.
[[nodiscard]] EncodedPast encode_past(const ForwardingPool& pool);
// How many lines that makes.
[[nodiscard]] std::size_t past_lines_of(const ForwardingPool& pool);

// `indices`: backend index per member.
[[nodiscard]] std::vector<sluice_line> encode_members(std::span<const std::uint32_t> indices);

// Everything but the next hop.
[[nodiscard]] sluice_backend encode_backend(const ForwardingBackend& backend);

// A service or address key with nothing behind it yet.
[[nodiscard]] sluice_vip encode_vip_key(const IpAddress& address, std::uint8_t protocol, std::uint16_t port,
                                        bool is_service);

// Puts every line where its key's hash says (sluice_vip_first, sluice_vip_second), moving others to their second choice
// where needed. `buffer` is a power of two long and is overwritten. False if no placement was found.
[[nodiscard]] bool place_vips(std::span<const sluice_vip> vips, const sluice_hash_key& key,
                              std::span<sluice_vip> buffer);
// The line of each key in a buffer that place_vips() has filled.
[[nodiscard]] std::vector<std::uint32_t> placed_lines(std::span<const sluice_vip> vips, const sluice_hash_key& key,
                                                      std::span<const sluice_vip> buffer);

}  // namespace sluice
