// SPDX-License-Identifier: Apache-2.0
// What the tests of a worker have in common: EAL and its buffers, frames in and out of them, an image to work by.
#pragma once

#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include <cstring>
#include <functional>
#include <utility>
#include <vector>

#include "dpdk_image.h"
#include "eal.h"
#include "image_fixture.h"
#include "packet_pool.h"

namespace sluice::testing {

using Bytes = std::vector<std::uint8_t>;

inline constexpr std::uint32_t buffers_count = 2047;
inline constexpr std::uint32_t tick = 10;

// run_with_eal()'s, for as long as EAL runs.
inline rte_mempool* the_pool = nullptr;
inline rte_mempool* pool() {
  return the_pool;
}

inline void put_word_be(std::uint8_t* at, std::uint32_t word) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<std::uint8_t>(word >> (24 - 8 * i));
}

inline void put_ipv4_checksum(std::uint8_t* header) {
  header[10] = header[11] = 0;
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < 20; i += 2) sum += static_cast<std::uint32_t>(header[i] << 8 | header[i + 1]);
  sum = (sum & 0xffff) + (sum >> 16);
  const auto checksum = static_cast<std::uint16_t>(~(sum + (sum >> 16)));
  header[10] = static_cast<std::uint8_t>(checksum >> 8);
  header[11] = static_cast<std::uint8_t>(checksum);
}

// TCP from 198.51.100.7 to 203.0.113.10:80, an Ethernet frame of 14 + 40 bytes.
inline Bytes vip_frame(std::uint16_t source_port = 1000) {
  Bytes frame = {2,  0, 0, 0, 0, 1,  2, 0, 0, 0,   0,  2,   8, 0,   0x45, 0,   0,
                 40, 0, 1, 0, 0, 64, 6, 0, 0, 198, 51, 100, 7, 203, 0,    113, 10};
  frame.push_back(static_cast<std::uint8_t>(source_port >> 8));
  frame.push_back(static_cast<std::uint8_t>(source_port));
  frame.insert(frame.end(), {0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x10, 1, 0, 0, 0, 0, 0});
  put_ipv4_checksum(frame.data() + 14);
  return frame;
}

inline rte_mbuf* buffer_of(const Bytes& frame) {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(pool());
  EXPECT_NE(mbuf, nullptr);
  std::memcpy(rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.size())), frame.data(), frame.size());
  return mbuf;
}

inline Bytes bytes_of(rte_mbuf* mbuf) {
  const auto* data = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
  Bytes bytes(data, data + mbuf->data_len);
  rte_pktmbuf_free(mbuf);
  return bytes;
}

inline ImageOptions image_options() {
  return {2};
}

struct Image {
  explicit Image(
      const ForwardingModel& model, ImageWriter::ReadersMovedOn moved_on = [] {})
      : memory(DpdkImage::create(image_sizes_for(model, image_options()), MemoryKind::ordinary).value()),
        writer(memory.tables(), image_options(), std::move(moved_on)) {
    EXPECT_TRUE(writer.publish(model, any_next_hop, 1));
  }
  DpdkImage memory;
  ImageWriter writer;
};

// For main(): EAL is started once per process and by it.
inline int run_with_eal(int count, char** arguments) {
  ::testing::InitGoogleTest(&count, arguments);
  EalOptions options;
  options.memory_bytes = packet_pool_bytes(buffers_count, 1500);
  const auto eal = Eal::start(options);
  if (!eal) {
    std::fprintf(stderr, "%s\n", eal.error().context.c_str());
    return 1;
  }
  const PacketPool pool = make_packet_pool(buffers_count, 1500).value();
  the_pool = pool.get();
  return RUN_ALL_TESTS();
}

}  // namespace sluice::testing
