// SPDX-License-Identifier: Apache-2.0
// Integers that do not mix: explicit in, explicit out, no arithmetic across kinds.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace sluice {

// A number with a meaning. `value()` is the only way out.
template <typename Tag, typename Rep>
class Strong {
 public:
  using rep = Rep;
  constexpr Strong() = default;
  constexpr explicit Strong(Rep value) : value_(value) {}
  [[nodiscard]] constexpr Rep value() const { return value_; }
  friend constexpr auto operator<=>(const Strong&, const Strong&) = default;

 private:
  Rep value_{};
};

using Generation = Strong<struct GenerationTag, std::uint64_t>;      // forwarding image generation; 0 = none yet
using BackendIndex = Strong<struct BackendIndexTag, std::uint32_t>;  // line in the image's backends; 0 = none
using MemberIndex = Strong<struct MemberIndexTag, std::uint16_t>;    // position in a pool's member list
using SlotIndex = Strong<struct SlotIndexTag, std::uint32_t>;        // 0 .. slots_count - 1

// A TCP or UDP port in host byte order. The wire order exists only inside abi structs.
using PortHost = Strong<struct PortHostTag, std::uint16_t>;

}  // namespace sluice

template <typename Tag, typename Rep>
struct std::hash<sluice::Strong<Tag, Rep>> {
  std::size_t operator()(const sluice::Strong<Tag, Rep>& strong) const noexcept {
    return std::hash<Rep>{}(strong.value());
  }
};
