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
#include "sluice_pipeline.h"
#include "tcp_frame.h"

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

inline Bytes vip_frame(std::uint16_t source_port = 1000) {
  Bytes frame(tcp_frame_bytes);
  put_tcp_frame(frame.data(), source_port, 80, SLUICE_TCP_ACK);
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
