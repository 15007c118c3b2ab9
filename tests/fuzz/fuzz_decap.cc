// SPDX-License-Identifier: Apache-2.0
// Decapsulation against any frame: reads nothing outside it (the copy ends where the frame ends), changes nothing but
// what it may, and gives only a backend's reasons.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "sluice_decap.h"

namespace {

// Not assert: the check must hold in every build type.
void require(bool condition) {
  if (!condition) std::abort();
}

constexpr sluice_u32 word(unsigned a, unsigned b, unsigned c, unsigned d) {
  return a | b << 8U | c << 16U | d << 24U;
}

// 10.3.0.2 and fd00:3::2 are the host's, 203.0.113.10 and 2001:db8:203::10 its VIPs; 10.2/16 and fd00:2::/32 may send.
constexpr sluice_host_entry addresses[] = {
    {{{word(10, 3, 0, 2), 0, 0, 0}, 4}, SLUICE_HOST_TUNNEL_END},
    {{{word(0xfd, 0, 0, 3), 0, 0, word(0, 0, 0, 2)}, 6}, SLUICE_HOST_TUNNEL_END},
    {{{word(203, 0, 113, 10), 0, 0, 0}, 4}, SLUICE_HOST_VIP},
    {{{word(0x20, 1, 0x0d, 0xb8), word(2, 3, 0, 0), 0, word(0, 0, 0, 0x10)}, 6}, SLUICE_HOST_VIP},
};
constexpr sluice_source_range sources[] = {{32 + 16, 4, {word(10, 2, 0, 0), 0, 0, 0}},
                                           {32 + 32, 6, {word(0xfd, 0, 0, 2), 0, 0, 0}}};

void check_delivered(const std::uint8_t* before, std::size_t size, const sluice_frame& frame) {
  const auto left = static_cast<std::size_t>(frame.end - frame.data);
  require(left + 20 <= size && left >= 14 + 20);
  require(std::memcmp(frame.data, before, 12) == 0);
  sluice_decap decap{};
  const sluice_u16 ethertype = sluice_decap_ethernet(&frame, &decap);
  require(ethertype == SLUICE_ETHERTYPE_IPV4 || ethertype == SLUICE_ETHERTYPE_IPV6);
  const std::size_t l3 = decap.l3_offset;
  require(frame.data[l3] >> 4U == (ethertype == SLUICE_ETHERTYPE_IPV4 ? 4 : 6));
  const std::uint8_t* inner = before + (size - left);
  for (std::size_t at = l3; at < left; ++at)
    require(frame.data[at] == inner[at] || at == l3 + 1 || at == l3 + 10 || at == l3 + 11);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const sluice_decap_tables tables{addresses, sources, 4, 2, SLUICE_GUE_PORT};
  const auto copy = std::make_unique<std::uint8_t[]>(size);
  if (size != 0) std::memcpy(copy.get(), data, size);
  sluice_frame frame{copy.get(), copy.get() + size, copy.get()};
  const sluice_reason reason = sluice_decapsulate(&frame, &tables);
  if (reason == SLUICE_REASON_delivered) {
    check_delivered(data, size, frame);
    return 0;
  }
  require(reason == SLUICE_REASON_not_tunnel || reason == SLUICE_REASON_tunnel_source ||
          reason == SLUICE_REASON_tunnel_inner || reason == SLUICE_REASON_tunnel_malformed);
  require(frame.data == copy.get() && std::memcmp(copy.get(), data, size) == 0);
  return 0;
}
