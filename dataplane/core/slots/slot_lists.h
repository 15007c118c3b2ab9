// SPDX-License-Identifier: Apache-2.0
// Who owns a slot and who owned it before: one list, and a table of lists in little memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "slot_member.h"

namespace sluice {

// What a packet can carry (SLUICE_CANDIDATES_MAX of the image).
inline constexpr std::size_t slot_owners_max = 4;

// Distinct member ids, the current owner first, then younger before older ones. Eight bytes.
class SlotOwners {
 public:
  using Past = std::array<std::uint16_t, slot_owners_max - 1>;  // no_member fills it up
  static constexpr Past no_past = {no_member, no_member, no_member};

  SlotOwners() = default;
  SlotOwners(std::uint16_t current, const Past& past) : ids_{current, past[0], past[1], past[2]} {}

  // Without a branch: lengths are random, and a step asks for all of them.
  [[nodiscard]] std::size_t size() const {
    return std::size_t{ids_[0] != no_member} + std::size_t{ids_[1] != no_member} + std::size_t{ids_[2] != no_member} +
           std::size_t{ids_[3] != no_member};
  }
  [[nodiscard]] std::uint16_t current() const { return ids_[0]; }
  // Views into this object: not to be taken of a temporary.
  [[nodiscard]] std::span<const std::uint16_t> all() const& { return {ids_.data(), size()}; }
  [[nodiscard]] std::span<const std::uint16_t> past() const& { return all().subspan(1); }
  std::span<const std::uint16_t> all() const&& = delete;
  std::span<const std::uint16_t> past() const&& = delete;
  [[nodiscard]] bool stable() const { return ids_[1] == no_member; }
  [[nodiscard]] std::uint16_t operator[](std::size_t i) const { return ids_[i]; }

  // `id` becomes the current owner; everybody before its old place moves back by one. What then exceeds `limit` (2 to
  // slot_owners_max) is forgotten.
  void put_first(std::uint16_t id, std::size_t limit);
  // Removes a past owner; the current one stays.
  void forget(std::uint16_t id);

  friend bool operator==(const SlotOwners&, const SlotOwners&) = default;

 private:
  std::array<std::uint16_t, slot_owners_max> ids_ = {no_member, no_member, no_member, no_member};
};
static_assert(sizeof(SlotOwners) == 8);

// A table of SlotOwners at rest. Current owners stand in a flat array; past ones only for unstable slots (those with a
// past), found by counting bits. 65,537 slots take 140 KiB and 6 bytes per unstable slot, against 512 KiB unpacked: 500
// pools with a tenth of their slots unstable fit 90 MiB.
class SlotLists {
 public:
  SlotLists() = default;
  explicit SlotLists(std::span<const SlotOwners> lists);

  [[nodiscard]] std::uint32_t slots_count() const { return static_cast<std::uint32_t>(current_.size()); }
  [[nodiscard]] std::uint32_t unstable_count() const { return static_cast<std::uint32_t>(past_.size()); }
  [[nodiscard]] std::span<const std::uint16_t> current() const { return current_; }
  [[nodiscard]] bool unstable(std::uint32_t slot) const { return (unstable_[slot / 64] >> (slot % 64) & 1) != 0; }
  // One bit per slot, the lowest of a word first.
  [[nodiscard]] std::span<const std::uint64_t> unstable_words() const { return unstable_; }
  // Of the unstable slots, in slot order.
  [[nodiscard]] std::span<const SlotOwners::Past> past() const { return past_; }
  [[nodiscard]] SlotOwners at(std::uint32_t slot) const;
  [[nodiscard]] std::vector<SlotOwners> unpacked() const;
  [[nodiscard]] std::size_t size_bytes() const;

 private:
  std::vector<std::uint16_t> current_;
  std::vector<std::uint64_t> unstable_;  // one bit per slot
  std::vector<std::uint32_t> ranks_;     // unstable slots before each word of the above
  std::vector<SlotOwners::Past> past_;   // of the unstable slots, in slot order
};

}  // namespace sluice
