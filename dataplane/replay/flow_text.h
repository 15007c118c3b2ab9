// SPDX-License-Identifier: Apache-2.0
// What a frame is, in a few words, for people.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace sluice {

// 198.51.100.7:41234 -> 203.0.113.10:443/tcp, or as much of that as the frame tells. By the packet path's own parser.
[[nodiscard]] std::string flow_text(std::span<const std::uint8_t> frame);

}  // namespace sluice
