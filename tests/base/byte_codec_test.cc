// SPDX-License-Identifier: Apache-2.0
#include "byte_codec.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(ByteCodec, WhatIsWrittenIsRead) {
  ByteWriter writer;
  writer.put(std::uint8_t{0xab});
  writer.put(std::uint16_t{0x1234});
  writer.put(std::uint32_t{0xdeadbeef});
  writer.put(std::uint64_t{0x0123456789abcdef});
  writer.put(Generation(42));
  writer.put_flag(true);
  writer.put_text("name");
  writer.put_raw("raw");
  EXPECT_EQ(writer.view().substr(0, 3), "\xab\x34\x12");  // little-endian
  ByteReader reader(writer.view());
  EXPECT_EQ(reader.get<std::uint8_t>(), 0xab);
  EXPECT_EQ(reader.get<std::uint16_t>(), 0x1234);
  EXPECT_EQ(reader.get<std::uint32_t>(), 0xdeadbeef);
  EXPECT_EQ(reader.get<std::uint64_t>(), 0x0123456789abcdef);
  EXPECT_EQ(reader.get<Generation>(), Generation(42));
  EXPECT_TRUE(reader.get_flag());
  EXPECT_EQ(reader.get_text(), "name");
  EXPECT_FALSE(reader.is_finished());
  EXPECT_EQ(reader.get_raw(3), "raw");
  EXPECT_TRUE(reader.is_finished());
}

TEST(ByteCodec, NothingOutsideIsRead) {
  ByteReader reader(std::string_view("\x05\x00\x00\x00four", 8));
  EXPECT_EQ(reader.get_text(), "");
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.get<std::uint64_t>(), 0U);
  EXPECT_EQ(reader.left(), 0U);
  EXPECT_FALSE(reader.is_finished());
}

TEST(ByteCodec, CountsThatCannotBeAreRefused) {
  ByteReader reader(
      std::string_view("\x03\x00\x00\x00"
                       "12345",
                       9));
  EXPECT_EQ(reader.get_count(2), 0U);
  EXPECT_FALSE(reader.ok());
  ByteReader fitting(
      std::string_view("\x02\x00\x00\x00"
                       "12345",
                       9));
  EXPECT_EQ(fitting.get_count(2), 2U);
  EXPECT_TRUE(fitting.ok());
}

TEST(ByteCodec, OnlyZeroAndOneAreFlags) {
  ByteReader reader("\x02");
  EXPECT_FALSE(reader.get_flag());
  EXPECT_FALSE(reader.ok());
}

}  // namespace
}  // namespace sluice
