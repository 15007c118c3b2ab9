// SPDX-License-Identifier: Apache-2.0
// The frame that tests without a network send: TCP from 198.51.100.7 to 203.0.113.10, without payload.
#pragma once

#include <algorithm>
#include <cstdint>

#include "sluice_types.h"

namespace sluice::testing {

inline constexpr std::uint32_t tcp_frame_bytes = 14 + 20 + 20;

// Over a header without options.
inline void put_ipv4_checksum(std::uint8_t* header) {
  sluice_store16(header + 10, 0);
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < 20; i += 2) sum += sluice_load16_be(header + i);
  sum = (sum & 0xffff) + (sum >> 16);
  sluice_store16_be(header + 10, static_cast<sluice_u16>(~(sum + (sum >> 16))));
}

// `frame` has tcp_frame_bytes.
inline void put_tcp_frame(std::uint8_t* frame, std::uint16_t source_port, std::uint16_t port, std::uint8_t flags) {
  static constexpr std::uint8_t head[] = {2,  0, 0, 0, 0, 1,  2, 0, 0, 0,   0,  2,   8, 0,   0x45, 0,   0,
                                          40, 0, 1, 0, 0, 64, 6, 0, 0, 198, 51, 100, 7, 203, 0,    113, 10};
  std::fill_n(frame, tcp_frame_bytes, std::uint8_t{0});
  std::copy(std::begin(head), std::end(head), frame);
  put_ipv4_checksum(frame + 14);
  sluice_store16_be(frame + 34, source_port);
  sluice_store16_be(frame + 36, port);
  frame[46] = 0x50;  // data offset
  frame[47] = flags;
}

}  // namespace sluice::testing
